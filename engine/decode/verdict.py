"""The values of well-formed lines: typed where they are good, with column and reason where they are not.

The parser is the one of the fast path, told to put null where it would raise; so what is good is the same on both
paths. A null alone proves nothing, for empty values are null too: the columns and rows that have one are read again as
text, and only those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from engine.decode import cents, dictionary, dtypes, fast, lines
from engine.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.contract import Column
    from engine.decode.layout import CsvLayout

_BAD_SCHEMA = pl.Schema({"row": pl.Int64, "column": pl.String, "reason": pl.String})
_SHOWN = 80
_CENTS = 2
# Whole numbers as spreadsheets and pandas write them once a column has an empty cell.
_WHOLE = r"^ *([+-]?[0-9]+)\.0*$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Well-formed lines, judged.

    Attributes:
        frame: Good rows in the layout's parsed columns.
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

    def typed(self, layout: CsvLayout) -> pl.DataFrame:
        """Parse all lines, with null for what does not parse."""
        data = self.data if self.whole else lines.gather(self.data, self.starts, self.ends)[0].tobytes()
        known = [*(c.name for c in layout.parsed), *fast.unnamed(layout)]
        return self._read(data, self.starts.size, layout, texts=False, only=known)

    def texts(self, layout: CsvLayout, at: NDArray[np.int64], only: list[str]) -> pl.DataFrame:
        """Read some columns of the lines with these indices as text."""
        data = lines.gather(self.data, self.starts[at], self.ends[at])[0].tobytes()
        return self._read(data, at.size, layout, texts=True, only=only)

    def _read(self, data: bytes, size: int, layout: CsvLayout, *, texts: bool, only: list[str]) -> pl.DataFrame:
        if not size:
            kinds = {c.name: dtypes.read_dtype(c) for c in layout.parsed}
            return pl.DataFrame(schema=kinds | dict.fromkeys(fast.unnamed(layout), pl.String()))
        frame = fast.read(data, layout, quoted=self.quoted, texts=texts, lenient=not texts, only=only)
        if frame.height != size:
            message = f"{size} lines were parsed as {frame.height} rows"
            raise EngineError(message, facts={"file": layout.name})
        return frame


def judge(given: Lines, layout: CsvLayout, *, strict: bool) -> Values:
    """Parse lines and tell good rows from bad ones.

    Args:
        given: Lines with one value for each field, in valid UTF-8.
        layout: What the fields are.
        strict: Whether a rounded decimal is bad.

    """
    typed = given.typed(layout)
    cells = [_cell(typed[c.name], c, strict=strict) for c in layout.parsed]
    doubtful = {cell.column.name: cell for cell in cells if cell.suspicious.any()}
    bad = pl.DataFrame(schema=_BAD_SCHEMA)
    if doubtful:
        at = np.flatnonzero(np.logical_or.reduce([cell.suspicious for cell in doubtful.values()]))
        bad = _named(given.texts(layout, at, list(doubtful)), at, doubtful, layout)
    bad = _with_surplus(bad, typed.select(fast.unnamed(layout)))
    good = np.ones(typed.height, np.bool_)
    good[bad["row"].to_numpy()] = False
    frame = pl.DataFrame([cell.series for cell in cells])
    rounded = sum(int(np.count_nonzero(c.codes[good] == cents.ROUNDED)) for c in cells if c.codes is not None)
    return Values(frame=frame.filter(good) if bad.height else frame, bad=bad.sort("row"), rounded=rounded)


def _with_surplus(bad: pl.DataFrame, unnamed: pl.DataFrame) -> pl.DataFrame:
    """Add the rows that have a value in a field without a name, unless something else is wrong with them already."""
    if not unnamed.width:
        return bad
    found = (
        unnamed.select(pl.coalesce(pl.all()).alias("text"))
        .with_row_index("row")
        .filter(pl.col("text").fill_null("") != "")
        .select(
            pl.col("row").cast(pl.Int64),
            pl.lit(None, pl.String).alias("column"),
            pl.format("a value in a field without a name: '{}'", pl.col("text").str.slice(0, _SHOWN)).alias("reason"),
        )
        .join(bad, on="row", how="anti")
    )
    return pl.concat([bad, found])


@dataclass(slots=True, kw_only=True)
class _Cell:
    """One column of a block: its values so far, which rows need a look at the text, and verdicts of decimals.

    `known_only` tells that a value which the data dictionary does not know is bad.
    """

    column: Column
    series: pl.Series
    suspicious: NDArray[np.bool_]
    codes: NDArray[np.uint8] | None = None
    refused: tuple[int, ...] = ()
    known_only: bool = False


def _cell(read: pl.Series, column: Column, *, strict: bool) -> _Cell:
    cell = _typed(read, column, strict=strict)
    if strict and dictionary.speaks_of(column):
        cell.known_only = True
        cell.suspicious = cell.suspicious | dictionary.unknown(cell.series, column).to_numpy()
    return cell


def _typed(read: pl.Series, column: Column, *, strict: bool) -> _Cell:
    null = read.is_null().to_numpy()
    match column.type.kind:
        case "datetime" | "date":
            series = read.to_frame().select(fast.times(column, strict=False)).to_series()
            lost = series.is_null().to_numpy()
            return _Cell(column=column, series=series, suspicious=lost if not column.nullable else lost & ~null)
        case "decimal":
            return _decimal(read, column, strict=strict)
        case "float":
            finite = read.is_finite().fill_null(value=False).to_numpy()
            return _Cell(column=column, series=read, suspicious=~finite)
        case "text":
            return _Cell(column=column, series=read, suspicious=null & (not column.nullable))
        case _:
            return _Cell(column=column, series=read, suspicious=null)


def _decimal(read: pl.Series, column: Column, *, strict: bool) -> _Cell:
    result = cents.scaled(read, column.type)
    suspicious = read.is_null().to_numpy()
    if not (result.refused or result.rounded):
        return _Cell(column=column, series=result.series, suspicious=suspicious)
    codes = cents.verdicts(read, column.type)
    refused = (cents.TOO_LARGE, cents.NOT_FINITE, *((cents.ROUNDED,) if strict else ()))
    suspicious = suspicious | np.isin(codes, refused)
    return _Cell(column=column, series=result.series, suspicious=suspicious, codes=codes, refused=refused)


def _named(texts: pl.DataFrame, at: NDArray[np.int64], cells: dict[str, _Cell], layout: CsvLayout) -> pl.DataFrame:
    """Return the rows that are bad, each with its first bad column in the file's order; mend what can be mended."""
    free = np.ones(at.size, np.bool_)
    found = [pl.DataFrame(schema=_BAD_SCHEMA)]
    for cell in (cells[c.name] for c in layout.fields if c and c.name in cells):
        text = texts[cell.column.name]
        if cell.column.type.kind == "int":
            _mend(cell, text, at)
        reasons = _reasons(cell, text, at)
        mine = reasons.is_not_null().to_numpy() & free
        row = pl.Series("row", at[mine], dtype=pl.Int64)
        name = pl.lit(cell.column.name).alias("column")
        found.append(pl.DataFrame([row, reasons.filter(mine)]).select("row", name, "reason"))
        free &= ~mine
    return pl.concat(found)


