"""A flood from the border of a picture, on any device and without a look at what it finds: no frame waits for it.

A row is flooded at once: a cell is reached where the last source before it comes after the last wall. Both are running
maxima of positions, one scan each. Four such sweeps reach round a corner, and a few rounds of them round what pictures
hold. Everything is of booleans [H, W]: a byte a pixel. The processor, which may look, works on bits and floods to the
end: see bits.py. A `Mask` is either.
"""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.stage.matte.bits import Bits, pack

ROUNDS = 3  # of four sweeps; after the last one the flood has turned as many corners
GRID = 64  # cells of the shorter side that the sweeps work on
DEPTHS = (1, 2, 3, 4, 6, 8, 11, 16)  # cells from its edge to a part's middle
LESS = 3  # places in DEPTHS; a part so many places below the deepest one is about a third as deep

Mask: TypeAlias = Tensor | Bits


def mask(x: Tensor) -> Mask:
    """Return booleans [H, W] as their device floods them best."""
    return pack(x.numpy()) if x.device.type == "cpu" else x


def booleans(x: Mask) -> Tensor:
    """Return a mask as a tensor."""
    return x.tensor() if isinstance(x, Bits) else x


def both(one: Mask, other: Mask) -> Mask:
    """Return the pixels of both masks, which are of one kind."""
    if isinstance(one, Bits):
        assert isinstance(other, Bits)
        return one & other
    assert not isinstance(other, Bits)
    return one & other


def either(one: Mask, other: Mask) -> Mask:
    """Return the pixels of one mask or the other, which are of one kind."""
    if isinstance(one, Bits):
        assert isinstance(other, Bits)
        return one | other
    assert not isinstance(other, Bits)
    return one | other


def outer(like: Mask, margin: int) -> Mask:
    """Return the outer ``margin`` of a picture as large as a mask."""
    if isinstance(like, Bits):
        return ~(like | ~like).inner(margin)
    edge = torch.ones_like(like)
    edge[margin:-margin, margin:-margin] = False
    return edge


