"""Sliders as they are played: how even the steps of an LFO's sweep are, and all of them far out at once."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass

import torch
from torch import Tensor

from benchmarks.attribute_methods import Edit, Method
from engine.generator.perceptual.names import ATTRIBUTES
from engine.generator.perceptual.recogniser import Recognised, shipped

Draw = Callable[[Tensor], Tensor]  # ws [N, num_ws, w_dim] to pictures [N, 3, SIDE, SIDE]
FRAMES, RATE = 30, 2.0  # of a second's half at 60 fps; Hz of the sweep
UNUSUAL, NEIGHBOUR = 0.01, 5  # share of the model's own pictures that are not known; neighbours that make a place known
BATCH = 100  # pictures looked at together
ROOMIEST = 3  # w that are swept for each attribute: those with most room both ways


@dataclass(frozen=True, slots=True)
class Sweep:
    """The sweeps of one attribute, those with most room first."""

    room: list[float]  # standard deviations both ways, of each w
    pictures: list[float]  # largest step of its pictures, in median steps
    median: float  # of these
    w: float  # largest step of any w itself, in median steps


def swept(draw: Draw, edit: Edit, ws: Tensor, room: Tensor, count: int = ROOMIEST) -> dict[str, Sweep]:
    """Return for each attribute the largest step of a sweep over ±1, in median steps, of pictures and of w.

    ``draw`` makes pictures of ws [N, num_ws, w_dim], and ``room`` [N, K] says how far each may go both ways; the
    ``count`` with most room are swept. A sweep beyond the room ends in pictures that cannot change any more, and stands
    still there.
    """
    phase = torch.sin(2 * torch.pi * torch.arange(FRAMES + 1) / FRAMES)
    found: dict[str, Sweep] = {}
    for k, name in enumerate(ATTRIBUTES):
        chosen = room[:, k].topk(count).indices
        swept = [edit(ws[one].expand(FRAMES + 1, -1, -1), k, phase) for one in chosen]
        pictures = [uneven(draw(each)) for each in swept]
        found[name] = Sweep(
            room=[round(x, 2) for x in room[chosen, k].tolist()],
            pictures=[round(x, 2) for x in pictures],
            median=round(statistics.median(pictures), 3),
            w=round(max(uneven(each) for each in swept), 3),
        )
    return found


def uneven(points: Tensor) -> float:
    """Return the largest step between two of ``points`` [N, ...], in median steps."""
    steps = (points[1:] - points[:-1]).flatten(1).square().mean(1).sqrt()
    return float(steps.max() / steps.median().clamp(min=1e-9))


@dataclass(frozen=True, slots=True)
class Familiar:
    """Which pictures the recogniser knows, by pictures of the model: 1 % of these it does not know, by either measure.

    ``sure`` is the softmax of its likeliest kind (Hendrycks and Gimpel, ICLR 2017, section 3). It is high for fog, too,
    which looks most like one kind. ``near`` is the distance to the fifth of the nearest pictures in its embedding (Sun
    et al., "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML 2022, section 3).
    """

    sure: float
    near: float
    known: Tensor  # embeddings [M, D]

    @staticmethod
    def by(seen: Recognised) -> Familiar:
        """Learn from what is told of pictures: half of them are known, the other half say how near is usual."""
        half = len(seen.identity) // 2
        known, held = seen.identity[:half], seen.identity[half:]
        sure = torch.quantile(seen.kinds.softmax(1).amax(1), UNUSUAL)
        return Familiar(float(sure), float(torch.quantile(away(held, known), 1 - UNUSUAL)), known)

    def strange(self, seen: Recognised) -> dict[str, float]:
        """Return the shares of pictures that are not known."""
        unsure = seen.kinds.softmax(1).amax(1) < self.sure
        far = away(seen.identity, self.known) > self.near
        return {"softmax": float(unsure.float().mean()), "nearest": float(far.float().mean())}


def away(these: Tensor, known: Tensor) -> Tensor:
    """Return how far each of ``these`` [N, D] is from the NEIGHBOUR-th nearest of ``known`` [M, D]."""
    return torch.cdist(these, known).topk(NEIGHBOUR, largest=False).values[:, -1]


def told(pictures: Sequence[Tensor]) -> Recognised:
    """Return what the recogniser tells of batches of pictures [N, 3, SIDE, SIDE]."""
    with torch.no_grad():
        each = [shipped().recognise(batch) for batch in pictures]
    kinds, attributes, identity = (torch.cat(found) for found in zip(*(astuple(one) for one in each), strict=True))
    return Recognised(kinds, attributes, identity)


def left(draw: Draw, method: Method, ws: Tensor, familiar: Familiar) -> dict[str, float]:
    """Return the shares of ``ws`` whose picture the recogniser does not know with all eight sliders at ±2, at once."""
    assert method.together is not None
    signs = torch.randint(2, (len(ws), len(ATTRIBUTES)), generator=torch.Generator().manual_seed(5))
    parts = [slice(i, i + BATCH) for i in range(0, len(ws), BATCH)]
    return familiar.strange(told([draw(method.together(ws[part], 4.0 * signs[part] - 2.0)) for part in parts]))
