"""A load of one made-up line: what it makes ready, and that it leaves nothing behind."""

from pathlib import Path

import pytest

from engine import catalog, rehearsal
from engine.month import Month
from engine.pipeline import Pipeline


@pytest.mark.parametrize("dataset", ["yellow", "green"])
def test_the_line_becomes_a_row(dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The made-up line goes through decode and identify as one good row, so that every kernel on the way is loaded."""
    seen: list[Pipeline] = []

    def noted(**parts: object) -> Pipeline:
        seen.append(Pipeline(**parts))  # type: ignore[arg-type]  # passed on as they are
        return seen[-1]

    monkeypatch.setattr(rehearsal, "Pipeline", noted)
    with rehearsal.rehearsal(catalog.find(dataset), Month(2019, 1), tmp_path / "scratch"):
        pass
    assert [(p.report.rows, p.report.quarantined, p.report.complete) for p in seen] == [(1, 0, True)]
    assert list(tmp_path.iterdir()) == []


def test_a_rehearsal_fails_in_silence(tmp_path: Path) -> None:
    """A folder that cannot be made is for the load to report."""
    (tmp_path / "file").touch()
    with rehearsal.rehearsal(catalog.find("yellow"), Month(2019, 1), tmp_path / "file" / "scratch"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
