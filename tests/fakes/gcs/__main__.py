"""The fake on its own: `python -m tests.fakes.gcs --port 9000 --bucket lake` prints its URL and serves."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from tests.fakes.gcs.server import FakeGCS


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.gcs", description="A fake Google Cloud Storage.")
    parser.add_argument("--port", type=int, default=0, help="where to listen; default: anywhere")
    parser.add_argument("--bucket", action="append", default=[], help="a bucket that exists from the start")
    parser.add_argument("--folder", type=Path, help="where content lies; default: a temporary folder")
    parser.add_argument("--token", help="the bearer token that requests must bring; default: anybody may come")
    asked = parser.parse_args()
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with FakeGCS(*asked.bucket, folder=asked.folder, port=asked.port, token=asked.token) as fake:
        sys.stdout.write(f"{fake.url}\n")
        sys.stdout.flush()
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
