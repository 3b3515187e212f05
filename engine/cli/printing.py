"""Receipts and tables as text."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING
from urllib.parse import unquote

from engine.receipt import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.receipt import Receipt

_WIDTH = 100
_KEPT = "\N{NO-BREAK SPACE}"


def receipt_text(receipt: Receipt) -> str:
    """Return a receipt for people."""
    rows, counts, source = receipt.rows, receipt.counts, receipt.source
    seconds = receipt.seconds.get("total", 0.0)
    lines = [f"{receipt.dataset} {receipt.month}  {receipt.state.value}  in {seconds:.1f} s"]
    lines += [f"  {label:<11} {text}" for label, text in _facts(receipt)]
    if receipt.state in (State.LOADED, State.UNCHANGED):
        parts = [f"{rows.loaded:,} loaded"]
        parts += [f"{rows.present:,} already there"] if rows.present else []
        parts += [f"{rows.quarantined:,} quarantined"]
        lines.append(f"  {'rows':<11} {rows.lines:,} lines = {' + '.join(parts)}")
        noted = [f"{counts.strays:,} outside the month"] if counts.strays else []
        noted += [f"{counts.rounded:,} amounts rounded to the cent"] if counts.rounded else []
        lines += [f"  {'noted':<11} {'; '.join(noted)}"] if noted else []
        lines += wrapped("unknown", [f"{name} {count:,}" for name, count in sorted(counts.outside.items())])
        lines += wrapped("nulls", [f"{name} {count:,}" for name, count in sorted(counts.nulls.items())])
        lines.append(f"  {'ids':<11} {receipt.identity}, checksum {receipt.id_checksum}")
        lines += [f"  {'billed':<11} {receipt.bytes_billed:,} bytes"] if receipt.bytes_billed else []
    if receipt.state is State.LOADED and seconds:
        lines.append(f"  {'speed':<11} {rows.lines / seconds:,.0f} rows/s{_megabytes(source.bytes, seconds)}")
    return "\n".join(lines)


def wrapped(label: str, parts: list[str]) -> list[str]:
    """Return words after a label, wrapped below each other; no line where there are none."""
    first, other = f"  {label:<11} ", " " * 14
    whole = ", ".join(part.replace(" ", _KEPT) for part in parts)  # a name and its number stay on one line
    lines = textwrap.wrap(whole, _WIDTH, initial_indent=first, subsequent_indent=other)
    return [line.replace(_KEPT, " ") for line in lines]


def _facts(receipt: Receipt) -> Iterator[tuple[str, str]]:
    # Percent signs for the slashes of a socket's folder serve machines; libpq understands both.
    yield "target", unquote(receipt.target)
    yield "source", receipt.source.url
    yield "load id", receipt.load_id


def _megabytes(size: int | None, seconds: float) -> str:
    return f", {size / 1e6 / seconds:,.1f} MB/s of the published file" if size else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> str:
    """Return rows of text in aligned columns; `right` names the columns of numbers."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = []
    for row in [head, *rows]:
        cells = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
