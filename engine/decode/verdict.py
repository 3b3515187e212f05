"""The values of well-formed lines: typed where they are good, with column and reason where they are not.

The parser is the one of the fast path, told to put null where it would raise; so what is good is the same on both paths.
A null alone proves nothing, for empty values are null too: the rows that have one are read again as text, and only those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from engine.decode import cents, fast, lines
from engine.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.contract import Column
    from engine.decode.header import Layout

_BAD_SCHEMA = pl.Schema({"row": pl.Int64, "column": pl.String, "reason": pl.String})
_SHOWN = 80
# Whole numbers as spreadsheets and pandas write them once a column has an empty cell.
_WHOLE = r"^ *([+-]?[0-9]+)\.0*$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Well-formed lines, judged.

    Attributes:
        frame: Good rows in the layout's columns.
        bad: `row` (index among the judged lines, ascending), `column` and `reason` of the others.
        rounded: Rounded decimals of the good rows.

    """

    frame: pl.DataFrame
    bad: pl.DataFrame
    rounded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Well-formed lines within a block.

    Attributes:
        data: The block.
        starts: First byte of each line.
        ends: The byte after its last one, line end left out.
        whole: Whether the block has no other lines.
        quoted: Whether some line has quotes.

    """

    data: bytes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    whole: bool
    quoted: bool

    def read(self, layout: Layout, *, texts: bool = False, at: NDArray[np.int64] | None = None) -> pl.DataFrame:
        """Parse all lines, or those with these indices; every field as text, or typed with null for what is not."""
        starts, ends = (self.starts, self.ends) if at is None else (self.starts[at], self.ends[at])
        if starts.size == 0:
            return pl.DataFrame(schema={n: pl.String for n in fast.field_names(layout)}) if texts else _empty(layout)
        keep = self.whole and starts.size == self.starts.size
        data = self.data if keep else lines.gather(self.data, starts, ends)[0].tobytes()
        frame = fast.read(data, layout, quoted=self.quoted, texts=texts, lenient=not texts)
        if frame.height != starts.size:
            message = f"{starts.size} lines were parsed as {frame.height} rows"
            raise EngineError(message, facts={"file": layout.name})
        return frame


def judge(given: Lines, layout: Layout, *, strict: bool) -> Values:
    """Parse lines and tell good rows from bad ones.

    Args:
        given: Lines with one value for each field, in valid UTF-8.
        layout: What the fields are.
        strict: Whether a rounded decimal is bad.

    """
    typed = given.read(layout)
    cells = {c.name: _cell(typed[c.name], c, strict=strict) for c in layout.columns}
    suspicious = np.zeros(typed.height, np.bool_)
    for cell in cells.values():
        suspicious |= cell.suspicious
    at = np.flatnonzero(suspicious)
    bad = (
        _named(given.read(layout, texts=True, at=at), at, cells, layout)
        if at.size
        else pl.DataFrame(schema=_BAD_SCHEMA)
    )
    frame = pl.DataFrame([cell.series for cell in cells.values()])
    good = np.ones(typed.height, np.bool_)
    good[bad["row"].to_numpy()] = False
    rounded = sum(
        int(np.count_nonzero(cell.codes[good] == cents.ROUNDED)) for cell in cells.values() if cell.codes is not None
    )
    return Values(frame=frame.filter(good) if bad.height else frame, bad=bad.sort("row"), rounded=rounded)


@dataclass(slots=True, kw_only=True)
class _Cell:
    """One column of a block: its values so far, which rows need a look at the text, and verdicts of decimals."""

    column: Column
    series: pl.Series
    suspicious: NDArray[np.bool_]
    codes: NDArray[np.uint8] | None = None
    refused: tuple[int, ...] = ()


def _cell(read: pl.Series, column: Column, *, strict: bool) -> _Cell:
    match column.type.kind:
        case "datetime" | "date":
            series = read.to_frame().select(fast.times(column, strict=False)).to_series()
            suspicious = series.is_null() & (read.is_not_null() | (not column.nullable))
            return _Cell(column=column, series=series, suspicious=suspicious.to_numpy())
        case "decimal":
            result = cents.scaled(read, column.type)
            suspicious = read.is_null().to_numpy().copy()
            if not (result.refused or result.rounded):
                return _Cell(column=column, series=result.series, suspicious=suspicious)
            codes = cents.verdicts(read, column.type)
            refused = (cents.TOO_LARGE, cents.NOT_FINITE, *((cents.ROUNDED,) if strict else ()))
            suspicious |= np.isin(codes, refused)
            return _Cell(column=column, series=result.series, suspicious=suspicious, codes=codes, refused=refused)
        case "float":
            suspicious = (read.is_null() | ~read.is_finite()).fill_null(value=True).to_numpy()
            return _Cell(column=column, series=read, suspicious=suspicious)
        case "text":
            suspicious = read.is_null().to_numpy() if not column.nullable else np.zeros(len(read), np.bool_)
            return _Cell(column=column, series=read, suspicious=suspicious)
        case _:
            return _Cell(column=column, series=read, suspicious=read.is_null().to_numpy())


def _named(texts: pl.DataFrame, at: NDArray[np.int64], cells: dict[str, _Cell], layout: Layout) -> pl.DataFrame:
    """Return the rows that are bad, each with its first bad column in the file's order; mend what can be mended."""
    free = np.ones(at.size, np.bool_)
    found: list[pl.DataFrame] = []
    for column in layout.fields:
        if column is None:
            continue
        cell, text = cells[column.name], texts[column.name]
        if column.type.kind == "int":
            _mend(cell, text, at)
        reasons = _reasons(cell, text, at)
        mine = reasons.is_not_null().to_numpy() & free
        if mine.any():
            row = pl.Series("row", at[mine], dtype=pl.Int64)
            found.append(pl.select(row, pl.lit(column.name).alias("column"), reasons.filter(mine).alias("reason")))
            free &= ~mine
    return pl.concat(found) if found else pl.DataFrame(schema=_BAD_SCHEMA)