def _mend(cell: _Cell, text: pl.Series, at: NDArray[np.int64]) -> None:
    """Take `1.0` for 1 in a column of integers."""
    whole = text.str.extract(_WHOLE).cast(pl.Int64, strict=False).cast(cell.series.dtype, strict=False)
    chosen = whole.is_not_null().to_numpy()
    if chosen.any():
        cell.series = cell.series.scatter(at[chosen], whole.filter(chosen))


def _reasons(cell: _Cell, text: pl.Series, at: NDArray[np.int64]) -> pl.Series:
    """Return for each suspicious row what is wrong with its value in this column; null where nothing is."""
    column, kind = cell.column, cell.column.type
    value = cell.series.gather(at)
    given = (text != "").fill_null(value=False)
    cases = [(value.is_null() & given, f"{_expected(column)}'{{}}'")]
    if kind.kind == "float":
        cases.append(((~value.is_finite()).fill_null(value=False), "not a finite number: '{}'"))
    if cell.codes is not None:
        words = {
            cents.TOO_LARGE: f"too large for {kind}: '{{}}'",
            cents.NOT_FINITE: "not a finite number: '{}'",
            cents.ROUNDED: "not a whole cent: '{}'" if kind.scale == _CENTS else f"not a whole {kind}: '{{}}'",
        }
        cases += [(pl.Series(cell.codes[at] == code), words[code]) for code in cell.refused]
    if cell.known_only:
        cases.append((dictionary.unknown(value, column), dictionary.REASON))
    if not column.nullable:
        cases.append((value.is_null(), "no value, and the column must have one"))
    return _worded(cases, text)


def _worded(cases: list[tuple[pl.Series, str]], text: pl.Series) -> pl.Series:
    """Return the words of the first case that is true, with the text in them; null where none is."""
    frame = pl.DataFrame(
        [text.str.slice(0, _SHOWN).alias("text"), *(c.alias(str(i)) for i, (c, _) in enumerate(cases))]
    )
    said = [
        pl.when(pl.col(str(i))).then(pl.format(words, "text") if "{}" in words else pl.lit(words))
        for i, (_, words) in enumerate(cases)
    ]
    return frame.select(pl.coalesce(said).alias("reason")).to_series()


def _expected(column: Column) -> str:
    match column.type.kind:
        case "datetime" | "date":
            return f"expected {column.time_format}, found "
        case "int":
            return f"not an {column.type}: "
        case _:
            return f"not a {column.type}: "
