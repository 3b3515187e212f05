"""Lays flows, dashboards and settings into Kestra through its HTTP API; run again, it updates them.

    deploy.py FOLDER        (with FOLDER/flows/*.yaml and FOLDER/dashboards/*.yaml)

Flows that are not in the folder stay as they are in Kestra. The open-source edition of Kestra 2.0 takes no dashboards
from outside (405): that is said, and is no failure. Everything else that Kestra refuses ends the program with 1.
"""  # noqa: INP001  # a program of its own, no package

from __future__ import annotations

import json
import os
import re
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable

_YAML = {"Content-Type": "application/x-yaml"}
_NOT_IN_THIS_EDITION = (httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED)
_PATIENCE_SECONDS = 60.0
_PREFIX = "KV_"


class RefusedError(Exception):
    """Kestra did not take something."""


def main() -> int:
    """Deploy the folder that is named by the only argument, and return the exit code."""
    folder = Path(sys.argv[1])
    sources = [path.read_text(encoding="utf-8") for path in sorted((folder / "flows").glob("*.yaml"))]
    # An editor ends a file with a line end; a password has none.
    password = Path(os.environ["KESTRA_PASSWORD_FILE"]).read_text(encoding="utf-8").rstrip("\n")
    login = (os.environ["KESTRA_USER"], password)
    # Proxies that Docker hands to containers are for the world outside; Kestra is a neighbour.
    with httpx.Client(base_url=os.environ["KESTRA_API"], auth=login, timeout=30, trust_env=False) as kestra:
        try:
            for source in sources:
                _put(kestra, f"/flows/{_key(source, 'namespace')}", "/flows", source)
            for path in sorted((folder / "dashboards").glob("*.yaml")):
                _put(kestra, "/dashboards", "/dashboards", path.read_text(encoding="utf-8"), optional=True)
            for namespace in sorted({_key(source, "namespace") for source in sources}):
                _settings(kestra, namespace)
        except RefusedError as refused:
            print(refused, file=sys.stderr)  # noqa: T201  # a program
            return 1
    return 0


def _put(kestra: httpx.Client, existing: str, new: str, source: str, *, optional: bool = False) -> None:
    """Create something, or update it where it is there."""
    place = f"{existing}/{_key(source, 'id')}"
    there = _answer(lambda: kestra.get(place)).is_success
    answer = _answer(
        lambda: (
            kestra.put(place, content=source, headers=_YAML)
            if there
            else kestra.post(new, content=source, headers=_YAML)
        )
    )
    if optional and answer.status_code in _NOT_IN_THIS_EDITION:
        print(f"{place}: this edition of Kestra takes no dashboards from outside")  # noqa: T201
        return
    _check(answer, place)
    print(f"{place}: {'updated' if there else 'created'}")  # noqa: T201


def _settings(kestra: httpx.Client, namespace: str) -> None:
    """Write the settings that are given into the KV store of a namespace."""
    for name, value in sorted(os.environ.items()):
        if name.startswith(_PREFIX) and value:
            place = f"/namespaces/{namespace}/kv/{name.removeprefix(_PREFIX)}"
            # A JSON value, sent as text: what the API reads.
            put = partial(kestra.put, place, content=json.dumps(value), headers={"Content-Type": "text/plain"})
            _check(_answer(put), place)
            print(f"{place}: set")  # noqa: T201


def _answer(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """Ask until somebody answers: behind a server that is healthy, its parts may still start."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            answer = ask()
        except httpx.TransportError as error:
            if time.monotonic() > deadline:
                message = f"Kestra does not answer: {error}"
                raise RefusedError(message) from error
        else:
            if not answer.is_server_error or time.monotonic() > deadline:
                return answer
        time.sleep(1)


def _check(answer: httpx.Response, place: str) -> None:
    if not answer.is_success:
        message = f"{place}: Kestra answered {answer.status_code}: {answer.text[:2000]}"
        raise RefusedError(message)


def _key(source: str, name: str) -> str:
    """Return a value of the first level; flows and dashboards of ours write them plainly, one a line."""
    found = re.search(rf"^{name}:\s*([\w.-]+)\s*$", source, re.MULTILINE)
    if not found:
        message = f"a file has no {name}: {source[:200]}"
        raise RefusedError(message)
    return found[1]


if __name__ == "__main__":
    sys.exit(main())
