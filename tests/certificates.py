"""A certificate authority for one test: it signs certificates of servers on this machine, and nobody else knows it."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """A key that signs.

    Args:
        folder: Where its files and those of its servers are; the authority makes it.

    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.certificate = folder / "ca.crt"
        _openssl(
            "req", "-x509", *_KEY, "-keyout", folder / "ca.key", "-out", self.certificate, "-subj", f"/CN={folder.name}"
        )

    def sign(self, *names: str) -> tuple[Path, Path]:
        """Return certificate and key of a server with these names, each as OpenSSL writes it: `DNS:localhost`."""
        key, asked, signed = (self._folder / f"server.{kind}" for kind in ("key", "csr", "crt"))
        extensions = self._folder / "names.cnf"
        extensions.write_text(f"subjectAltName={','.join(names)}\n")
        _openssl("req", *_KEY, "-keyout", key, "-out", asked, "-subj", "/CN=server")
        ca = ("-CA", self.certificate, "-CAkey", self._folder / "ca.key", "-CAcreateserial")
        _openssl("x509", "-req", "-in", asked, *ca, "-extfile", extensions, "-out", signed)
        return signed, key


def _openssl(*words: str | Path) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed, and nothing else here makes certificates")
    subprocess.run([program, *words], check=True, capture_output=True)  # noqa: S603 - the program of this machine
