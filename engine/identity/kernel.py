"""From columns to digests: a chunk of rows at a time is filled into lanes and hashed, while it lies in the cache.

Three kernels, one compiled signature each: the base message of `row-v1`, one step for a column that was added later,
and one for repeated rows. They hold no state and no lock of Python's, so any number of threads may run them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.compiled import compiled
from engine.identity.fill import (
    KIND,
    OFFSET,
    STRIDE,
    TEXT,
    TEXT_WORDS,
    VALID,
    VALUE_WORDS,
    VALUES,
    blank_nulls,
    fill_integers,
    fill_values,
    read_validity,
)
from engine.identity.md5 import BLOCK_WORDS, STATE_WORDS, begin, compress
from engine.identity.texts import fill_texts, new_memo
from engine.memory import fetch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    U32 = NDArray[np.uint32]
    U64 = NDArray[np.uint64]
    I64 = NDArray[np.int64]

# 3 blocks x 64 bytes x 1024 lanes stay in a second-level cache. 512 lanes measure 8 % slower, 2048 no faster.
LANES = 1024

_ADDED_VALUE = 9  # words before the value: "col1", digest, name
_LENGTH = 14  # word of a block that holds the length of the message in bits
_EXTRA_ROW = BLOCK_WORDS  # a row below the block, for null bits that are no part of the message


@compiled
def _fill(words: U32, field: I64, kept: U32, memo: U64, start: int, count: int) -> None:
    if field[VALID]:
        read_validity(kept, field, start, count)
    else:
        kept[:] = np.uint32(0xFFFFFFFF)
    if field[KIND] == TEXT:
        fill_texts(words, field, kept, memo, start, count)
    else:
        fill_values(words, field, start, count)
    if field[VALID]:
        blank_nulls(words, field, kept, TEXT_WORDS if field[KIND] == TEXT else VALUE_WORDS, count)


@compiled
def _fetch_ahead(fields: I64, start: int, end: int) -> None:
    """Let memory bring the next chunk while this one is hashed, which reads no memory: 10 % less time a row."""
    for at in range(fields.shape[0]):
        stride = fields[at, STRIDE]
        fetch(fields[at, VALUES] + (fields[at, OFFSET] + start) * stride, min(LANES, end - start) * stride)


@compiled
def hash_rows(template: U32, null_words: int, fields: I64, count: int, digests: U32) -> None:
    """Hash the base message of each row.

    Args:
        template: (words,) uint32, whole blocks: everything of the message that all rows share, padding included.
        null_words: How many words from the second on hold null bits.
        fields: (fields, FIELD_SIZE) int64: the columns that have values.
        count: Rows.
        digests: (count, 4) uint32, written: 16 bytes a row.

    """
    words = np.empty((template.size, LANES), np.uint32)
    for word in range(template.size):
        words[word, :] = template[word]
    state = np.empty((STATE_WORDS, LANES), np.uint32)
    kept = np.empty(LANES, np.uint32)
    memo = new_memo()
    for start in range(0, count, LANES):
        rows = min(LANES, count - start)
        for word in range(1, 1 + null_words):
            words[word, :] = template[word]
        for at in range(fields.shape[0]):
            _fill(words, fields[at], kept, memo, start, rows)
        begin(state, rows)
        for first in range(0, template.size, BLOCK_WORDS):
            _fetch_ahead(fields[first // BLOCK_WORDS :: template.size // BLOCK_WORDS], start + rows, count)
            compress(words[first : first + BLOCK_WORDS], state, rows)
        _store(digests[start : start + rows], state[0], state[1], state[2], state[3])


@compiled
def _store(digests: U32, a: U32, b: U32, c: U32, d: U32) -> None:
    for row in range(len(digests)):
        digests[row, 0], digests[row, 1], digests[row, 2], digests[row, 3] = a[row], b[row], c[row], d[row]


@compiled
def hash_added(name: U32, field: I64, count: int, digests: U32) -> None:
    """Hash the value of an added column into the digests of the rows where it is not null.

    Args:
        name: (4,) uint32: the MD5 of the column's name.
        field: Where the column lies; its words must start at 9, its null bits must go to word 16.
        count: Rows.
        digests: (count, 4) uint32, changed in place.

    """
    words = np.zeros((_EXTRA_ROW + 1, LANES), np.uint32)
    width = TEXT_WORDS if field[KIND] == TEXT else VALUE_WORDS
    words[0, :] = np.uint32(0x316C6F63)  # "col1"
    for word in range(STATE_WORDS):
        words[5 + word, :] = name[word]
    words[_ADDED_VALUE + width, :] = np.uint32(0x80)
    words[_LENGTH, :] = np.uint32(32 * (_ADDED_VALUE + width))
    state = np.empty((STATE_WORDS, LANES), np.uint32)
    kept = np.empty(LANES, np.uint32)
    memo = new_memo()
    for start in range(0, count, LANES):
        rows = min(LANES, count - start)
        _put_digests(words, digests, start, rows)
        _fill(words, field, kept, memo, start, rows)
        begin(state, rows)
        compress(words[:BLOCK_WORDS], state, rows)
        for row in range(rows):
            if kept[row]:
                for word in range(STATE_WORDS):
                    digests[start + row, word] = state[word, row]


@compiled
def hash_repeated(occurrences: I64, digests: U32) -> None:
    """Hash the occurrence number into the digests of the rows where it is not zero.

    Args:
        occurrences: (rows,) int64.
        digests: (rows, 4) uint32, changed in place.

    """
    words = np.zeros((BLOCK_WORDS, LANES), np.uint32)
    words[0, :] = np.uint32(0x31707564)  # "dup1"
    words[7, :] = np.uint32(0x80)
    words[_LENGTH, :] = np.uint32(32 * 7)
    state = np.empty((STATE_WORDS, LANES), np.uint32)
    for start in range(0, len(occurrences), LANES):
        rows = min(LANES, len(occurrences) - start)
        _put_digests(words, digests, start, rows)
        fill_integers(words[5, :rows], words[6, :rows], occurrences[start:])
        begin(state, rows)
        compress(words, state, rows)
        for row in range(rows):
            if occurrences[start + row]:
                for word in range(STATE_WORDS):
                    digests[start + row, word] = state[word, row]


@compiled
def _put_digests(words: U32, digests: U32, start: int, count: int) -> None:
    for row in range(count):
        for word in range(STATE_WORDS):
            words[1 + word, row] = digests[start + row, word]
