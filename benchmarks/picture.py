"""Seconds of the contestants as bars, in SVG without any library; the engine's bars have a colour of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TITLES = {
    "parquet": "gzip to Parquet",
    "postgres": "gzip to PostgreSQL",
    "again": "The same month again, PostgreSQL",
    "cloud": "gzip to a folder, and to fakes of the cloud",
}
_WIDTH, _LEFT, _RIGHT = 760, 230, 90
_BAR, _GAP, _HEAD, _TOP = 22, 10, 40, 62
_INK, _SOFT, _OURS, _THEIRS = "#1f2933", "#52606d", "#0f766e", "#b6bfc8"
_OURS_NAMES = ("engine", "first load", "unchanged", "ledger lost", "folder", "gs://", "bigquery://")


def bars(found: Mapping[str, Any]) -> str:
    """Return the picture of a result."""
    body, height = [], _TOP
    for part, title in _TITLES.items():
        if contestants := found["medians"].get(part):
            body += list(_group(title, contestants, height))
            height += _HEAD + len(contestants) * (_BAR + _GAP)
    machine = found["machine"]
    height += 14
    head = f"{machine['rows']:,} rows, {machine['cores']} cores, median of {machine['rounds']}"
    frame = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" font-family="system-ui, sans-serif"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {frame} role="img" aria-label="{escape(head)}">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(20, 30, "Seconds from a compressed CSV month; shorter is better", size=17, weight=600),
        _text(20, 51, head, size=13, fill=_SOFT),
        *body,
        "</svg>\n",
    ]
    return "\n".join(lines)


def _group(title: str, contestants: Mapping[str, Any], top: int) -> Iterator[str]:
    longest = max(m["wall_seconds"] for m in contestants.values()) or 1.0
    yield _text(20, top + 28, title, size=14, weight=600)
    for number, (name, m) in enumerate(contestants.items()):
        y = top + _HEAD + number * (_BAR + _GAP)
        width = max(2.0, (_WIDTH - _LEFT - _RIGHT) * m["wall_seconds"] / longest)
        colour = _OURS if name.startswith(_OURS_NAMES) else _THEIRS
        yield _text(_LEFT - 10, y + 16, name, size=13, anchor="end")
        yield f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="3" fill="{colour}"/>'
        yield _text(round(_LEFT + width + 8), y + 16, f"{m['wall_seconds']:.1f} s", size=13)


def _text(x: int, y: int, text: str, *, size: int, weight: int = 400, fill: str = _INK, anchor: str = "start") -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )
