"""`python -m engine.warm`: compile the kernels once, so that no month has to wait for that.

The compiled code lands in numba's cache, from where every later process takes it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from engine import catalog
from engine.contract import ID
from engine.decode import Quarantine, read_layout
from engine.identity import repeated
from engine.identity.arrays import id_bytes
from engine.month import Month
from engine.pipeline import Pipeline
from engine.sample import write_sample
from engine.sinks.postgres import binary
from engine.sinks.postgres.types import stored_order
from engine.watch import Nobody

_ROWS = 200
# Plain numbers, coordinates and columns outside of the base, everything in quotes.
_MONTHS = (("yellow", Month(2019, 1)), ("green", Month(2019, 1)), ("yellow", Month(2015, 1)), ("fhv", Month(2018, 1)))


def warm() -> None:
    """Send a small sample, bad rows included, through every kernel."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for known, month in _MONTHS:
            dataset = catalog.find(known)
            path = write_sample(dataset.name, month, rows=_ROWS, folder=folder, rejects=0.1)
            layout = read_layout(path, dataset, month, name=path.name)
            quarantine = Quarantine(folder / "rejects")
            pipeline = Pipeline(
                path=path,
                layout=layout,
                dataset=dataset,
                month=month,
                quarantine=quarantine,
                watch=Nobody(),
                max_rejects=1.0,
            )
            for batch in pipeline.batches():
                repeated(id_bytes(batch[ID]), np.ones(len(batch), np.int64))
                for _ in binary.rows(batch, stored_order(layout.columns)):
                    pass
            quarantine.close()


if __name__ == "__main__":
    warm()
