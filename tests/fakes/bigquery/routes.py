"""The REST API's paths, and what answers each of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.fakes.bigquery import datasets, results, tables
from tests.fakes.bigquery.errors import ApiError, invalid
from tests.fakes.bigquery.http import Reply
from tests.fakes.bigquery.job_routes import JobRoutes
from tests.fakes.bigquery.names import TableName
from tests.fakes.bigquery.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.bigquery.http import Call
    from tests.fakes.bigquery.names import Json
    from tests.fakes.bigquery.service import Service

_UPLOAD = re.compile(r"/(?:resumable/)?upload/bigquery/v2/projects/([^/]+)/jobs")
_PATH = re.compile(r"/bigquery/v2/projects/([^/]+)(/.*?)/?")
_DATASET = "/datasets/([^/]+)"
_TABLE = _DATASET + "/tables/([^/]+)"
_PAGE = 50


class Routes:
    """Answers every request.

    Args:
        service: The project.
        token: The only bearer token that is let in; None: everyone is.

    """

    def __init__(self, service: Service, token: str | None) -> None:
        self._service = service
        self._token = token
        jobs = JobRoutes(service)
        self._uploads = Uploads(service.spool, jobs.insert_with_file)
        table: list[tuple[str, str, Callable[..., Reply]]] = [
            ("GET", "/datasets", self._list_datasets),
            ("POST", "/datasets", self._create_dataset),
            ("GET", _DATASET, self._get_dataset),
            ("PATCH", _DATASET, self._change_dataset),
            ("PUT", _DATASET, self._change_dataset),
            ("DELETE", _DATASET, self._delete_dataset),
            ("GET", _DATASET + "/tables", self._list_tables),
            ("POST", _DATASET + "/tables", self._create_table),
            ("GET", _TABLE, self._get_table),
            ("PATCH", _TABLE, self._change_table),
            ("PUT", _TABLE, self._change_table),
            ("DELETE", _TABLE, self._drop_table),
            ("GET", _TABLE + "/data", self._rows),
            ("GET", "/jobs", jobs.list),
            ("POST", "/jobs", jobs.insert),
            ("GET", "/jobs/([^/]+)", jobs.get),
            ("POST", "/jobs/([^/]+)/cancel", jobs.cancel),
            ("POST", "/queries", jobs.query),
            ("GET", "/queries/([^/]+)", jobs.results),
        ]
        self._table = [(method, re.compile(path), function) for method, path, function in table]

    def answer(self, call: Call) -> Reply:
        """Answer a request.

        Raises:
            ApiError: It is refused.

        """
        if self._token is not None and call.headers.get("authorization") != f"Bearer {self._token}":
            raise ApiError(
                401,
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
                "valid authentication credential.",
            )
        if found := _UPLOAD.fullmatch(call.path):
            self._here(found[1])
            return self._uploads.answer(call)
        if found := _PATH.fullmatch(call.path):
            self._here(found[1])
            for method, path, function in self._table:
                if method == call.method and (parts := path.fullmatch(found[2])):
                    return function(call, *parts.groups())
        raise ApiError(404, f"this fake knows no {call.method} {call.path}")

    def _here(self, project: str) -> None:
        if project != self._service.project:
            raise ApiError(404, f"Not found: Project {project}")

    def _list_datasets(self, call: Call) -> Reply:
        found = [
            datasets.listed(self._service, name, dataset)
            for name, dataset in sorted(self._service.catalog.datasets.items())
            if not name.startswith("_") or call.query.get("all") == "true"
        ]
        return Reply(body={"kind": "bigquery#datasetList", **_paged("datasets", found, call)})

    def _create_dataset(self, call: Call) -> Reply:
        return Reply(body=datasets.resource(self._service, datasets.create(self._service, call.json())))

    def _get_dataset(self, _: Call, name: str) -> Reply:
        return Reply(body=datasets.resource(self._service, name))

    def _change_dataset(self, call: Call, name: str) -> Reply:
        match, replace = call.headers.get("if-match"), call.method == "PUT"
        datasets.change(self._service, name, call.json(), if_match=match, replace=replace)
        return Reply(body=datasets.resource(self._service, name))

    def _delete_dataset(self, call: Call, name: str) -> Reply:
        datasets.delete(self._service, name, contents=call.query.get("deleteContents") == "true")
        return Reply(status=204)

    def _list_tables(self, call: Call, dataset: str) -> Reply:
        self._service.catalog.dataset(dataset)
        found = [tables.listed(table) for table in self._service.catalog.tables(dataset)]
        body = {"kind": "bigquery#tableList", "totalItems": len(found), **_paged("tables", found, call)}
        return Reply(body=body)

    def _create_table(self, call: Call, dataset: str) -> Reply:
        given = call.json()
        name = self._name(dataset, given["tableReference"]["tableId"])
        if name.decorator:
            raise invalid(f'Invalid table ID "{given["tableReference"]["tableId"]}".')
        tables.create(self._service, name, given)
        return Reply(body=tables.resource(self._service, name))

    def _get_table(self, _: Call, dataset: str, table: str) -> Reply:
        return Reply(body=tables.resource(self._service, self._name(dataset, table)))

    def _change_table(self, call: Call, dataset: str, table: str) -> Reply:
        name, match, replace = self._name(dataset, table), call.headers.get("if-match"), call.method == "PUT"
        tables.change(self._service, name, call.json(), if_match=match, replace=replace)
        return Reply(body=tables.resource(self._service, name))

    def _drop_table(self, call: Call, dataset: str, table: str) -> Reply:
        tables.drop(self._service, self._name(dataset, table), call.headers.get("if-match"))
        return Reply(status=204)

    def _rows(self, call: Call, dataset: str, table: str) -> Reply:
        found = self._service.catalog.table(self._name(dataset, table))
        if found.view:
            raise invalid(f"Cannot list a table of type VIEW: {found.name.bare()}")
        self._service.permissions.of_table("bigquery.tables.getData", found.name)
        return Reply(body={"kind": "bigquery#tableDataList", **results.page(self._service, found, call.query)})

    def _name(self, dataset: str, table: str) -> TableName:
        return TableName.of(self._service.project, dataset, table)


def _paged(key: str, found: list[Any], call: Call) -> Json:
    begin, size = int(call.query.get("pageToken") or 0), int(call.query.get("maxResults") or _PAGE)
    body: Json = {key: found[begin : begin + size]}
    if begin + size < len(found):
        body["nextPageToken"] = str(begin + size)
    return body
