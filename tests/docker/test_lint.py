"""What the linters of these languages say about Dockerfiles, shell scripts and the repository's history."""

from __future__ import annotations

import json

import pytest

from tests.command_line import ROOT
from tests.docker import tools
from tests.docker.docker_engine import run

DOCKERFILES = ("Dockerfile", "tests/docker/standin/postgres.dockerfile")


def _scripts() -> list[str]:
    tracked = run("git", "ls-files").stdout.splitlines()
    texts = ((name, ROOT / name) for name in tracked)
    heads = {name: path.read_bytes()[:64].split(b"\n")[0] for name, path in texts if path.is_file()}
    return [name for name, head in heads.items() if head.startswith(b"#!") and head.endswith((b"/sh", b"bash"))]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_hadolint_finds_nothing(name: str) -> None:
    """Dockerfiles follow the rules of hadolint, but for those that they name."""
    linted = run(tools.program("hadolint"), "--failure-threshold", "style", name)
    assert linted.returncode == 0, linted.stdout


def test_shellcheck_finds_nothing() -> None:
    """Every shell script of the repository passes shellcheck."""
    scripts = _scripts()
    assert {"compose/secrets", "compose/start-kestra", "docker/trim", "tests/docker/bases"} <= set(scripts)
    linted = run(tools.program("shellcheck"), *scripts)
    assert linted.returncode == 0, linted.stdout


def test_gitleaks_finds_no_secret_in_any_commit() -> None:
    """No commit holds anything that looks like a secret, but for the named keys that open only fakes."""
    searched = run(tools.gitleaks(), "git", "--no-banner", "--redact", "--verbose", timeout=300)
    assert searched.returncode == 0, searched.stdout


def test_compose_file_is_whole() -> None:
    """compose.yaml is valid without any variable, pins every image, and carries no password."""
    shown = run(tools.program("docker-compose"), "-f", "compose.yaml", "config", "--format", "json")
    assert shown.returncode == 0, shown.stderr
    images = run(tools.program("docker-compose"), "-f", "compose.yaml", "config", "--images").stdout.split()
    assert images
    assert all(":" in image and not image.endswith(":latest") for image in images)
    for service in json.loads(shown.stdout)["services"].values():
        assert not {name for name in service.get("environment", {}) if name.endswith(("PASSWORD", "SECRET", "TOKEN"))}
