"""The pace of a slider: how fast the picture changes along it, so that an even hand makes an even picture.

An attribute that moves evenly does not move the picture evenly: between green and ripe lies one narrow place where all
the colour comes, and a cut fruit opens within a tenth of the way. So the mapper lays what is asked along the slider
such that the picture changes evenly between the whole numbers: at -2, -1, 0, 1 and 2 standard deviations the attribute
is where it was asked to be, and between them the slider goes slowly where the picture goes fast.

    v(w, k, x) = exp(c . silu(B silu(A (w - mean) / sd + s_k + x d_k + x^2 b_k) + m_k) + e)

v is the change of the picture per standard deviation at the change x of attribute k of the point w. It was learnt of
pictures (tools/train/attributes/learn_pace.py). Sweeping a latent at even perceptual speed is the idea of perceptual
path length (Karras et al. 2019, section 4.1), taken as a speed limit instead of a measure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

STEP = 0.25  # standard deviations between two knots
REACH = 2  # standard deviations; farther out what is asked is taken as it is
KNOTS = 2 * int(REACH / STEP) + 1
PER_WHOLE = int(1 / STEP)  # knots from one whole number to the next
MOST = 12.0  # logarithm of the pace; weights that say more leave it finite
FLOOR = 0.2  # share of the mean pace that any place has at least: where the picture rests, the slider does not leap


class Pace(nn.Module):
    """v(w, k, x) for K attributes."""

    powers: Tensor

    def __init__(self, count: int, w_dim: int, hidden: int = 256) -> None:
        """``count`` is K."""
        super().__init__()
        self.enter = nn.Linear(w_dim, hidden)
        self.sliders = nn.Parameter(torch.randn(count, 4, hidden) * 0.3)  # s, d, b and m of each attribute
        self.middle = nn.Linear(hidden, hidden)
        self.leave = nn.Linear(hidden, 1)
        at = (torch.arange(KNOTS - 1) + 0.5) * STEP - REACH
        self.register_buffer("powers", torch.stack((torch.ones_like(at), at, at**2), 1), persistent=False)

    def forward(self, x: Tensor, which: Tensor) -> Tensor:
        """Return the log of the pace [N, W, KNOTS - 1] between the knots of attributes ``which`` [W].

        x are middles of points [N, w_dim] (`Mapper.middle_of`).
        """
        return self._between(self.enter(x)[:, None], self.sliders[which])

    def of(self, x: Tensor, k: Tensor) -> Tensor:
        """Return the same [N, KNOTS - 1] for one attribute k [N] of each."""
        return self._between(self.enter(x), self.sliders[k])

    def _between(self, entered: Tensor, sliders: Tensor) -> Tensor:
        """Return the logs [..., KNOTS - 1] of ``entered`` [..., hidden] and ``sliders`` [..., 4, hidden]."""
        own = self.powers @ sliders[..., :3, :]
        h = nn.functional.silu(entered[..., None, :] + own)
        h = nn.functional.silu(self.middle(h) + sliders[..., 3, None, :])
        logs: Tensor = self.leave(h)[..., 0]
        return logs

    def evened(self, x: Tensor, asked: Tensor) -> Tensor:
        """Return the changes [N, K] at which the picture has come as far as ``asked`` [N, K]; x is as for `forward`."""
        wanted = asked.tolist()
        # A slider at rest, or on a whole number, costs nothing.
        which = [k for k in range(asked.shape[1]) if not all(stays(row[k]) for row in wanted)]
        if not which:
            return asked
        with torch.no_grad():
            paces = self(x, torch.tensor(which)).clamp(-MOST, MOST).exp().tolist()
        for row, own in zip(wanted, paces, strict=True):
            for k, pace in zip(which, own, strict=True):
                row[k] = placed(pace, row[k])
        return torch.tensor(wanted, dtype=asked.dtype)


def stays(asked: float) -> bool:
    """Whether ``asked`` is taken as it is, without even a rounding: a whole number, far out, or no number."""
    return not -REACH < asked < REACH or asked == math.floor(asked)


def placed(pace: Sequence[float], asked: float) -> float:
    """Return the change at which the picture has come as far as ``asked``, at the pace [KNOTS - 1] between the knots.

    Through 0 the way rises with one slope, the harmonic mean of both sides (Fritsch and Butland 1984): where one side
    has twice the picture of the other, a slider that passes its middle does not change its speed at once. What the
    steep side lacks there it makes up for at its end, where an LFO is slow. Single numbers: for one frame's few sliders
    that is ten times as fast as arrays of them.
    """
    if stays(asked):
        return asked
    whole = math.floor(asked)
    least = FLOOR * sum(pace) / len(pace)
    first = (whole + REACH) * PER_WHOLE
    steps = [each + least for each in pace]
    own = sum(steps[first : first + PER_WHOLE])
    start = end = own
    if whole in {-1, 0}:
        middle = REACH * PER_WHOLE
        below, above = sum(steps[middle - PER_WHOLE : middle]), sum(steps[middle : middle + PER_WHOLE])
        slope, outer = 2 * below * above / (below + above), 2 * own * own / (below + above)
        start, end = (slope, outer) if whole == 0 else (outer, slope)
    t = asked - whole
    left = 1.0 - t
    come = min(max(own * t * t * (3.0 - 2.0 * t) + start * t * left * left - end * t * t * left, 0.0), own)
    for number, step in enumerate(steps[first : first + PER_WHOLE]):
        if come <= step:
            return whole + (number + come / step) * STEP
        come -= step
    return whole + 1.0
