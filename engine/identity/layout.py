"""Where each value stands in the message of `row-v1`, and where Arrow keeps it: what the kernels are told.

The message of a row is `row1`, the null bits, then 8 bytes a column, 16 for texts, the base columns in byte order of
their names (docs/row-identity.md). Each part starts at a whole 32-bit word, so a column is a few words of every lane.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from engine.errors import ContractMismatch
from engine.identity import fill
from engine.identity.md5 import BLOCK_WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.contract import Column, Contract

_MARK = int.from_bytes(b"row1", "little")
_NULLS_PER_WORD = 32
_PADDING_WORDS = 3  # 0x80, and 64 bits of length (RFC 1321, 3.1 and 3.2)
_BELOW_BLOCK = BLOCK_WORDS  # the row in which `hash_added` collects null bits
_ADDED_VALUE = 9

_STORED = {
    ("int", pa.int8()): fill.INT8,
    ("int", pa.int16()): fill.INT16,
    ("int", pa.int32()): fill.INT32,
    ("int", pa.int64()): fill.INT64,
    ("float", pa.float64()): fill.FLOAT,
    ("datetime", pa.timestamp("us")): fill.INT64,
    ("date", pa.date32()): fill.INT32,
    ("bool", pa.bool_()): fill.BOOL,
    ("text", pa.string_view()): fill.TEXT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The message of one contract, for frames that have certain columns.

    Attributes:
        base: Base columns in the order of the message, present or not.
        added: Other columns that are present, in the order in which they are hashed.
        present: Names of the columns that a frame has, in the order in which `fields` expects them.

    """

    base: tuple[Column, ...]
    added: tuple[Column, ...]
    present: tuple[str, ...]

    @property
    def null_words(self) -> int:
        """32-bit words that hold null bits: two for each 64 base columns."""
        return 2 * -(-len(self.base) // 64)


def layout_of(contract: Contract, columns: Sequence[Column]) -> Layout:
    """Return the layout for frames that have `columns`: some of the contract's, and others that it lets pass."""
    names = set(contract.identity.columns)
    present = {column.name for column in columns}
    base = sorted((column for column in contract.columns if column.name in names), key=_by_name)
    added = sorted((column for column in columns if column.name not in names), key=_by_name)
    there = [column.name for column in base if column.name in present] + [column.name for column in added]
    return Layout(base=tuple(base), added=tuple(added), present=tuple(there))


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What the kernels need for one batch; it keeps the buffers alive.

    Attributes:
        template: (words,) uint32: what all rows have in common.
        fields: (fields, FIELD_SIZE) int64: base columns with values.
        added: For each added column with values: MD5 of its name as (4,) uint32, and its field.
        keep: Objects that own the memory behind the addresses.

    """

    template: NDArray[np.uint32]
    fields: NDArray[np.int64]
    added: list[tuple[NDArray[np.uint32], NDArray[np.int64]]]
    keep: list[object]


def message_of(layout: Layout, batch: pa.StructArray) -> Message:
    """Describe one batch.

    Args:
        layout: The message.
        batch: One field for each of `layout.present`, in that order.

    Raises:
        ContractMismatch: A column is stored as another type than its contract says.

    """
    arrays = dict(zip(layout.present, (batch.field(at) for at in range(batch.type.num_fields)), strict=True))
    keep: list[object] = [batch, arrays]
    fields, nulls, word = [], [0] * layout.null_words, 1 + layout.null_words
    for at, column in enumerate(layout.base):
        null_word, mask = _null_bit(at)
        array = arrays.get(column.name)
        if _has_values(array):
            fields.append(_field(column, array, word, null_word, mask, keep))
        else:
            nulls[null_word - 1] |= mask
        word += _width(column)
    added = [
        (
            np.frombuffer(hashlib.md5(column.name.encode(), usedforsecurity=False).digest(), np.uint32),
            np.array(_field(column, arrays[column.name], _ADDED_VALUE, _BELOW_BLOCK, 1, keep), np.int64),
        )
        for column in layout.added
        if _has_values(arrays[column.name])
    ]
    table = np.array(fields, np.int64).reshape(-1, fill.FIELD_SIZE)
    return Message(template=_template(nulls, word), fields=table, added=added, keep=keep)


def _by_name(column: Column) -> bytes:
    return column.name.encode()


def _width(column: Column) -> int:
    return fill.TEXT_WORDS if column.type.kind == "text" else fill.VALUE_WORDS


def _has_values(array: pa.Array | None) -> bool:
    return array is not None and array.null_count < len(array)


def _null_bit(at: int) -> tuple[int, int]:
    """Return word and mask of the null bit of base column `at`: bit at % 64 of a big-endian word of 64 bits."""
    bit = at % 64
    high, shift = divmod(bit, _NULLS_PER_WORD)
    word = 1 + 2 * (at // 64) + (1 - high)
    return word, int.from_bytes((1 << shift).to_bytes(4, "big"), "little")


def _field(column: Column, array: pa.Array, word: int, null_word: int, mask: int, keep: list[object]) -> list[int]:
    kind = _STORED.get((column.type.kind, array.type))
    if column.type.kind == "decimal" and pa.types.is_decimal128(array.type) and array.type.scale == column.type.scale:
        kind = fill.DECIMAL
    if kind is None:
        message = f"column {column.name!r} cannot be hashed: it is stored as another type"
        raise ContractMismatch(message, facts={"expected": str(column.type), "found": str(array.type)})
    validity, values, *data = array.buffers()
    row = [0] * fill.FIELD_SIZE
    row[fill.KIND], row[fill.STRIDE] = kind, fill.STRIDES[kind]
    row[fill.VALUES], row[fill.OFFSET] = values.address, array.offset
    row[fill.WORD], row[fill.NULL_WORD], row[fill.NULL_MASK] = word, null_word, mask
    row[fill.VALID] = validity.address if validity is not None and array.null_count else 0
    if kind == fill.TEXT:
        addresses = np.array([buffer.address for buffer in data], np.int64)
        keep.append(addresses)
        row[fill.BUFFERS] = addresses.ctypes.data
    return row


def _template(nulls: list[int], used: int) -> NDArray[np.uint32]:
    """Return the blocks of a message of `used` words: mark, null bits that all rows share, padding."""
    template = np.zeros(-(-(used + _PADDING_WORDS) // BLOCK_WORDS) * BLOCK_WORDS, np.uint32)
    template[0] = _MARK
    template[1 : 1 + len(nulls)] = nulls
    template[used] = 0x80
    template[-2] = 32 * used
    return template
