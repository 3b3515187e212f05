"""Blocks with something out of the ordinary: good rows as the fast path would have read them, bad ones with a reason.

Lines of a wrong form are set aside first (`engine.decode.lines`); the values of the others are judged whole columns at
a time (`engine.decode.verdict`). Every line ends as a row, as a reject or as a blank one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from engine.decode import lines
from engine.decode.census import LINE_LIMIT
from engine.decode.quarantine import FRAME_SCHEMA
from engine.decode.verdict import Lines, judge
from engine.errors import TornInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.decode.blocks import Oversize
    from engine.decode.census import Census
    from engine.decode.layout import CsvLayout
    from engine.decode.lines import Survey
    from engine.decode.verdict import Values

_SHOWN = 200

_REASONS = {
    lines.NUL: "a NUL byte",
    lines.AFTER_QUOTE: "text after a closing quote",
    lines.STRAY_QUOTE: "a quote inside an unquoted value",
    lines.UNCLOSED: "a quote is not closed on its line",
    lines.NOT_UTF8: "not UTF-8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """A block taken apart.

    Attributes:
        frame: Good rows in the layout's parsed columns.
        rejects: Bad ones, with the quarantine's schema, by line.
        blank: Blank lines.
        rounded: Rounded decimals of the good rows.

    """

    frame: pl.DataFrame
    rejects: pl.DataFrame
    blank: int
    rounded: int


def parse(data: bytes, layout: CsvLayout, *, counted: Census, first_line: int, strict: bool) -> Sorted:
    """Take a block apart.

    Args:
        data: Whole lines; the last one may have no line end.
        layout: What the fields are.
        counted: The block's census.
        first_line: Number of its first line.
        strict: Whether a rounded decimal is a reason for quarantine.

    Raises:
        TornInput: The last line has no line end and is not whole.

    """
    found = lines.survey(data, lines=counted.lines, fields=len(layout.fields), high=counted.high > 0)
    _refuse_torn(data, found, layout, first_line)
    good = np.flatnonzero(found.codes == lines.GOOD)
    malformed = np.flatnonzero(found.codes > lines.BLANK)
    given = Lines(
        data=data,
        starts=found.starts[good],
        ends=found.ends[good],
        whole=good.size == counted.lines,
        quoted=counted.quotes > 0,
    )
    values = judge(given, layout, strict=strict)
    rejects = [_malformed(found, malformed, layout), _misvalued(values, good)]
    bad = pl.concat(rejects).sort("at")
    return Sorted(
        frame=values.frame,
        rejects=_rejects(bad, data, found, first_line),
        blank=int(np.count_nonzero(found.codes == lines.BLANK)),
        rounded=values.rounded,
    )


def oversize(line: Oversize, number: int, layout: CsvLayout) -> pl.DataFrame:
    """Return the reject of a line that was too long to be kept.

    Raises:
        TornInput: It has no line end.

    """
    if not line.ended:
        raise torn(line.head, number, layout)
    row = (number, None, too_long(line.length), _raw(line.head))
    return pl.DataFrame([row], schema=FRAME_SCHEMA, orient="row")


def too_long(length: int) -> str:
    """Return the reason for a line of that many bytes."""
    return f"line of {length} bytes is over the limit of {LINE_LIMIT}"


def torn(tail: bytes, number: int, layout: CsvLayout, *, why: str = "the file breaks off") -> TornInput:
    """Return the error for a file of which line `number`, that ends with `tail`, is the last that could be read."""
    text = _raw(tail.rstrip(b"\r\n").rpartition(b"\n")[2])
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    return TornInput(
        f"{why} at line {number}",
        facts={"file": f"{layout.name}, line {number}", "found": shown or "nothing"},
        next_step="fetch the file again: it was cut off or damaged, at its source or on the way",
    )


def _refuse_torn(data: bytes, found: Survey, layout: CsvLayout, first_line: int) -> None:
    if data.endswith(b"\n") or found.codes[-1] == lines.BLANK:
        return
    line = data[found.starts[-1] : found.ends[-1]]
    unfinished = found.codes[-1] in (lines.UNCLOSED, lines.TOO_FEW, lines.TOO_LONG)
    if unfinished or line.count(b",") < len(layout.fields) - 1:
        raise torn(line, first_line + found.codes.size - 1, layout)


def _malformed(found: Survey, at: NDArray[np.int64], layout: CsvLayout) -> pl.DataFrame:
    """Return place, column and reason of lines of a wrong form."""
    reasons = []
    for i in at:
        code = int(found.codes[i])
        if code == lines.TOO_LONG:
            reasons.append(too_long(int(found.ends[i] - found.starts[i])))
        elif code in (lines.TOO_FEW, lines.TOO_MANY):
            reasons.append(f"{found.found[i]} fields instead of {len(layout.fields)}")
        else:
            reasons.append(_REASONS[code])
    columns = {"at": pl.Series(at, dtype=pl.Int64), "reason": pl.Series(reasons, dtype=pl.String)}
    return pl.DataFrame(columns).select("at", pl.lit(None, pl.String).alias("column"), "reason")


def _misvalued(values: Values, good: NDArray[np.int64]) -> pl.DataFrame:
    """Return place, column and reason of well-formed lines with a bad value."""
    at = pl.Series("at", good[values.bad["row"].to_numpy()], dtype=pl.Int64)
    return values.bad.select(at, "column", "reason")


def _rejects(bad: pl.DataFrame, data: bytes, found: Survey, first_line: int) -> pl.DataFrame:
    at = bad["at"].to_numpy()
    raw = pl.Series("raw", _raws(data, found.starts[at], found.ends[at]), dtype=pl.String)
    return bad.select((pl.col("at") + first_line).alias("line"), "column", "reason", raw)


def _raws(data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> pl.Series | list[str]:
    """Return the text of lines: at once where all is ASCII, as it nearly always is."""
    ends = np.minimum(ends, starts + LINE_LIMIT)
    joined, offsets = lines.gather(data, starts, ends, line_ends=False)
    if joined.size and joined.min() > 0 and joined.max() < 128:  # noqa: PLR2004 - ASCII
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(joined)]
        return pl.Series(pa.Array.from_buffers(pa.large_string(), starts.size, buffers))
    return [_raw(data[start:end]) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]


def _raw(line: bytes) -> str:
    return line[:LINE_LIMIT].decode("utf-8", "backslashreplace").replace("\0", "\\x00")
