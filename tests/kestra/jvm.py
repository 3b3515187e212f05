"""The JVMs of the tests: finds a JDK 25 and Maven, compiles `embedded/` once, and starts the engine and its workers.

What runs is the real Kestra from Maven Central, without its web server, which is not published there: pytest talks to
`embedded.Server`, which does what the web server would do. The task `io.kestra.plugin.scripts.shell.Commands` is not
published either; `embedded/` has a class of that name over the real `AbstractExecScript`.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROJECT = Path(__file__).parent / "embedded"
TARGET = PROJECT / "target"
JAVA_VERSION = 25
_HOMES = (
    "/usr/lib/jvm/*",
    "/opt/*",
    "/Library/Java/JavaVirtualMachines/*/Contents/Home",
    "~/.sdkman/candidates/java/*",
)
_START_SECONDS = 120.0
# Quick to start; the engine's own work is small.
_FLAGS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx1g", "--enable-native-access=ALL-UNNAMED")


def java_home() -> Path:
    """Return the home of a JDK that is new enough: `JAVA_HOME`, or one where systems keep them; else skip."""
    named = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    usual = [path for place in map(os.path.expanduser, _HOMES) for path in sorted(Path("/").glob(place[1:]))]
    for home in (*named, *usual):
        if (home / "bin" / "javac").exists() and _version(home) >= JAVA_VERSION:
            return home
    pytest.skip(f"no JDK {JAVA_VERSION} was found: set JAVA_HOME")


def _version(home: Path) -> int:
    release = home / "release"
    found = re.search(r'JAVA_VERSION="(\d+)', release.read_text()) if release.exists() else None
    return int(found[1]) if found else 0


def compiled(home: Path) -> str:
    """Return the class path of the compiled project; skip where Maven cannot resolve what it needs."""
    maven = shutil.which("mvn") or pytest.skip("there is no Maven: mvn is not on the PATH")
    sources = sorted(path for path in (PROJECT / "src").rglob("*") if path.is_file())
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in [PROJECT / "pom.xml", *sources])).hexdigest()
    stamp, jars = TARGET / "compiled", TARGET / "classpath.txt"
    if not stamp.exists() or stamp.read_text() != digest:
        found = subprocess.run(  # noqa: S603 - the project of this folder
            [maven, "-B", "-q", "compile", "dependency:build-classpath", f"-Dmdep.outputFile={jars}"],
            cwd=PROJECT,
            env=os.environ | {"JAVA_HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
        )
        # A skip is for what cannot be had; a project that is wrong fails.
        if found.returncode and not re.search(r"Could not (?:resolve|transfer|find)", found.stdout):
            pytest.fail(found.stdout)
        if found.returncode:
            pytest.skip(f"Maven cannot get Kestra: {found.stdout.strip().splitlines()[:1]}")
        stamp.write_text(digest)
    return f"{TARGET / 'classes'}:{jars.read_text()}"


@dataclass(frozen=True, kw_only=True)
class Java:
    """How JVMs are started.

    Attributes:
        program: `java`.
        class_path: Everything that they load.
        variables: Their environment, secrets included; nothing else of this process but where programs are.

    """

    program: Path
    class_path: str
    variables: Mapping[str, str]

    def start(self, main: str, *arguments: str, log: Path) -> Running:
        """Start a class and wait for the line with which it says that it is ready."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST") if name in os.environ}
        output = log.open("w")
        process = subprocess.Popen(  # noqa: S603 - compiled above
            [self.program, *_FLAGS, "-cp", self.class_path, main, *arguments],
            env=kept | dict(self.variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
        )
        return Running(process, log, output)


class Running:
    """A JVM that runs; it ends when its stdin is closed, so that none outlives this process.

    Attributes:
        pid: Its process.
        ready: What it said when it was ready.

    """

    def __init__(self, process: subprocess.Popen[str], log: Path, output: IO[str]) -> None:
        self._process, self._log, self._output = process, log, output
        self.pid = process.pid
        timer = threading.Timer(_START_SECONDS, process.kill)
        timer.start()
        self.ready = next((line.split()[1:] for line in self._lines() if line.startswith("READY")), None)
        timer.cancel()
        if self.ready is None:
            process.wait()
            pytest.fail(f"the JVM did not start:\n{log.read_text()[-4000:]}")
        self._draining = threading.Thread(target=self._drain, daemon=True)
        self._draining.start()

    def _lines(self) -> Iterator[str]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._output.write(line)
            self._output.flush()
            yield line

    def _drain(self) -> None:
        for _ in self._lines():
            pass

    def log(self) -> str:
        """Return what it printed so far."""
        return self._log.read_text()

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._process.kill()
        self._close()

    def stop(self) -> None:
        """Close its stdin and wait for its end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._close()

    def _close(self) -> None:
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.wait()
        self._draining.join()
        for stream in (self._process.stdin, self._process.stdout, self._output):
            if stream is not None:
                stream.close()
