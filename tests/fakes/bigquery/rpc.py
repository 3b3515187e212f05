"""The gRPC server: procedures of the Storage APIs, faults, and a record of every request.

Every message of AppendRows is a request of its own: it is noted, and meets faults, for itself.
"""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types as storage

from tests.fakes import faults as wrong
from tests.fakes.bigquery.errors import ApiError, invalid
from tests.fakes.bigquery.http import Seen
from tests.fakes.bigquery.storage_read import ReadApi
from tests.fakes.bigquery.storage_write import WriteApi, too_large

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fakes.bigquery.service import Service

_PACKAGE = "google.cloud.bigquery.storage.v1"
_MESSAGE_BYTES = 128 << 20
_WORKERS = 64
_OK = 200


class _Lost(Exception):
    """The connection breaks here."""


class RpcServer:
    """The server.

    Args:
        address: Where it listens, host and port; port 0: any.
        service: The project.
        faults: What goes wrong.
        requests: Where every request is noted.

    """

    def __init__(self, address: tuple[str, int], service: Service, faults: wrong.Faults, requests: list[Seen]) -> None:
        self._read, self._write = ReadApi(service), WriteApi(service)
        self._faults = faults
        self._requests = requests
        self._numbers = itertools.count(1)
        self._ending = threading.Event()
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="grpc")
        sizes = [("grpc.max_receive_message_length", _MESSAGE_BYTES), ("grpc.max_send_message_length", _MESSAGE_BYTES)]
        self._server = grpc.server(self._pool, options=[*sizes, ("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers(self._handlers())
        self.address = f"{address[0]}:{self._server.add_insecure_port(f'{address[0]}:{address[1]}')}"
        self._server.start()

    def close(self) -> None:
        """Break all calls off and end."""
        self._ending.set()
        self._server.stop(grace=0).wait()
        self._pool.shutdown()
        self._write.close()

    def _handlers(self) -> list[Any]:
        read, write, unary = self._read, self._write, self._unary
        reads = {
            "CreateReadSession": unary(storage.CreateReadSessionRequest, storage.ReadSession, read.create_session),
            "ReadRows": grpc.unary_stream_rpc_method_handler(self._read_rows),
        }
        writes = {
            "CreateWriteStream": unary(storage.CreateWriteStreamRequest, storage.WriteStream, write.create_stream),
            "GetWriteStream": unary(storage.GetWriteStreamRequest, storage.WriteStream, write.get_stream),
            "FinalizeWriteStream": unary(
                storage.FinalizeWriteStreamRequest, storage.FinalizeWriteStreamResponse, write.finalize
            ),
            "BatchCommitWriteStreams": unary(
                storage.BatchCommitWriteStreamsRequest, storage.BatchCommitWriteStreamsResponse, write.commit
            ),
            "AppendRows": grpc.stream_stream_rpc_method_handler(self._append_rows),
        }
        return [
            grpc.method_handlers_generic_handler(f"{_PACKAGE}.BigQueryRead", reads),
            grpc.method_handlers_generic_handler(f"{_PACKAGE}.BigQueryWrite", writes),
        ]

    def _unary(self, asked: Any, answered: Any, function: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - message classes
        service = "BigQueryRead" if answered is storage.ReadSession else "BigQueryWrite"
        name = asked.__name__.removesuffix("Request")

        def answer(content: bytes, context: grpc.ServicerContext) -> bytes:
            seen = self._note(service, name, len(content))
            try:
                request, action = self._meet(seen)
                response: bytes = answered.serialize(function(asked.deserialize(content)))
                response = self._leave(request, action, response)
            except (ApiError, _Lost) as error:
                _abort(context, seen, error)
            seen.status, seen.bytes_out = _OK, len(response)
            return response

        return grpc.unary_unary_rpc_method_handler(answer)

    def _read_rows(self, content: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        seen = self._note("BigQueryRead", "ReadRows", len(content))
        try:
            request, action = self._meet(seen)
            for response in self._read.read_rows(storage.ReadRowsRequest.deserialize(content)):
                message: bytes = storage.ReadRowsResponse.serialize(response)
                if isinstance(action, wrong.CutDownload) and seen.bytes_out + len(message) > action.after_bytes:
                    raise _Lost  # noqa: TRY301 - the call ends here, wherever it stands
                message = self._leave(request, None if seen.bytes_out else action, message)
                seen.status, seen.bytes_out = _OK, seen.bytes_out + len(message)
                yield message
        except (ApiError, _Lost) as error:
            _abort(context, seen, error)

    def _append_rows(self, contents: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        name, schema = "", None
        for content in contents:
            seen = self._note("BigQueryWrite", "AppendRows", len(content))
            try:
                request, action = self._meet(seen)
                too_large(len(content))
                message = storage.AppendRowsRequest.deserialize(content)
                name = message.write_stream or name
                schema = _schema(message) or schema
                if schema is None:
                    raise invalid(message="the first request of a connection must have arrow_rows with a writer_schema")
                response: bytes = storage.AppendRowsResponse.serialize(self._write.append(name, schema, message))
                response = self._leave(request, action, response)
            except (ApiError, _Lost) as error:
                _abort(context, seen, error)
            seen.status, seen.bytes_out = _OK, len(response)
            yield response

    def _note(self, service: str, name: str, size: int) -> Seen:
        seen = Seen(service="grpc", method=name, path=f"/{_PACKAGE}.{service}/{name}", bytes_in=size)
        self._requests.append(seen)
        return seen

    def _meet(self, seen: Seen) -> tuple[wrong.Request, wrong.Action | None]:
        """Let go wrong what goes wrong before anything is done."""
        number = next(self._numbers)
        request = wrong.Request(service="grpc", method=seen.method, path=seen.path, number=number)
        action = self._faults.meet(request)
        match action:
            case wrong.CutBefore():
                raise _Lost
            case wrong.CutBody(after_bytes=limit) if limit < seen.bytes_in:
                seen.bytes_in = limit
                raise _Lost
            case wrong.Answer():
                raise ApiError(action.status, action.message or f"The service answers {action.status}.", action.reason)
            case wrong.Call(before=before) if before is not None:
                _call(before, request)
        return request, action

    def _leave(self, request: wrong.Request, action: wrong.Action | None, response: bytes) -> bytes:
        """Let go wrong what goes wrong when everything is done."""
        match action:
            case wrong.LoseAnswer() | wrong.CutBody():
                raise _Lost
            case wrong.CutDownload(after_bytes=limit) if limit < len(response):
                raise _Lost
            case wrong.Delay(seconds=seconds):
                self._ending.wait(seconds)
            case wrong.CorruptDownload(at_byte=at) if at < len(response):
                return response[:at] + bytes([response[at] ^ 1]) + response[at + 1 :]
            case wrong.Call(after=after) if after is not None:
                _call(after, request)
        return response


def _schema(message: storage.AppendRowsRequest) -> Any:  # noqa: ANN401 - pyarrow has no types
    content = message.arrow_rows.writer_schema.serialized_schema
    return pa.ipc.read_schema(pa.py_buffer(content)) if content else None


def _call(callback: Callable[[wrong.Request], object], request: wrong.Request) -> None:
    try:
        callback(request)
    except Exception as error:
        raise _Lost from error


def _abort(context: grpc.ServicerContext, seen: Seen, error: Exception) -> NoReturn:
    if isinstance(error, ApiError):
        seen.status = error.status
        context.abort(getattr(grpc.StatusCode, error.code), error.message)
    context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset by peer")
    raise AssertionError  # aborting raises
