"""Runs the fake for whoever wants to look at it: `python -m tests.fakes.bigquery --project p --dataset d`."""

from __future__ import annotations

import argparse
import signal
import tempfile
from pathlib import Path

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from tests.fakes.bigquery import FakeBigQuery


def main() -> None:
    """Serve until somebody interrupts."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.bigquery", description=__doc__)
    parser.add_argument("--port", type=int, default=9050, help="port of REST; 0: any")
    parser.add_argument("--grpc-port", type=int, default=9060, help="port of the Storage APIs; 0: any")
    parser.add_argument("--gcs-url", help="endpoint behind gs:// names")
    parser.add_argument("--project", default="p")
    parser.add_argument(
        "--dataset", action="append", default=[], help="a dataset to begin with; several times: several"
    )
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        tempfile.TemporaryDirectory() as folder,
        FakeBigQuery(
            folder=Path(folder),
            project=given.project,
            gcs_url=given.gcs_url,
            port=given.port,
            grpc_port=given.grpc_port,
        ) as fake,
    ):
        options = {"api_endpoint": fake.url}
        nobody = AnonymousCredentials()
        client = bigquery.Client(project=given.project, credentials=nobody, client_options=options)
        for dataset in given.dataset:
            client.create_dataset(dataset)
        print(f"BigQuery {fake.url}, Storage {fake.grpc_address}, project {given.project}", flush=True)  # noqa: T201
        try:
            signal.pause()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
