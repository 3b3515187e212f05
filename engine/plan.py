"""Which months are due: published by now, and not in the target.

The target's ledger says what is loaded; a month that it does not name is looked for at its source, and nothing is
downloaded. A plan changes nothing, so it may be out of date once it is carried out; loading a month twice does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from engine.errors import NotPublished
from engine.receipt import State
from engine.sources import open_source
from engine.targets import receipts, untouched

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.contract import Dataset, Form
    from engine.month import Month
    from engine.receipt import Receipt, SourceInfo
    from engine.settings import Settings
    from engine.targets import Place


class Due(StrEnum):
    """How a month stands."""

    MISSING = "missing"  # published, and not loaded: due
    CHANGED = "changed"  # loaded, and the published file is another one by now: due
    LOADED = "loaded"  # the ledger says so
    NOT_PUBLISHED = "not_published"  # its source has no such month yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One month of a plan.

    Attributes:
        dataset: Its dataset's name.
        month: The month.
        state: How it stands.
        source: Where its file is; empty where none was looked for or found.
        bytes: The file's size as published; None where unknown.

    """

    dataset: str
    month: Month
    state: Due
    source: str = ""
    bytes: int | None = None

    @property
    def due(self) -> bool:
        """Whether loading it would bring rows."""
        return self.state in (Due.MISSING, Due.CHANGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where months come from and go to.

    Attributes:
        to: The target.
        location: Where the months are; None: where their dataset says.
        form: `csv` or `parquet`; None: what there is.
        changed: Look at the files of loaded months too.

    """

    to: Place
    location: str | None = None
    form: Form | None = None
    changed: bool = False


def plan(datasets: Iterable[Dataset], months: Iterable[Month], where: Where, settings: Settings) -> Iterator[Planned]:
    """Yield how each month stands, month by month and in each the datasets in order: what is older is due first.

    Args:
        datasets: The datasets.
        months: The months.
        where: Source and target.
        settings: Where things are on this machine.

    Raises:
        SourceUnreachable: A source does not answer.
        TargetUnreachable: The target does not.

    """
    wanted = list(datasets)
    loaded = {} if untouched(where.to, settings) else {d.name: _loaded(d, where.to, settings) for d in wanted}
    for month in months:
        for dataset in wanted:
            yield _planned(dataset, month, loaded.get(dataset.name, {}).get(str(month)), where, settings)


def _loaded(dataset: Dataset, to: Place, settings: Settings) -> dict[str, Receipt]:
    """Return the months of a dataset that its table has."""
    found = receipts(replace(to, table=to.table or dataset.table), settings, dataset.name)
    return {receipt.month: receipt for receipt in found if receipt.state is State.LOADED}


def _planned(dataset: Dataset, month: Month, current: Receipt | None, where: Where, settings: Settings) -> Planned:
    planned = Planned(dataset=dataset.name, month=month, state=Due.LOADED, source=current.source.url if current else "")
    if current and not where.changed:
        return planned
    try:
        seen = _seen(dataset, month, current, where, settings)
    except NotPublished:
        # A loaded month whose source is gone stays loaded.
        return planned if current else Planned(dataset=dataset.name, month=month, state=Due.NOT_PUBLISHED)
    if current and seen.unchanged_since(current.source):
        return planned
    state = Due.CHANGED if current else Due.MISSING
    return Planned(dataset=dataset.name, month=month, state=state, source=seen.url, bytes=seen.bytes)


def _seen(dataset: Dataset, month: Month, current: Receipt | None, where: Where, settings: Settings) -> SourceInfo:
    source = open_source(
        where.location,
        dataset,
        month,
        spool=settings.spool,
        form=where.form,
        loaded_from=current.source.url if current else None,
        cloud=settings.cloud,
    )
    return source.look()
