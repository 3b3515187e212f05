"""Kestra as its users know it: flows, executions, triggers, values; each call is one request to the JVM."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable

NAMESPACE = "nyc.taxi"
_POLL_SECONDS = 0.2
# Logs and metrics are indexed by somebody else than who runs the tasks.
_SETTLED_SECONDS = 0.4
Execution = dict[str, Any]


class Refused(Exception):
    """Kestra refuses what it was asked for."""


class Kestra:
    """One engine.

    Args:
        port: Where `embedded.Server` listens.

    """

    def __init__(self, port: int) -> None:
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ask(self, operation: str, **asked: object) -> Any:  # noqa: ANN401 - JSON
        """Ask the JVM for something."""
        answer = self._http.post(f"/{operation}", json=asked)
        found = answer.json()
        if answer.is_error:
            raise Refused(found["error"])
        return found

    def load(self, yaml: str) -> None:
        """Save a flow."""
        self.ask("load", yaml=yaml)

    def put(self, key: str, value: str) -> None:
        """Set a value of the namespace's KV store."""
        self.ask("put", namespace=NAMESPACE, key=key, value=value)

    def value(self, key: str) -> Any:  # noqa: ANN401 - JSON
        """Return a value of the namespace's KV store."""
        return self.ask("value", namespace=NAMESPACE, key=key)["value"]

    def submit(self, flow: str, **inputs: object) -> str:
        """Start an execution and return its id."""
        asked = self.ask("submit", namespace=NAMESPACE, flow=flow, inputs=inputs)
        return str(asked["id"])

    def execution(self, number: str) -> Execution:
        """Return all that Kestra keeps of an execution."""
        found = self.ask("execution", id=number)
        assert isinstance(found, dict)
        return found

    def ended(self, number: str, seconds: float = 120) -> Execution:
        """Wait for the end of an execution and return it, with its logs and metrics once no more come."""
        self.until(lambda: self._try(number).get("ended"), seconds, lambda: str(self._try(number)))
        before: Execution = {}
        found = self.execution(number)
        while before != found:
            time.sleep(_SETTLED_SECONDS)
            before, found = found, self.execution(number)
        return found

    def _try(self, number: str) -> Execution:
        try:
            return self.execution(number)
        except Refused:  # it is in the queue and not in the repository yet
            return {}

    def run(self, flow: str, **inputs: object) -> Execution:
        """Run a flow to its end."""
        return self.ended(self.submit(flow, **inputs))

    def kill(self, number: str) -> None:
        """Kill an execution, as the button does."""
        self.ask("kill", id=number)

    def executions(self, flow: str, label: tuple[str, str] | None = None) -> list[Execution]:
        """Return the executions of a flow, or those with a label; rounds of its loops are none of them."""
        found = [one for one in self.everything(flow) if one["kind"] != "LOOP"]
        return [one for one in found if label is None or one["labels"].get(label[0]) == label[1]]

    def everything(self, flow: str) -> list[Execution]:
        """Return the executions of a flow and the rounds of its loops, which Kestra keeps as executions too."""
        found = self.ask("executions", namespace=NAMESPACE, flow=flow)
        assert isinstance(found, list)
        return found

    def backfill(self, trigger: str, begin: str, end: str, label: str, **inputs: object) -> None:
        """Backfill a schedule of ingest_month; `label` is what its executions get as label `backfill`."""
        self.ask(
            "backfill",
            namespace=NAMESPACE,
            flow="ingest_month",
            trigger=trigger,
            **{"from": begin, "to": end},
            inputs=inputs,
            labels={"backfill": label},
        )

    def trigger(self, flow: str, name: str) -> dict[str, Any]:
        """Return the state of a trigger; empty until the scheduler knows it."""
        found = self.ask("trigger", namespace=NAMESPACE, flow=flow, trigger=name)
        assert isinstance(found, dict)
        return found

    @staticmethod
    def until(met: Callable[[], object], seconds: float, otherwise: Callable[[], str] = lambda: "") -> None:
        """Wait until something is the case."""
        end = time.monotonic() + seconds
        while not met():
            assert time.monotonic() < end, f"not within {seconds} s: {otherwise()}"
            time.sleep(_POLL_SECONDS)
