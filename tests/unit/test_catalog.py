"""Datasets from TOML: what is accepted, and what is refused with which words."""

from pathlib import Path

import pytest

from engine import catalog
from engine.contract import Dataset
from engine.errors import UsageError

MINIMAL = """
[dataset]
name = "bikes"
[[columns]]
name = "started"
type = "datetime"
[[columns]]
name = "price"
type = "decimal(8,2)"
nullable = false
aliases = ["Fare "]
"""


def _load(folder: Path, text: str) -> Dataset:
    path = folder / "bikes.toml"
    path.write_text(text)
    return catalog.load(path)


def test_a_small_file_is_a_dataset_with_defaults(tmp_path: Path) -> None:
    """Table, file name, policy and identity need not be written."""
    path = tmp_path / "bikes.toml"
    path.write_text(MINIMAL)
    dataset = catalog.find("bikes", [tmp_path])
    assert (dataset.name, dataset.table, dataset.file) == ("bikes", "bikes_tripdata", "{dataset}_tripdata_{month}.csv")
    assert dataset.contract.policy.unknown == "freeze"
    assert dataset.contract.policy.max_rejects == 0.001
    assert dataset.contract.identity.columns == ("price", "started")
    assert dataset.contract.column("price").aliases == ("fare",)


def test_a_users_dataset_comes_before_a_shipped_one(tmp_path: Path) -> None:
    """A file of one's own called yellow.toml is the one that counts; a path is taken as it is."""
    own = tmp_path / "yellow.toml"
    own.write_text(MINIMAL.replace("bikes", "yellow"))
    assert catalog.find("yellow", [tmp_path]).defined_in == str(own)
    assert catalog.find(str(own)).defined_in == str(own)
    assert catalog.find("yellow").defined_in == str(catalog.SHIPPED / "yellow.toml")


def test_every_shipped_dataset_is_sound() -> None:
    """Each one loads, has a source and an identity that is not by chance all columns."""
    for path in catalog.paths():
        dataset = catalog.load(path)
        assert dataset.name == path.stem
        assert dataset.origins
        assert dataset.contract.identity_label.startswith("row-v1:")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("decimal(8,2)", "decimal(19,2)"), "there is no type"),
        (("decimal(8,2)", "decimal(2,8)"), "there is no type"),
        (("decimal(8,2)", "string"), "there is no type"),
        (('"price"', '"filename"'), "reserved"),
        (('"price"', '"unique_row_id"'), "reserved"),
        (('"price"', '"Price"'), "cannot be a column"),
        (('"price"', '"a; drop table x"'), "cannot be a column"),
        (('"price"', '"started"'), "declared twice"),
        (('["Fare "]', '["STARTED"]'), "names both"),
        (("nullable", "nulable"), "'nulable' is not known"),
        (('name = "bikes"', 'name = "bikes"\ntime = "price"'), "no datetime or date column"),
        (('name = "bikes"', 'name = "bikes"\nfile = "{year}.csv"'), "template"),
        (("[dataset]", '[policy]\nunknown = "guess"\n[dataset]'), "policy.unknown"),
        (("[dataset]", "[policy]\nmax_rejects = 2\n[dataset]"), "not a fraction"),
        (("[dataset]", '[identity]\nversion = "row-v0"\n[dataset]'), "identity version"),
        (("[dataset]", '[identity]\ncolumns = ["nothing"]\n[dataset]'), "identity.columns"),
        (('name = "bikes"', "name = 7"), "of the wrong type"),
        (("[dataset]", "[dataset"), "cannot be read"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_file(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    """Each mistake is a usage error that names the mistake and the file."""
    assert change[0] in MINIMAL
    with pytest.raises(UsageError) as caught:
        _load(tmp_path, MINIMAL.replace(*change, 1))
    assert words in str(caught.value)
    assert "bikes.toml" in str(caught.value)


def test_an_unknown_name_lists_the_known_ones() -> None:
    """A typo is answered with what there is."""
    with pytest.raises(UsageError, match="no dataset 'yelow'") as caught:
        catalog.find("yelow")
    assert "green, yellow" in str(caught.value)


def test_a_column_that_is_added_changes_no_identity_label(tmp_path: Path) -> None:
    """As long as the base columns are listed, a later contract computes comparable ids."""
    listed = MINIMAL + '[identity]\ncolumns = ["started", "price"]\n'
    longer = listed.replace("[identity]", '[[columns]]\nname = "tip"\ntype = "float64"\n[identity]')
    short, long = _load(tmp_path, listed), _load(tmp_path, longer)
    assert short.contract.identity_label == long.contract.identity_label
    assert short.contract.fingerprint != long.contract.fingerprint
