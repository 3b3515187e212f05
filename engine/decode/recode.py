"""The last step of decoding, whatever the format: values outside of the dictionary counted, texts turned into codes.

A month has millions of texts and a handful of different ones: each is looked at once a batch, and its rows follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow.compute as pc

from engine.decode import codes, dictionary, dtypes

if TYPE_CHECKING:
    from engine.contract import Codes, Column
    from engine.decode.layout import Layout


def recoded(frame: pl.DataFrame, layout: Layout, outside: dict[str, int]) -> pl.DataFrame:
    """Return good rows in the layout's columns.

    Args:
        frame: The layout's parsed columns.
        layout: Says which of them have codes.
        outside: Takes the numbers of values that the dictionary does not know, by column.

    """
    dictionary.count(frame, [c for c in layout.parsed if c.codes is None], outside)
    if not layout.coded:
        return frame
    made = dict(zip(frame.columns, frame.get_columns(), strict=True))
    for column in layout.coded:
        if column.codes is not None:
            made |= _recoded(made[column.name], column, column.codes, layout, outside)
    return pl.DataFrame([made[c.name] for c in layout.columns])


def _recoded(
    texts: pl.Series, column: Column, known: Codes, layout: Layout, outside: dict[str, int]
) -> dict[str, pl.Series]:
    """Return the column's values, and the texts that are none under the name that keeps them."""
    kind = next(dtypes.dtype(c.type) for c in layout.columns if c.name == column.name)
    encoded = pc.dictionary_encode(texts.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest()))
    different = pl.Series(column.name, encoded.dictionary, dtype=pl.String)
    places = pl.Series(encoded.indices, dtype=pl.Int32).cast(pl.UInt32)
    strange = dictionary.unknown(different, column).to_numpy()
    if strange.any():
        number = int(np.bincount(places.drop_nulls().to_numpy(), minlength=len(different))[strange].sum())
        outside[column.name] = outside.get(column.name, 0) + number
    value = codes.value(column, known).cast(kind, strict=False)
    rest = pl.when(value.is_null() & (pl.col(column.name) != "")).then(pl.col(column.name))
    meant = different.to_frame().select(value.alias("value"), rest.alias("rest"))
    made = {column.name: meant["value"].gather(places).alias(column.name)}
    return made | ({known.rest: meant["rest"].gather(places).alias(known.rest)} if known.rest else {})
