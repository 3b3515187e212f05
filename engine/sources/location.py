"""From a location to a source: the one place that knows which schemes there are.

A location is a file, a folder, a base URL (the month's file name is appended), the URL of a file, or a template with
`{dataset}` and `{month}`. Where a month is there both compressed and plain, the compressed file is taken: its checksum
proves that it is whole, while a plain file beside it may be what an interrupted `gunzip` left; where it is there as CSV
and as Parquet, the CSV is.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from engine.errors import NotPublished, UsageError
from engine.settings import Cloud
from engine.sources.address import candidates
from engine.sources.first import FirstOf
from engine.sources.local import LocalFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.contract import Dataset, Form, Origin
    from engine.month import Month
    from engine.sources.objects import ObjectFile
    from engine.sources.source import Source
    from engine.sources.web import WebFile

KNOWN = "a file, a folder, file://, http://, https://, gs://"
# Whoever this machine is logged in as.
_ANYBODY = Cloud()

# RFC 3986, 3.1; with the slash, since a path may hold a colon.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):/")
_FIELD = re.compile(r"\{(\w*)\}")


def open_source(
    location: str | None,
    dataset: Dataset,
    month: Month,
    *,
    spool: Path,
    form: Form | None = None,
    loaded_from: str | None = None,
    cloud: Cloud = _ANYBODY,
) -> Source:
    """Return the source of one month; nothing is read or asked yet.

    Args:
        location: Where to look; None: the dataset's own sources, in their order.
        dataset: Whose month it is.
        month: Which one.
        spool: Folder that downloads are kept in.
        form: The format wanted; None: CSV where it is there, else Parquet.
        loaded_from: URL that the month in the target came from: unless a location or a format is named, the source that
            published it is the only one that is asked, so that a mirror that vanishes does not change a month's format.
        cloud: Who reads from a bucket, and where that is.

    Raises:
        NotPublished: No source of the dataset covers this month.
        UsageError: The location makes no sense, or names a scheme that is not known.

    """
    if location is not None:
        return _at(location, dataset, month, spool, form, cloud)
    sources = [
        (o, _at(o.url, dataset, month, spool, o.format, cloud, o.missing)) for o in _origins(dataset, month, form)
    ]
    if form is None and loaded_from is not None:
        kept = [(o, source) for o, source in sources if loaded_from in source.urls]
        sources = kept or sources
    return sources[0][1] if len(sources) == 1 else FirstOf(sources=[source for _, source in sources])


def _at(
    location: str,
    dataset: Dataset,
    month: Month,
    spool: Path,
    form: Form | None,
    cloud: Cloud,
    missing: Sequence[int] = (),
) -> LocalFile | WebFile | ObjectFile:
    place, templated = _filled(location, dataset, month)
    names = _names(dataset, month, form)
    match _scheme(place):
        case "":
            return LocalFile(place=Path(place), names=names, named_by_month=templated)
        case "file":
            return LocalFile(place=_path(place), names=names, named_by_month=templated)
        case "http" | "https":
            from engine.sources.web import WebFile  # noqa: PLC0415 - httpx takes 0.1 s to import

            found = candidates(place, names, templated=templated)
            return WebFile(addresses=[replace(one, missing=frozenset(missing)) for one in found], spool=spool)
        case "gs":
            from engine.sources.objects import ObjectFile, object_names  # noqa: PLC0415 - Google's client takes longer

            return ObjectFile(objects=object_names(place, names, templated=templated), spool=spool, cloud=cloud)
        case other:
            raise UsageError(
                f"{other}:// is no source that the engine can read", facts={"known": KNOWN}, next_step="check --from"
            )


def _origins(dataset: Dataset, month: Month, form: Form | None) -> list[Origin]:
    of_this_form = [origin for origin in dataset.origins if form in (None, origin.format)]
    if found := [origin for origin in of_this_form if origin.has(month)]:
        return found
    cover = "; ".join(f"{o.since or 'the first month'} to {o.until or 'this day'}" for o in of_this_form)
    raise NotPublished(
        f"no source of {dataset.name} has this month{f' as {form}' if form else ''}",
        facts={"covered": cover or "none", "declared": dataset.defined_in},
        next_step="name a file, a folder or a URL with --from",
    )


def _filled(location: str, dataset: Dataset, month: Month) -> tuple[str, bool]:
    """Fill a template's fields; braces around anything else are part of the name."""
    values = {"dataset": dataset.name, "month": str(month)}
    filled = _FIELD.sub(lambda field: values.get(field[1], field[0]), location)
    return filled, filled != location


def _names(dataset: Dataset, month: Month, form: Form | None) -> Sequence[str]:
    csv, parquet = dataset.filename(month), dataset.filename(month, "parquet")
    return {"csv": (f"{csv}.gz", csv), "parquet": (parquet,), None: (f"{csv}.gz", csv, parquet)}[form]


def _scheme(place: str) -> str:
    match = _SCHEME.match(place)
    return match[1].lower() if match else ""


def _path(url: str) -> Path:
    """Return the path of a file URL (RFC 8089)."""
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        message = "a file URL names an absolute path of this machine"
        raise UsageError(message, facts={"expected": "file:///folder/file"})
    return Path(unquote(parts.path))
