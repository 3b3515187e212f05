"""Files that appear whole, folders that disappear."""

from pathlib import Path

import pytest

from engine import files


def test_a_published_file_replaces_the_old_one_and_leaves_no_work_file(tmp_path: Path) -> None:
    """After publishing there is one file, with the new text."""
    final = tmp_path / "a" / "b.txt"
    for text in ("old", "new"):
        files.write_text(final, text, work=tmp_path / "work" / "w")
    assert final.read_text() == "new"
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [final]


def test_a_scratch_folder_is_gone_whatever_happens(tmp_path: Path) -> None:
    """Also after an error, with all that was in it."""
    with pytest.raises(ValueError, match="s"), files.scratch(tmp_path / "s") as folder:  # noqa: PT012 - the body is the case
        (folder / "file").write_text("")
        raise ValueError(folder)
    assert list(tmp_path.iterdir()) == []
