"""URLs of sources: what is asked for, what is shown, and which files a location may mean."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from engine import catalog
from engine.contract import Origin
from engine.errors import NotPublished, SourceUnreachable, UsageError
from engine.month import Month
from engine.sources import open_source
from engine.sources.address import Address, candidates
from engine.sources.first import FirstOf
from engine.sources.web import WebFile
from tests.faulty_http import Fault, Published, faulty_server

if TYPE_CHECKING:
    from pathlib import Path

YELLOW = catalog.find("yellow")
JANUARY = Month(2019, 1)
NAME = "yellow_tripdata_2019-01.csv"


@pytest.mark.parametrize(
    ("text", "url", "shown"),
    [
        ("https://host/a.csv", "https://host/a.csv", "https://host/a.csv"),
        ("https://me:pw@host:8443/a.csv#part", "https://host:8443/a.csv", "https://host:8443/a.csv"),
        ("https://token@host/a.csv", "https://host/a.csv", "https://host/a.csv"),
        ("https://host/a?X-Amz-Signature=1&v=2", "https://host/a?X-Amz-Signature=1&v=2", None),
        ("https://host/a?v&token=&AWSAccessKeyId=x", "https://host/a?v&token=&AWSAccessKeyId=x", None),
    ],
)
def test_secrets_are_split_off(text: str, url: str, shown: str | None) -> None:
    """Users, passwords and signatures are not in what is shown."""
    address = Address.parse(text)
    assert address.url == url
    if shown is None:
        shown = {"2": "https://host/a?X-Amz-Signature=***&v=2", "x": "https://host/a?v&token=***&AWSAccessKeyId=***"}[
            text[-1]
        ]
    assert address.shown == shown
    assert "pw" not in repr(address)


def test_user_and_password_are_decoded() -> None:
    """Percent-encoded characters of a password are sent as meant."""
    assert Address.parse("https://a%40b:p%3Aw@host/x").auth == ("a@b", "p:w")


@pytest.mark.parametrize(
    "text", ["https://", "https:///path", "https://user:pw@/x", "https://host:port/x", "http://[::1/x"]
)
def test_a_url_without_a_host_is_a_mistake_and_not_repeated(text: str) -> None:
    """A wrong URL may hold a password, so the message does not quote it."""
    with pytest.raises(UsageError) as caught:
        Address.parse(text)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h/x/a.csv.gz?y=/b", "a.csv.gz"),
        ("https://h/a%2Fb%20c.csv", "a_b_c.csv"),
        ("https://h/..%2F..%2Fetc", "_.._etc"),
        ("https://h/", "file"),
        ("https://h/" + "x" * 300 + ".gz", "x" * 117 + ".gz"),
    ],
)
def test_a_file_name_is_safe(url: str, name: str) -> None:
    """Whatever a URL ends in, the spooled file lies where it should."""
    assert Address.parse(url).filename == name


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://h/base", ["https://h/base/m.csv.gz", "https://h/base/m.csv"]),
        ("https://h/base/", ["https://h/base/m.csv.gz", "https://h/base/m.csv"]),
        ("https://h", ["https://h/m.csv.gz", "https://h/m.csv"]),
        ("https://h/base?sv=1", ["https://h/base/m.csv.gz?sv=1", "https://h/base/m.csv?sv=1"]),
        ("https://h/any.csv", ["https://h/any.csv"]),
        ("https://h/any.CSV.GZ", ["https://h/any.CSV.GZ"]),
        ("https://h/any.parquet?x=1", ["https://h/any.parquet?x=1"]),
    ],
)
def test_a_base_gets_the_months_name(location: str, expected: list[str]) -> None:
    """A URL that ends in a file name is that file; any other is the base of all months."""
    assert [address.url for address in candidates(location, ["m.csv.gz", "m.csv"], templated=False)] == expected


def test_a_template_is_the_files_own_url(tmp_path: Path) -> None:
    """A template is filled and taken as it is, whatever it ends in."""
    source = open_source("https://h/{dataset}/{month}/export", YELLOW, JANUARY, spool=tmp_path)
    assert isinstance(source, WebFile)
    assert [address.url for address in source.addresses] == ["https://h/yellow/2019-01/export"]


def test_without_a_location_the_datasets_sources_are_asked_in_their_order(tmp_path: Path) -> None:
    """The mirror's CSV comes before the official Parquet; a format, or the month's own past, leaves one of them."""

    def names(**options: Any) -> list[str]:  # noqa: ANN401 - keywords of `open_source`
        source = open_source(None, YELLOW, JANUARY, spool=tmp_path, **options)
        each = source.sources if isinstance(source, FirstOf) else [source]
        return [address.filename for one in each if isinstance(one, WebFile) for address in one.addresses]

    csv, parquet = f"{NAME}.gz", NAME.replace(".csv", ".parquet")
    assert names() == [csv, parquet]
    assert names(form="csv") == [csv]
    assert names(form="parquet") == [parquet]
    past = f"https://d37ci6vzurychx.cloudfront.net/trip-data/{parquet}"
    assert names(loaded_from=past) == [parquet]
    assert names(loaded_from=past, form="csv") == [csv]
    assert names(loaded_from="/somewhere/else.csv") == [csv, parquet]


def test_the_first_place_that_has_the_month_is_the_source(tmp_path: Path) -> None:
    """A 404 goes on to the next place, a server that fails does not, and where none has it all are named."""
    with faulty_server() as server:
        places = [f"{server.url}/csv/{NAME}", f"{server.url}/parquet/{NAME}"]
        origins = (Origin(format="csv", url=places[0]), Origin(format="parquet", url=places[1]))
        dataset = dataclasses.replace(YELLOW, origins=origins)
        with pytest.raises(NotPublished) as caught:
            open_source(None, dataset, JANUARY, spool=tmp_path).look()
        assert all(place in caught.value.facts["looked"] for place in places)
        server.publish(f"/parquet/{NAME}", Published(content=b"x"))
        source = open_source(None, dataset, JANUARY, spool=tmp_path)
        seen = source.look()
        assert seen.url == places[1]
        assert source.fetch(seen, lambda *_: None).path.read_bytes() == b"x"


@pytest.mark.parametrize("name", [NAME, f"{NAME}.gz"])
def test_a_base_url_finds_either_name(name: str, tmp_path: Path) -> None:
    """Below a base URL the compressed file is asked for first, then the plain one."""
    with faulty_server() as server:
        server.publish(f"/data/{name}", Published(content=b"x"))
        assert open_source(f"{server.url}/data/", YELLOW, JANUARY, spool=tmp_path).look().url.endswith(f"/data/{name}")


def test_a_base_url_without_the_month_names_what_was_sought(tmp_path: Path) -> None:
    """Where neither name is there, both are named."""
    with faulty_server() as server, pytest.raises(NotPublished) as caught:
        open_source(server.url, YELLOW, JANUARY, spool=tmp_path).look()
    assert f"{NAME}.gz\n" in str(caught.value)
    assert f"{NAME}\n" in f"{caught.value}\n"


def test_a_bucket_that_forbids_what_it_does_not_have_is_asked_for_both_names(tmp_path: Path) -> None:
    """A 403 for the first name does not hide the second; where there is none, the 403 is what is said."""
    with faulty_server() as server:
        server.publish(f"/{NAME}", Published(content=b"x"))
        server.script = {"HEAD": [Fault(status=403)], "GET": [Fault(status=403)]}
        source = open_source(server.url, YELLOW, JANUARY, spool=tmp_path)
        assert source.look().url.endswith(NAME)
        server.script = {"HEAD": [Fault(status=403), Fault(status=404)], "GET": [Fault(status=403)]}
        with pytest.raises(SourceUnreachable, match="403"):
            source.look()