def _mend(cell: _Cell, text: pl.Series, at: NDArray[np.int64]) -> None:
    """Take `1.0` for 1 in a column of integers."""
    whole = text.str.extract(_WHOLE).cast(pl.Int64, strict=False).cast(cell.series.dtype, strict=False)
    chosen = whole.is_not_null().to_numpy()
    if chosen.any():
        cell.series = cell.series.scatter(at[chosen], whole.filter(chosen))


def _reasons(cell: _Cell, text: pl.Series, at: NDArray[np.int64]) -> pl.Series:
    """Return for each suspicious row what is wrong with its value in this column; null where nothing is."""
    column, kind = cell.column, cell.column.type
    null = cell.series.gather(at).is_null()
    given = (text != "").fill_null(value=False)
    shown = pl.format("'{}'", pl.lit(text.str.slice(0, _SHOWN)))
    out = pl.when(pl.lit(null & given)).then(pl.format("{}{}", pl.lit(_expected(column)), shown))
    if kind.kind == "float":
        infinite = (~cell.series.gather(at).is_finite()).fill_null(value=False)
        out = out.when(pl.lit(infinite)).then(pl.format("not a finite number: {}", shown))
    if cell.codes is not None:
        words = {
            cents.TOO_LARGE: f"too large for {kind}: {{}}",
            cents.NOT_FINITE: "not a finite number: {}",
            cents.ROUNDED: "not a whole cent: {}" if kind.scale == 2 else f"not a {kind}: {{}}",  # noqa: PLR2004 - cents
        }
        for code in cell.refused:
            out = out.when(pl.lit(pl.Series(cell.codes[at] == code))).then(pl.format(words[code], shown))
    if not column.nullable:
        out = out.when(pl.lit(null)).then(pl.lit("no value, and the column must have one"))
    return pl.select(out.otherwise(pl.lit(None, pl.String)).alias("reason")).to_series()


def _expected(column: Column) -> str:
    match column.type.kind:
        case "datetime" | "date":
            return f"expected {column.time_format}, found "
        case "int":
            return f"not an {column.type}: "
        case _:
            return f"not a {column.type}: "


def _empty(layout: Layout) -> pl.DataFrame:
    kinds = [fast.read_dtype(c) for c in layout.fields]
    return pl.DataFrame(schema=dict(zip(fast.field_names(layout), kinds, strict=True)))
