"""A flood from the border of a picture, on any device and without a look at what it finds: no frame waits for it.

A row is flooded at once: a cell is reached where the last source before it comes after the last wall. Both are running
maxima of positions, one scan each. Four such sweeps reach round a corner, and a few rounds of them round what pictures
hold.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

ROUNDS = 3  # of four sweeps; after the last one the flood has turned as many corners
GRID = 128  # cells of the shorter side that the sweeps work on


def flood(cost: Tensor, limit: float, margin: int, pure: Tensor | None = None) -> Tensor:
    """Return where the border leads to over a ``cost`` [H, W] of at most ``limit``: 1 reached, 0 not.

    Whatever lies in the outer ``margin`` pixels is reached, and so is what ``pure`` [H, W] has above 0.
    """
    height, width = cost.shape
    factor = max(1, min(height, width) // GRID)
    cost = cost.clone()
    for edge in (cost[:margin], cost[-margin:], cost[:, :margin], cost[:, -margin:]):
        edge.zero_()
    wall = (cost > limit).float()
    coarse = F.max_pool2d(wall[None, None], factor, ceil_mode=True)[0, 0] if factor > 1 else wall
    source = torch.zeros_like(coarse)
    for edge in (source[:1], source[-1:], source[:, :1], source[:, -1:]):
        edge.fill_(1.0)
    if pure is not None:
        source = torch.maximum(source, F.max_pool2d(pure[None, None], factor, ceil_mode=True)[0, 0])
    reached = _sweeps(source, coarse)
    if factor == 1:
        return reached
    fine = reached.repeat_interleave(factor, 0).repeat_interleave(factor, 1)[:height, :width]
    open_ = 1.0 - wall
    fine = torch.minimum(fine, open_)
    for _ in range(factor):  # into what the coarse cells have walled in
        fine = torch.minimum(spread(fine), open_)
    return fine


def joined(source: Tensor, inside: Tensor) -> Tensor:
    """Return the parts of ``inside`` [H, W], 1 or 0, that hang together with a ``source`` [H, W]; without any, all."""
    height, width = inside.shape
    factor = max(1, min(height, width) // GRID)
    coarse = F.max_pool2d(torch.stack((source, inside))[None], factor, ceil_mode=True)[0]
    found = _sweeps(coarse[0], 1.0 - coarse[1])
    found = torch.maximum(found, 1.0 - coarse[0].amax())  # nothing to begin at
    return torch.minimum(found.repeat_interleave(factor, 0).repeat_interleave(factor, 1)[:height, :width], inside)


def _sweeps(source: Tensor, wall: Tensor) -> Tensor:
    """Flood [h, w] from ``source`` along rows and columns, both ways, ROUNDS times; 1 reached, 0 not."""
    across, down = _Scan(wall), _Scan(wall.t())
    open_ = 1.0 - wall
    reached = source * open_
    for _ in range(ROUNDS):
        reached = across(reached) * open_
        reached = down(reached.t()).t() * open_
    return reached


class _Scan:
    """Floods along rows, to the right and to the left."""

    def __init__(self, wall: Tensor) -> None:
        width = wall.shape[1]
        self._place = torch.arange(1, width + 1, dtype=torch.float32, device=wall.device)
        wall = wall.contiguous()
        self._walls = [(each * self._place).cummax(1).values for each in (wall, wall.flip(1))]

    def __call__(self, reached: Tensor) -> Tensor:
        reached = reached.contiguous()
        right = (reached * self._place).cummax(1).values > self._walls[0]
        left = (reached.flip(1) * self._place).cummax(1).values > self._walls[1]
        return (right | left.flip(1)).float()


def spread(x: Tensor) -> Tensor:
    """Return the largest value [H, W] of each pixel's 3 by 3 neighbours."""
    y = x.clone()
    torch.maximum(y[1:], x[:-1], out=y[1:])
    torch.maximum(y[:-1], x[1:], out=y[:-1])
    z = y.clone()
    torch.maximum(z[:, 1:], y[:, :-1], out=z[:, 1:])
    torch.maximum(z[:, :-1], y[:, 1:], out=z[:, :-1])
    return z


def shrink(x: Tensor) -> Tensor:
    """Return the smallest value [H, W] of each pixel's 3 by 3 neighbours."""
    return -spread(-x)
