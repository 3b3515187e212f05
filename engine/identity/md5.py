"""MD5 (RFC 1321) over many messages side by side: one lane a message, one call a block.

Words lie as `[word][lane]`, so that the loop over lanes has no branch and no dependency between lanes, and LLVM turns
it into vector instructions (8 or 16 messages at a time). One call a block matters: with the loop over blocks inside, it
stays scalar and is eight times slower. MD5 is the fingerprint of a row here, no protection against a forger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    U32 = NDArray[np.uint32]

BLOCK_WORDS = 16
STATE_WORDS = 4


@compiled
def begin(state: U32, lanes: int) -> None:
    """Set the initial state (RFC 1321, 3.3) of the first `lanes` lanes."""
    for lane in range(lanes):
        state[0, lane] = np.uint32(0x67452301)
        state[1, lane] = np.uint32(0xEFCDAB89)
        state[2, lane] = np.uint32(0x98BADCFE)
        state[3, lane] = np.uint32(0x10325476)


@compiled
def compress(words: U32, state: U32, lanes: int) -> None:  # noqa: PLR0915 - one function, or it does not vectorise
    """Take one block of 64 bytes into the state of each lane.

    Args:
        words: (16, lanes) uint32: the block, each word of the message read little-endian.
        state: (4, lanes) uint32, changed in place; in the end the digest, each word little-endian.
        lanes: How many lanes count.

    """
    for lane in range(lanes):
        a, b, c, d = state[0, lane], state[1, lane], state[2, lane], state[3, lane]
        # Round 1: F
        t = np.uint32(a + (d ^ (b & (c ^ d))) + words[0, lane] + np.uint32(0xD76AA478))
        a = np.uint32(b + np.uint32((t << np.uint32(7)) | (t >> np.uint32(25))))
        t = np.uint32(d + (c ^ (a & (b ^ c))) + words[1, lane] + np.uint32(0xE8C7B756))
        d = np.uint32(a + np.uint32((t << np.uint32(12)) | (t >> np.uint32(20))))
        t = np.uint32(c + (b ^ (d & (a ^ b))) + words[2, lane] + np.uint32(0x242070DB))
        c = np.uint32(d + np.uint32((t << np.uint32(17)) | (t >> np.uint32(15))))
        t = np.uint32(b + (a ^ (c & (d ^ a))) + words[3, lane] + np.uint32(0xC1BDCEEE))
        b = np.uint32(c + np.uint32((t << np.uint32(22)) | (t >> np.uint32(10))))
        t = np.uint32(a + (d ^ (b & (c ^ d))) + words[4, lane] + np.uint32(0xF57C0FAF))
        a = np.uint32(b + np.uint32((t << np.uint32(7)) | (t >> np.uint32(25))))
        t = np.uint32(d + (c ^ (a & (b ^ c))) + words[5, lane] + np.uint32(0x4787C62A))
        d = np.uint32(a + np.uint32((t << np.uint32(12)) | (t >> np.uint32(20))))
        t = np.uint32(c + (b ^ (d & (a ^ b))) + words[6, lane] + np.uint32(0xA8304613))
        c = np.uint32(d + np.uint32((t << np.uint32(17)) | (t >> np.uint32(15))))
        t = np.uint32(b + (a ^ (c & (d ^ a))) + words[7, lane] + np.uint32(0xFD469501))
        b = np.uint32(c + np.uint32((t << np.uint32(22)) | (t >> np.uint32(10))))
        t = np.uint32(a + (d ^ (b & (c ^ d))) + words[8, lane] + np.uint32(0x698098D8))
        a = np.uint32(b + np.uint32((t << np.uint32(7)) | (t >> np.uint32(25))))
        t = np.uint32(d + (c ^ (a & (b ^ c))) + words[9, lane] + np.uint32(0x8B44F7AF))
        d = np.uint32(a + np.uint32((t << np.uint32(12)) | (t >> np.uint32(20))))
        t = np.uint32(c + (b ^ (d & (a ^ b))) + words[10, lane] + np.uint32(0xFFFF5BB1))
        c = np.uint32(d + np.uint32((t << np.uint32(17)) | (t >> np.uint32(15))))
        t = np.uint32(b + (a ^ (c & (d ^ a))) + words[11, lane] + np.uint32(0x895CD7BE))
        b = np.uint32(c + np.uint32((t << np.uint32(22)) | (t >> np.uint32(10))))
        t = np.uint32(a + (d ^ (b & (c ^ d))) + words[12, lane] + np.uint32(0x6B901122))
        a = np.uint32(b + np.uint32((t << np.uint32(7)) | (t >> np.uint32(25))))
        t = np.uint32(d + (c ^ (a & (b ^ c))) + words[13, lane] + np.uint32(0xFD987193))
        d = np.uint32(a + np.uint32((t << np.uint32(12)) | (t >> np.uint32(20))))
        t = np.uint32(c + (b ^ (d & (a ^ b))) + words[14, lane] + np.uint32(0xA679438E))
        c = np.uint32(d + np.uint32((t << np.uint32(17)) | (t >> np.uint32(15))))
        t = np.uint32(b + (a ^ (c & (d ^ a))) + words[15, lane] + np.uint32(0x49B40821))
        b = np.uint32(c + np.uint32((t << np.uint32(22)) | (t >> np.uint32(10))))
        # Round 2: G
        t = np.uint32(a + (c ^ (d & (b ^ c))) + words[1, lane] + np.uint32(0xF61E2562))
        a = np.uint32(b + np.uint32((t << np.uint32(5)) | (t >> np.uint32(27))))
        t = np.uint32(d + (b ^ (c & (a ^ b))) + words[6, lane] + np.uint32(0xC040B340))
        d = np.uint32(a + np.uint32((t << np.uint32(9)) | (t >> np.uint32(23))))
        t = np.uint32(c + (a ^ (b & (d ^ a))) + words[11, lane] + np.uint32(0x265E5A51))
        c = np.uint32(d + np.uint32((t << np.uint32(14)) | (t >> np.uint32(18))))
        t = np.uint32(b + (d ^ (a & (c ^ d))) + words[0, lane] + np.uint32(0xE9B6C7AA))
        b = np.uint32(c + np.uint32((t << np.uint32(20)) | (t >> np.uint32(12))))
        t = np.uint32(a + (c ^ (d & (b ^ c))) + words[5, lane] + np.uint32(0xD62F105D))
        a = np.uint32(b + np.uint32((t << np.uint32(5)) | (t >> np.uint32(27))))
        t = np.uint32(d + (b ^ (c & (a ^ b))) + words[10, lane] + np.uint32(0x02441453))
        d = np.uint32(a + np.uint32((t << np.uint32(9)) | (t >> np.uint32(23))))
        t = np.uint32(c + (a ^ (b & (d ^ a))) + words[15, lane] + np.uint32(0xD8A1E681))
        c = np.uint32(d + np.uint32((t << np.uint32(14)) | (t >> np.uint32(18))))
        t = np.uint32(b + (d ^ (a & (c ^ d))) + words[4, lane] + np.uint32(0xE7D3FBC8))
        b = np.uint32(c + np.uint32((t << np.uint32(20)) | (t >> np.uint32(12))))
        t = np.uint32(a + (c ^ (d & (b ^ c))) + words[9, lane] + np.uint32(0x21E1CDE6))
        a = np.uint32(b + np.uint32((t << np.uint32(5)) | (t >> np.uint32(27))))
        t = np.uint32(d + (b ^ (c & (a ^ b))) + words[14, lane] + np.uint32(0xC33707D6))
        d = np.uint32(a + np.uint32((t << np.uint32(9)) | (t >> np.uint32(23))))
        t = np.uint32(c + (a ^ (b & (d ^ a))) + words[3, lane] + np.uint32(0xF4D50D87))
        c = np.uint32(d + np.uint32((t << np.uint32(14)) | (t >> np.uint32(18))))
        t = np.uint32(b + (d ^ (a & (c ^ d))) + words[8, lane] + np.uint32(0x455A14ED))
        b = np.uint32(c + np.uint32((t << np.uint32(20)) | (t >> np.uint32(12))))
        t = np.uint32(a + (c ^ (d & (b ^ c))) + words[13, lane] + np.uint32(0xA9E3E905))
        a = np.uint32(b + np.uint32((t << np.uint32(5)) | (t >> np.uint32(27))))
        t = np.uint32(d + (b ^ (c & (a ^ b))) + words[2, lane] + np.uint32(0xFCEFA3F8))
        d = np.uint32(a + np.uint32((t << np.uint32(9)) | (t >> np.uint32(23))))
        t = np.uint32(c + (a ^ (b & (d ^ a))) + words[7, lane] + np.uint32(0x676F02D9))
        c = np.uint32(d + np.uint32((t << np.uint32(14)) | (t >> np.uint32(18))))
        t = np.uint32(b + (d ^ (a & (c ^ d))) + words[12, lane] + np.uint32(0x8D2A4C8A))
        b = np.uint32(c + np.uint32((t << np.uint32(20)) | (t >> np.uint32(12))))
        # Round 3: H
        t = np.uint32(a + (b ^ c ^ d) + words[5, lane] + np.uint32(0xFFFA3942))
        a = np.uint32(b + np.uint32((t << np.uint32(4)) | (t >> np.uint32(28))))
        t = np.uint32(d + (a ^ b ^ c) + words[8, lane] + np.uint32(0x8771F681))
        d = np.uint32(a + np.uint32((t << np.uint32(11)) | (t >> np.uint32(21))))
        t = np.uint32(c + (d ^ a ^ b) + words[11, lane] + np.uint32(0x6D9D6122))
        c = np.uint32(d + np.uint32((t << np.uint32(16)) | (t >> np.uint32(16))))
        t = np.uint32(b + (c ^ d ^ a) + words[14, lane] + np.uint32(0xFDE5380C))
        b = np.uint32(c + np.uint32((t << np.uint32(23)) | (t >> np.uint32(9))))
        t = np.uint32(a + (b ^ c ^ d) + words[1, lane] + np.uint32(0xA4BEEA44))
        a = np.uint32(b + np.uint32((t << np.uint32(4)) | (t >> np.uint32(28))))
        t = np.uint32(d + (a ^ b ^ c) + words[4, lane] + np.uint32(0x4BDECFA9))
        d = np.uint32(a + np.uint32((t << np.uint32(11)) | (t >> np.uint32(21))))
        t = np.uint32(c + (d ^ a ^ b) + words[7, lane] + np.uint32(0xF6BB4B60))
        c = np.uint32(d + np.uint32((t << np.uint32(16)) | (t >> np.uint32(16))))
        t = np.uint32(b + (c ^ d ^ a) + words[10, lane] + np.uint32(0xBEBFBC70))
        b = np.uint32(c + np.uint32((t << np.uint32(23)) | (t >> np.uint32(9))))
        t = np.uint32(a + (b ^ c ^ d) + words[13, lane] + np.uint32(0x289B7EC6))
        a = np.uint32(b + np.uint32((t << np.uint32(4)) | (t >> np.uint32(28))))
        t = np.uint32(d + (a ^ b ^ c) + words[0, lane] + np.uint32(0xEAA127FA))
        d = np.uint32(a + np.uint32((t << np.uint32(11)) | (t >> np.uint32(21))))
        t = np.uint32(c + (d ^ a ^ b) + words[3, lane] + np.uint32(0xD4EF3085))
        c = np.uint32(d + np.uint32((t << np.uint32(16)) | (t >> np.uint32(16))))
        t = np.uint32(b + (c ^ d ^ a) + words[6, lane] + np.uint32(0x04881D05))
        b = np.uint32(c + np.uint32((t << np.uint32(23)) | (t >> np.uint32(9))))
        t = np.uint32(a + (b ^ c ^ d) + words[9, lane] + np.uint32(0xD9D4D039))
        a = np.uint32(b + np.uint32((t << np.uint32(4)) | (t >> np.uint32(28))))
        t = np.uint32(d + (a ^ b ^ c) + words[12, lane] + np.uint32(0xE6DB99E5))
        d = np.uint32(a + np.uint32((t << np.uint32(11)) | (t >> np.uint32(21))))
        t = np.uint32(c + (d ^ a ^ b) + words[15, lane] + np.uint32(0x1FA27CF8))
        c = np.uint32(d + np.uint32((t << np.uint32(16)) | (t >> np.uint32(16))))
        t = np.uint32(b + (c ^ d ^ a) + words[2, lane] + np.uint32(0xC4AC5665))
        b = np.uint32(c + np.uint32((t << np.uint32(23)) | (t >> np.uint32(9))))
        # Round 4: I
        t = np.uint32(a + (c ^ (b | ~d)) + words[0, lane] + np.uint32(0xF4292244))
        a = np.uint32(b + np.uint32((t << np.uint32(6)) | (t >> np.uint32(26))))
        t = np.uint32(d + (b ^ (a | ~c)) + words[7, lane] + np.uint32(0x432AFF97))
        d = np.uint32(a + np.uint32((t << np.uint32(10)) | (t >> np.uint32(22))))
        t = np.uint32(c + (a ^ (d | ~b)) + words[14, lane] + np.uint32(0xAB9423A7))
        c = np.uint32(d + np.uint32((t << np.uint32(15)) | (t >> np.uint32(17))))
        t = np.uint32(b + (d ^ (c | ~a)) + words[5, lane] + np.uint32(0xFC93A039))
        b = np.uint32(c + np.uint32((t << np.uint32(21)) | (t >> np.uint32(11))))
        t = np.uint32(a + (c ^ (b | ~d)) + words[12, lane] + np.uint32(0x655B59C3))
        a = np.uint32(b + np.uint32((t << np.uint32(6)) | (t >> np.uint32(26))))
        t = np.uint32(d + (b ^ (a | ~c)) + words[3, lane] + np.uint32(0x8F0CCC92))
        d = np.uint32(a + np.uint32((t << np.uint32(10)) | (t >> np.uint32(22))))
        t = np.uint32(c + (a ^ (d | ~b)) + words[10, lane] + np.uint32(0xFFEFF47D))
        c = np.uint32(d + np.uint32((t << np.uint32(15)) | (t >> np.uint32(17))))
        t = np.uint32(b + (d ^ (c | ~a)) + words[1, lane] + np.uint32(0x85845DD1))
        b = np.uint32(c + np.uint32((t << np.uint32(21)) | (t >> np.uint32(11))))
        t = np.uint32(a + (c ^ (b | ~d)) + words[8, lane] + np.uint32(0x6FA87E4F))
        a = np.uint32(b + np.uint32((t << np.uint32(6)) | (t >> np.uint32(26))))
        t = np.uint32(d + (b ^ (a | ~c)) + words[15, lane] + np.uint32(0xFE2CE6E0))
        d = np.uint32(a + np.uint32((t << np.uint32(10)) | (t >> np.uint32(22))))
        t = np.uint32(c + (a ^ (d | ~b)) + words[6, lane] + np.uint32(0xA3014314))
        c = np.uint32(d + np.uint32((t << np.uint32(15)) | (t >> np.uint32(17))))
        t = np.uint32(b + (d ^ (c | ~a)) + words[13, lane] + np.uint32(0x4E0811A1))
        b = np.uint32(c + np.uint32((t << np.uint32(21)) | (t >> np.uint32(11))))
        t = np.uint32(a + (c ^ (b | ~d)) + words[4, lane] + np.uint32(0xF7537E82))
        a = np.uint32(b + np.uint32((t << np.uint32(6)) | (t >> np.uint32(26))))
        t = np.uint32(d + (b ^ (a | ~c)) + words[11, lane] + np.uint32(0xBD3AF235))
        d = np.uint32(a + np.uint32((t << np.uint32(10)) | (t >> np.uint32(22))))
        t = np.uint32(c + (a ^ (d | ~b)) + words[2, lane] + np.uint32(0x2AD7D2BB))
        c = np.uint32(d + np.uint32((t << np.uint32(15)) | (t >> np.uint32(17))))
        t = np.uint32(b + (d ^ (c | ~a)) + words[9, lane] + np.uint32(0xEB86D391))
        b = np.uint32(c + np.uint32((t << np.uint32(21)) | (t >> np.uint32(11))))
        state[0, lane] += a
        state[1, lane] += b
        state[2, lane] += c
        state[3, lane] += d
