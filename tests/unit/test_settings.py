"""Where things are, by the environment."""

import os
from pathlib import Path

import pytest

from engine.settings import from_environment


def test_engine_home_holds_everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With ENGINE_HOME, nothing lies anywhere else."""
    monkeypatch.setenv("ENGINE_HOME", str(tmp_path))
    settings = from_environment()
    assert settings.spool.is_relative_to(tmp_path)
    assert settings.postgres.is_relative_to(tmp_path)


def test_datasets_are_a_list_like_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """ENGINE_DATASETS separates folders as PATH does."""
    monkeypatch.setenv("ENGINE_DATASETS", os.pathsep.join(["a", "b/c.toml"]))
    assert from_environment().datasets == (Path("a"), Path("b/c.toml"))


@pytest.mark.parametrize("name", ["PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE"])
def test_pg_variables_name_a_server(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Any of libpq's variables that name a server makes it the target."""
    for each in ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE"):
        monkeypatch.delenv(each, raising=False)
    assert not from_environment().postgres_named
    monkeypatch.setenv(name, "x")
    assert from_environment().postgres_named