def flood(wall: Mask, margin: int, pure: Mask | None = None) -> Mask:
    """Return where the border leads to without crossing a ``wall``.

    Whatever lies in the outer ``margin`` pixels is no wall and is reached, and so is what is ``pure``.
    """
    if isinstance(wall, Bits):
        assert pure is None or isinstance(pure, Bits)
        return _flooded(wall, margin, pure)
    assert not isinstance(pure, Bits)
    height, width = wall.shape
    factor = max(1, min(height, width) // GRID)
    wall = wall.clone()
    for edge in (wall[:margin], wall[-margin:], wall[:, :margin], wall[:, -margin:]):
        edge.fill_(False)
    coarse = reduced(wall, factor)
    source = torch.zeros_like(coarse) if pure is None else reduced(pure, factor).clone()
    for edge in (source[:1], source[-1:], source[:, :1], source[:, -1:]):
        edge.fill_(True)
    reached = _sweeps(source, coarse)
    if factor == 1:
        return reached
    fine = enlarged(reached, factor, wall.shape)
    fine = (fine if pure is None else fine | pure) & ~wall
    return grown(fine, ~wall, 2 * factor)  # into what the coarse cells have walled in


def _flooded(wall: Bits, margin: int, pure: Bits | None) -> Bits:
    """Return the same of bits."""
    factor = max(1, min(wall.height, wall.width) // GRID)
    wall = wall.inner(margin)
    coarse = wall.reduced(factor)
    source = ~(~(coarse & ~coarse)).inner(1)  # the border
    if pure is not None:
        source = source | pure.reduced(factor)
    reached = source.filled(~coarse)
    if factor == 1:
        return reached
    fine = reached.enlarged(factor, wall.height, wall.width)
    fine = (fine if pure is None else fine | pure) & ~wall
    return fine.grown(~wall, 2 * factor)


def joined(source: Mask, inside: Mask) -> Mask:
    """Return the parts of ``inside`` that hang together with a ``source``; without any source, all."""
    if isinstance(source, Bits):
        assert isinstance(inside, Bits)
        if not source.word:
            return inside
        factor = max(1, min(inside.height, inside.width) // GRID)
        parts = source.reduced(factor).filled(inside.reduced(factor))
        return parts.enlarged(factor, inside.height, inside.width) & inside
    assert not isinstance(inside, Bits)
    factor = max(1, min(inside.shape) // GRID)
    coarse = reduced(source, factor)
    found = _sweeps(coarse, ~reduced(inside, factor))
    found = found | ~coarse.any()  # nothing to begin at
    return enlarged(found, factor, inside.shape) & inside


def main_parts(inside: Mask, also: Mask) -> Mask:
    """Return the parts of ``inside`` that are a third as deep as the deepest, or more, or have a pixel of ``also``.

    What the border cuts is taken to go on beyond it.
    """
    if isinstance(inside, Bits):
        assert isinstance(also, Bits)
        factor = max(1, min(inside.height, inside.width) // GRID)
        levels = _levels(inside.reduced(factor))
        deep = levels[max(0, len(levels) - 1 - LESS)] | also.reduced(factor)
        return deep.filled(levels[0]).enlarged(factor, inside.height, inside.width) & inside
    assert not isinstance(also, Bits)
    factor = max(1, min(inside.shape) // GRID)
    cells = reduced(inside, factor)
    edge = (~cells).float()[None, None]
    shrunk = [F.max_pool2d(edge, 2 * depth + 1, 1, depth)[0, 0] < 0.5 for depth in DEPTHS]
    at = (torch.stack([each.any() for each in shrunk]).sum() - LESS).clamp(min=0)
    source = torch.stack([cells, *shrunk]).index_select(0, at[None])[0] | reduced(also, factor)
    return enlarged(_sweeps(source, ~cells), factor, inside.shape) & inside


def _levels(cells: Bits) -> list[Bits]:
    """Return ``cells``, and what is so deep within them as DEPTHS say as far as there is any."""
    found, x, gone = [cells], ~cells, 0
    for depth in DEPTHS:
        for _ in range(depth - gone):
            x = x.spread()
        gone = depth
        if not (~x).word:
            break
        found.append(~x)
    return found


def grown(reached: Mask, into: Mask, steps: int) -> Mask:
    """Return ``reached`` grown ``steps`` pixels ``into`` what is open to it."""
    if isinstance(reached, Bits):
        assert isinstance(into, Bits)
        return reached.grown(into, steps)
    assert not isinstance(into, Bits)
    for _ in range(steps):
        reached = reached | (_near(reached) & into)
    return reached


def reduced(x: Tensor, factor: int) -> Tensor:
    """Return cells of ``factor`` pixels a side that have something of ``x``."""
    if factor == 1:
        return x
    height, width = x.shape
    if height % factor or width % factor:
        x = F.pad(x, (0, -width % factor, 0, -height % factor))
    while factor % 2 == 0:
        rows = x[::2] | x[1::2]
        x, factor = rows[:, ::2] | rows[:, 1::2], factor // 2
    if factor == 1:
        return x
    rows = x.reshape(x.shape[0] // factor, factor, x.shape[1]).any(1)
    return rows.reshape(rows.shape[0], rows.shape[1] // factor, factor).any(2)


def enlarged(x: Tensor, factor: int, shape: torch.Size) -> Tensor:
    """Return the pixels of cells, cut to ``shape``."""
    height, width = x.shape
    pixels = x[:, None, :, None].expand(height, factor, width, factor).reshape(height * factor, width * factor)
    return pixels[: shape[0], : shape[1]]


def _sweeps(source: Tensor, wall: Tensor) -> Tensor:
    """Flood from ``source`` along rows and columns, both ways, ROUNDS times."""
    across, down = _Scan(wall), _Scan(wall.t())
    open_ = ~wall
    reached = source & open_
    for _ in range(ROUNDS):
        reached = across(reached) & open_
        reached = down(reached.t()).t() & open_
    return reached


class _Scan:
    """Floods along rows, to the right and to the left."""

    def __init__(self, wall: Tensor) -> None:
        width = wall.shape[1]
        self._place = torch.arange(1, width + 1, dtype=torch.float32, device=wall.device)
        self._walls = self._last(wall)

    def __call__(self, reached: Tensor) -> Tensor:
        ways = self._last(reached) > self._walls
        return ways[0] | ways[1].flip(1)

    def _last(self, x: Tensor) -> Tensor:
        """Return the place of the last of ``x`` up to each cell, from the left and from the right [2, h, w]."""
        both = torch.stack((x, x.flip(1))) * self._place
        return both.cummax(2).values


def spread(x: Mask) -> Mask:
    """Return where one of a pixel's 3 by 3 neighbours is of ``x``."""
    return x.spread() if isinstance(x, Bits) else _near(x)


def _near(x: Tensor) -> Tensor:
    y = x.clone()
    y[1:] |= x[:-1]
    y[:-1] |= x[1:]
    z = y.clone()
    z[:, 1:] |= y[:, :-1]
    z[:, :-1] |= y[:, 1:]
    return z


def closed(x: Mask, steps: int) -> Mask:
    """Return ``x`` with the gaps that are up to twice so many pixels wide."""
    if isinstance(x, Bits):
        for _ in range(steps):
            x = spread(x)
        for _ in range(steps):
            x = shrink(x)
        return x
    window = 2 * steps + 1
    wide = F.max_pool2d(x.float()[None, None], window, 1, steps)
    return -F.max_pool2d(-wide, window, 1, steps)[0, 0] > 0.5


def shrink(x: Mask) -> Mask:
    """Return where all of a pixel's 3 by 3 neighbours are of ``x``."""
    return ~spread(~x)
