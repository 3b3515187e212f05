"""MD5 of the texts of a column, in lanes, with a memo for short ones.

Texts lie as Arrow string views: 16 bytes each, which hold the length and, up to 12 bytes, the text itself. So a short
text is a key of two machine words, and one that came before costs a look into a small table instead of a hash: flags
and licence numbers repeat. All others are hashed in lanes, block after block; a lane whose text ends makes room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engine.compiled import compiled
from engine.identity.fill import BUFFERS, OFFSET, VALUES, WORD
from engine.identity.md5 import BLOCK_WORDS, STATE_WORDS, begin, compress
from engine.memory import elements

if TYPE_CHECKING:
    from numpy.typing import NDArray

    U32 = NDArray[np.uint32]
    U64 = NDArray[np.uint64]
    I64 = NDArray[np.int64]
    Whole = int | np.integer[Any]

_INLINE = 12  # bytes that a view itself holds (Arrow columnar format, variable-size binary view)
_LENGTH_BYTES = 8  # a message ends with its length (RFC 1321, 3.2)
_BLOCK_BYTES = 64
MEMO_BITS = 12  # a table of 128 kB; thousands of licence numbers fit


@compiled
def new_memo() -> U64:
    """Return an empty memo: rows of key (2 words) and digest (2 words). No view has the length of an empty key."""
    return np.full((1 << MEMO_BITS, 4), np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64)


@compiled
def _slot(low: np.uint64, high: np.uint64) -> np.int64:
    mixed = (low ^ (high * np.uint64(0x9E3779B97F4A7C15))) * np.uint64(0xD6E8FEB86659FD93)
    return np.int64(mixed >> np.uint64(64 - MEMO_BITS))


@compiled
def fill_texts(words: U32, field: I64, kept: U32, memo: U64, start: int, count: int) -> None:
    """Write the digests of rows `start` to `start + count` of a text column.

    Args:
        words: (words, lanes) uint32, the message.
        field: Where the column lies and which words it fills.
        kept: (lanes,) uint32: zero where the row is null; such a view is not looked at.
        memo: What `new_memo` returned, of any text column.
        start: First row, counted from the field's offset.
        count: Rows, at most as many as there are lanes.

    """
    first, word = field[OFFSET] + start, field[WORD]
    views = elements(field[VALUES], 2 * (first + count), np.uint64)
    missing = np.empty(count, np.int64)
    missed = 0
    for lane in range(count):
        if not kept[lane]:
            continue
        low, high = views[2 * (first + lane)], views[2 * (first + lane) + 1]
        slot = _slot(low, high)
        if memo[slot, 0] == low and memo[slot, 1] == high:
            words[word, lane] = np.uint32(memo[slot, 2] & np.uint64(0xFFFFFFFF))
            words[word + 1, lane] = np.uint32(memo[slot, 2] >> np.uint64(32))
            words[word + 2, lane] = np.uint32(memo[slot, 3] & np.uint64(0xFFFFFFFF))
            words[word + 3, lane] = np.uint32(memo[slot, 3] >> np.uint64(32))
        else:
            missing[missed] = lane
            missed += 1
    if missed:
        _hash_texts(words, field, missing[:missed], first)
        _remember(words, word, memo, views, missing[:missed], first)


@compiled
def _remember(words: U32, word: Whole, memo: U64, views: U64, lanes: I64, first: Whole) -> None:
    for lane in lanes:
        low, high = views[2 * (first + lane)], views[2 * (first + lane) + 1]
        if (low & np.uint64(0xFFFFFFFF)) <= np.uint64(_INLINE):
            slot = _slot(low, high)
            memo[slot, 0], memo[slot, 1] = low, high
            memo[slot, 2] = np.uint64(words[word, lane]) | (np.uint64(words[word + 1, lane]) << np.uint64(32))
            memo[slot, 3] = np.uint64(words[word + 2, lane]) | (np.uint64(words[word + 3, lane]) << np.uint64(32))


@compiled
def _hash_texts(words: U32, field: I64, lanes: I64, first: Whole) -> None:
    """Hash the texts of the rows `lanes`, and write each digest into its lane of `words`."""
    left = len(lanes)
    row, address, length = lanes.copy(), np.empty(left, np.int64), np.empty(left, np.int64)
    views = elements(field[VALUES], 4 * (first + lanes[-1] + 1), np.int32)
    for at in range(left):
        view = 4 * (first + row[at])
        length[at] = views[view]
        if length[at] <= _INLINE:
            address[at] = field[VALUES] + 4 * view + 4
        else:
            address[at] = elements(field[BUFFERS], views[view + 2] + 1, np.int64)[views[view + 2]] + views[view + 3]
    block = np.empty((BLOCK_WORDS, left), np.uint32)
    state = np.empty((STATE_WORDS, left), np.uint32)
    begin(state, left)
    done = 0
    while left:
        for at in range(left):
            _fill_block(block, at, address[at], length[at], done)
        compress(block, state, left)
        done += _BLOCK_BYTES
        still = 0
        for at in range(left):
            if length[at] + 1 + _LENGTH_BYTES <= done:
                for part in range(STATE_WORDS):
                    words[field[WORD] + part, row[at]] = state[part, at]
            else:
                row[still], address[still], length[still] = row[at], address[at], length[at]
                for part in range(STATE_WORDS):
                    state[part, still] = state[part, at]
                still += 1
        left = still


@compiled
def _fill_block(block: U32, lane: int, address: Whole, length: Whole, done: int) -> None:
    """Write the 64 bytes from `done` on of a text and of the padding that ends it (RFC 1321, 3.1 and 3.2)."""
    text = elements(address, length, np.uint8)
    for word in range(BLOCK_WORDS):
        at = done + 4 * word
        value = np.uint32(0)
        if at + 4 <= length:
            for byte in range(4):
                value |= np.uint32(text[at + byte]) << np.uint32(8 * byte)
        elif at <= length:
            for byte in range(length - at):
                value |= np.uint32(text[at + byte]) << np.uint32(8 * byte)
            value |= np.uint32(0x80) << np.uint32(8 * (length - at))
        block[word, lane] = value
    if length + 1 + _LENGTH_BYTES <= done + _BLOCK_BYTES:
        block[14, lane] = np.uint32((length << 3) & 0xFFFFFFFF)
        block[15, lane] = np.uint32(length >> 29)
