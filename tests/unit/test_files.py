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


def test_folders_of_dead_processes_are_gone(tmp_path: Path) -> None:
    """A folder whose lock nobody holds goes; one that is held stays; a lock that goes meanwhile is no error."""
    (tmp_path / "dead").mkdir()
    (tmp_path / "dead.lock").touch()
    (tmp_path / "gone.lock").symlink_to("nowhere")  # listed, and not there when it is opened
    with files.own_scratch(tmp_path) as living, files.own_scratch(tmp_path) as other:
        assert living.is_dir()
        assert other.is_dir()
        assert not (tmp_path / "dead").exists()
        assert not (tmp_path / "dead.lock").exists()
