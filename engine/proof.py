"""The published file once more, for `verify --against-source`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from engine import files
from engine.decode import Quarantine, read_layout
from engine.pipeline import Pipeline
from engine.receipt import new_load_id
from engine.settings import Cloud
from engine.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.contract import Dataset
    from engine.month import Month
    from engine.targets import Target
    from engine.watch import Watch


@contextmanager
def source_of(
    dataset: Dataset,
    month: Month,
    target: Target,
    spool: Path,
    watch: Watch,
    **flags: Any,  # noqa: ANN401 - see the flags; `cloud` too, where it is not the machine's own
) -> Iterator[Pipeline]:
    """Yield a pipeline over the month's file: where the flags say, else where the ledger says it came from.

    Raises:
        EngineError: The file is not there, or is not what it should be.

    """
    receipt = target.ledger.current(month)
    location = flags["location"] or (receipt.source.url if receipt else None)
    cloud = flags.get("cloud", Cloud())
    source = open_source(location, dataset, month, spool=spool, form=flags["form"], cloud=cloud)
    seen = source.look()
    watch.step("fetch", seen.bytes)
    fetched = source.fetch(seen, lambda done, _: watch.progress(done))
    try:
        layout = read_layout(fetched.path, dataset, month, name=fetched.path.name)
        with files.scratch(spool / new_load_id()) as scratch:
            yield Pipeline(
                path=fetched.path,
                layout=layout,
                dataset=dataset,
                month=month,
                quarantine=Quarantine(scratch / "rejects"),
                watch=watch,
                strict=flags["strict"],
                max_rejects=1.0,
            )
    finally:
        fetched.discard()
