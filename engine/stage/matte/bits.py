"""Booleans of a picture as one integer, a bit a pixel: on the processor a step of a flood is eight shifts.

Python's integers are as long as they need be. A step that asks every pixel's neighbours takes a few microseconds for
65,536 pixels, a tenth of what the same takes with a byte each. Rows are longer than the picture by bits that are
always 0, so that a shift does not lead from one row into the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

GUARD = 1  # bits at the end of a row, at least


@dataclass(frozen=True, slots=True)
class Bits:
    """Which pixels of a picture of that height and width: the bit of row y, column x is number y * `stride` + x."""

    word: int
    height: int
    width: int

    @property
    def stride(self) -> int:
        """Bits from one row to the next."""
        return stride_of(self.width)

    @property
    def every(self) -> int:
        """The bits of all pixels."""
        return _block(self.height, self.width, self.stride)

    def __and__(self, other: Bits) -> Bits:
        return self._with(self.word & other.word)

    def __or__(self, other: Bits) -> Bits:
        return self._with(self.word | other.word)

    def __invert__(self) -> Bits:
        return self._with(self.every & ~self.word)

    def _with(self, word: int) -> Bits:
        return Bits(word, self.height, self.width)

    def spread(self) -> Bits:
        """Return where one of a pixel's 3 by 3 neighbours is of these."""
        x, stride = self.word, self.stride
        x |= x << 1 | x >> 1
        return self._with((x | x << stride | x >> stride) & self.every)

    def grown(self, into: Bits, steps: int) -> Bits:
        """Return these grown ``steps`` pixels ``into`` what is open to them."""
        x, open_, stride = self.word, into.word, self.stride
        for _ in range(steps):
            y = x | x << 1 | x >> 1
            y = x | ((y | y << stride | y >> stride) & open_)
            if y == x:
                break
            x = y
        return self._with(x)

    def filled(self, open_: Bits) -> Bits:
        """Return what of ``open_`` these lead to, by rows and columns."""
        x, into, stride = self.word & open_.word, open_.word, self.stride
        while True:
            y = (x | x << 1 | x >> 1 | x << stride | x >> stride) & into
            if y == x:
                return self._with(x)
            x = y

    def inner(self, margin: int) -> Bits:
        """Return these without the outer ``margin`` of the picture."""
        wide, high = max(0, self.width - 2 * margin), max(0, self.height - 2 * margin)
        return self._with(self.word & _block(high, wide, self.stride) << margin * self.stride + margin)

    def carried_on(self, margin: int) -> Bits:
        """Return these with the outer ``margin`` as the pixels beside it: rows first, then columns."""
        x, stride, high, wide = self.word, self.stride, self.height, self.width
        row, rows = (1 << wide) - 1, _block(margin, 1, stride)
        below = (x >> margin * stride) & row
        above = (x >> (high - 1 - margin) * stride) & row
        x &= _block(high - 2 * margin, wide, stride) << margin * stride
        x |= below * rows | (above * rows) << (high - margin) * stride
        column, side = _block(high, 1, stride), (1 << margin) - 1
        left, right = (x >> margin) & column, (x >> (wide - 1 - margin)) & column
        x &= _block(high, wide - 2 * margin, stride) << margin
        return self._with(x | left * side | (right * side) << (wide - margin))

    def reduced(self, factor: int) -> Bits:
        """Return cells of ``factor`` pixels a side that have something of these."""
        if factor == 1:
            return self
        x, y = self.word, self.word
        for step in range(1, factor):
            y |= x >> step
        x = y
        for step in range(1, factor):
            y |= x >> step * self.stride
        return pack(self._with(y & self.every).array()[::factor, ::factor])

    def enlarged(self, factor: int, height: int, width: int) -> Bits:
        """Return the pixels of cells, cut to that height and width."""
        return pack(self.array().repeat(factor, 0).repeat(factor, 1)[:height, :width])

    def array(self) -> NDArray[np.uint8]:
        """Return them as numbers 0 and 1, [H, W]."""
        raw = np.frombuffer(self.word.to_bytes(self.height * self.stride // 8, "little"), np.uint8)
        return np.unpackbits(raw.reshape(self.height, -1), axis=1, count=self.width, bitorder="little")

    def tensor(self) -> Tensor:
        """Return them as booleans [H, W]."""
        return torch.from_numpy(self.array().view(np.bool_))


def pack(array: NDArray[np.uint8] | NDArray[np.bool_]) -> Bits:
    """Return ``array`` [H, W] of numbers 0 and 1, or booleans, a bit each."""
    height, width = array.shape
    rows = np.zeros((height, stride_of(width) // 8), np.uint8)
    rows[:, : (width + 7) // 8] = np.packbits(array, axis=1, bitorder="little")
    return Bits(int.from_bytes(rows.tobytes(), "little"), height, width)


def stride_of(width: int) -> int:
    """Return the bits from one row to the next of pictures so wide."""
    return (width + GUARD + 7) // 8 * 8


@lru_cache(maxsize=64)
def _block(height: int, width: int, stride: int) -> int:
    """Return the bits of the first columns of the first rows."""
    row = (1 << width) - 1
    return int.from_bytes(row.to_bytes(stride // 8, "little") * height, "little")
