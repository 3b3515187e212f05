"""PostgreSQL over TLS: libpq's parameters count for every connection of a load, and what cannot be trusted is refused.

The server takes no unencrypted connection, so a load that ends well has encrypted all of its own: the one that locks
and publishes, those that copy rows, and those of the other driver, which reads them back.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.certificates import Authority
from tests.servers import LocalServer, installed, open_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.command_line import Ended, Engine

YELLOW = ("yellow", "2019-01")
SECRET = "secret-word"  # noqa: S105 - what must not be shown


@dataclass(frozen=True, kw_only=True)
class Encrypted:
    """A server that takes encrypted connections only.

    Attributes:
        port: Where it listens.
        authority: Certificate of whom to trust.
        stranger: Certificate of somebody who signed nothing here.

    """

    port: int
    authority: Path
    stranger: Path

    def url(self, *, host: str = "localhost", **parameters: object) -> str:
        """Return its URL with a password and libpq's parameters."""
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"postgresql://postgres:{SECRET}@{host}:{self.port}/postgres?{query}"

    def rows(self) -> int | None:
        """Return how many rows a stranger sees; None: there is no table."""
        url = self.url(sslmode="verify-full", sslrootcert=self.authority)
        with psycopg.connect(url) as connection:
            if connection.execute("SELECT to_regclass('yellow_tripdata')").fetchone() == (None,):
                return None
            row = connection.execute("SELECT count(*) FROM yellow_tripdata").fetchone()
        return row[0] if row else None


@pytest.fixture
def server() -> Iterator[Encrypted]:
    """Give a server with a certificate for `localhost`, and not for 127.0.0.1."""
    if (programs := installed()) is None:
        pytest.skip("no PostgreSQL is installed beside the embedded one, which has no TCP port")
    with open_folder() as folder:
        authority, stranger = Authority(folder / "authority"), Authority(folder / "stranger")
        local = LocalServer(programs, folder)
        local.encrypt(*authority.sign("DNS:localhost"))
        local.start()
        yield Encrypted(port=local.port, authority=authority.certificate, stranger=stranger.certificate)
        local.stop(signal.SIGQUIT)


def _loaded(engine: Engine, months: Path, *to: str, **variables: str) -> None:
    """Check that a month is loaded, appended to, and found whole by both drivers."""
    source = ("--from", str(months))
    first = engine.run("ingest", *YELLOW, *source, *to, "--output", "json", **variables)
    assert first.code == 0, first.err
    assert (first.object["state"], first.object["rows"]["total"]) == ("loaded", 2_000)
    again = engine.run("ingest", *YELLOW, *source, *to, "--mode", "append", "--force", "--output", "json", **variables)
    assert again.code == 0, again.err
    assert again.object["rows"]["present"] == 2_000
    proof = engine.run("verify", *YELLOW, *to, "--against-source", *source, **variables)
    assert proof.code == 0, proof.err
    for ended in (first, again, proof):
        assert SECRET not in ended.out + ended.err


def test_a_url_says_whom_to_trust(engine: Engine, months: Path, server: Encrypted) -> None:
    """With `sslmode=verify-full` and the right authority in --to, a month is loaded, appended to and verified."""
    _loaded(engine, months, "--to", server.url(sslmode="verify-full", sslrootcert=server.authority))
    assert server.rows() == 2_000


def test_variables_say_whom_to_trust(engine: Engine, months: Path, server: Encrypted) -> None:
    """PGSSLMODE and PGSSLROOTCERT do the same for a server that PGHOST and its like name."""
    place = {"PGHOST": "localhost", "PGPORT": str(server.port), "PGUSER": "postgres", "PGPASSWORD": SECRET}
    trust = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(server.authority)}
    _loaded(engine, months, PGDATABASE="postgres", **place, **trust)
    assert server.rows() == 2_000


def test_the_authorities_of_the_system_are_trusted(engine: Engine, months: Path, server: Encrypted) -> None:
    """With `sslrootcert=system` both drivers trust what OpenSSL trusts, here the file in SSL_CERT_FILE."""
    url = server.url(sslmode="verify-full", sslrootcert="system")
    _loaded(engine, months, "--to", url, SSL_CERT_FILE=str(server.authority))


def _refused(found: Ended, words: str) -> None:
    """Check that nothing was reached, for this reason, without a password."""
    assert found.code == 20, found.err
    assert found.err.startswith("TargetUnreachable: yellow 2019-01: PostgreSQL cannot be reached\n")
    assert words in found.err
    assert "nothing was changed" in found.err
    assert "Traceback" not in found.err
    assert SECRET not in found.out + found.err


REFUSED = {
    "unencrypted": ("localhost", "disable", "authority", "no encryption"),
    "stranger": ("localhost", "verify-ca", "stranger", "certificate verify failed"),
    "another name": ("127.0.0.1", "verify-full", "authority", 'does not match host name "127.0.0.1"'),
}


@pytest.mark.parametrize("command", ["ingest", "verify"])
@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_trusted_is_refused(
    engine: Engine, months: Path, server: Encrypted, reason: str, command: str
) -> None:
    """No encryption, another authority or another name is exit code 20 with libpq's reason, in --to as in variables."""
    host, mode, who, words = REFUSED[reason]
    root = server.authority if who == "authority" else server.stranger
    source = ("--from", months)
    url = server.url(host=host, sslmode=mode, sslrootcert=root)
    _refused(engine.run(command, *YELLOW, *source, "--to", url), words)
    variables = {"PGSSLMODE": mode, "PGSSLROOTCERT": str(root)}
    _refused(engine.run(command, *YELLOW, *source, "--to", server.url(host=host), **variables), words)
    assert server.rows() is None
