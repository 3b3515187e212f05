"""Counts of bytes that tell, without parsing, whether every line of a block has the same form.

Independent of the CSV parser on purpose: Polars fills short rows with nulls without a word, takes blank lines for rows
and lets NUL bytes pass. What these counts cannot vouch for goes to the careful path.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.compiled import compiled

COMMA, QUOTE, LINE_FEED, RETURN = b',"\n\r'

# A line may be this long, without its line end; longer ones are rejects, so that one line cannot take all memory.
LINE_LIMIT = 1 << 16
# Any longer line covers at least one aligned window of half its size.
_WINDOW = LINE_LIMIT // 2
# Counts of 8 bits cannot overflow in a strip of this many bytes, and 8-bit lanes are what makes the loop fast.
_STRIP = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """What a block of whole lines contains.

    Attributes:
        lines: Lines, the last one also where it has no line end.
        separators: Commas.
        quotes: Double quotes.
        nuls: NUL bytes.
        high: Bytes beyond ASCII.
        blank: Whether some line is blank: empty, or a carriage return alone.
        maybe_long: Whether some line may be over the limit.

    """

    lines: int
    separators: int
    quotes: int
    nuls: int
    high: int
    blank: bool
    maybe_long: bool

    def regular(self, fields: int) -> bool:
        """Tell whether lines have `fields` fields each, if none has more, and nothing that needs a closer look."""
        odd = self.quotes or self.nuls or self.blank or self.maybe_long
        return not odd and self.separators == self.lines * (fields - 1)

    def quoted_throughout(self, fields: int) -> bool:
        """Tell whether every one of `fields` fields of each line may stand in quotes, and nothing else is odd.

        That each quote stands where it must is left to whoever removes them.
        """
        odd = self.nuls or self.blank or self.maybe_long
        form = self.separators == self.lines * (fields - 1) and self.quotes == 2 * fields * self.lines
        return form and not odd


def take(data: bytes) -> Census:
    """Count what is in a block of whole lines.

    Args:
        data: At least one byte; starts at the beginning of a line.

    """
    view = np.frombuffer(data, np.uint8)
    lines, separators, quotes, nuls, high, blank, maybe_long = _count(view)
    started = data.startswith((b"\n", b"\r\n")) or data == b"\r" or data.endswith(b"\n\r")
    return Census(
        lines=int(lines) + (not data.endswith(b"\n")),
        separators=int(separators),
        quotes=int(quotes),
        nuls=int(nuls),
        high=int(high),
        blank=bool(blank) or started,
        maybe_long=bool(maybe_long),
    )


@compiled
def _blank(data: np.ndarray) -> int:
    """Count line ends that follow a line end, or one and a carriage return."""
    found = 0
    for at in range(2, data.size, _STRIP):
        end = min(at + _STRIP, data.size)
        here, one_back, two_back = data[at:end], data[at - 1 : end - 1], data[at - 2 : end - 2]
        count = np.uint8(0)
        for i in range(here.size):
            after = (one_back[i] == LINE_FEED) | ((one_back[i] == RETURN) & (two_back[i] == LINE_FEED))
            count = np.uint8(count + np.uint8((here[i] == LINE_FEED) & after))
        found += int(count)
    return found


@compiled
def _count(data: np.ndarray) -> tuple[int, int, int, int, int, int, bool]:
    size = data.size
    lines = separators = quotes = nuls = high = 0
    maybe_long = False
    window_start = 0
    while window_start < size:
        window_end = min(window_start + _WINDOW, size)
        before = lines
        at = window_start
        while at < window_end:
            strip = data[at : min(at + _STRIP, window_end)]
            a = b = c = d = e = np.uint8(0)
            for i in range(strip.size):
                byte = strip[i]
                a = np.uint8(a + np.uint8(byte == LINE_FEED))
                b = np.uint8(b + np.uint8(byte == COMMA))
                c = np.uint8(c + np.uint8(byte == QUOTE))
                d = np.uint8(d + np.uint8(byte == 0))
                e = np.uint8(e + np.uint8(byte >> 7))
            lines += int(a)
            separators += int(b)
            quotes += int(c)
            nuls += int(d)
            high += int(e)
            at += _STRIP
        if lines == before and window_end - window_start == _WINDOW:
            maybe_long = True
        window_start = window_end
    return lines, separators, quotes, nuls, high, _blank(data), maybe_long
