"""Sliders as they are played: how even the steps of an LFO's sweep are, and all of them far out at once."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.attribute_methods import Edit, Method
from engine.generator.perceptual.names import ATTRIBUTES
from engine.generator.perceptual.recogniser import shipped

Draw = Callable[[Tensor], Tensor]  # ws [N, num_ws, w_dim] to pictures [N, 3, SIDE, SIDE]
FRAMES, RATE = 30, 2.0  # of a second's half at 60 fps; Hz of the sweep
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


def left(draw: Draw, method: Method, ws: Tensor, threshold: float) -> float:
    """Return the share of ``ws`` whose picture the recogniser does not know with all eight sliders at ±2."""
    rng = torch.Generator().manual_seed(5)
    moved = ws
    for k in range(len(ATTRIBUTES)):
        moved = method.edit(moved, k, 4.0 * torch.randint(2, (len(ws),), generator=rng) - 2.0)
    with torch.no_grad():
        sure = shipped().recognise(draw(moved)).kinds.softmax(1).amax(1)
    return float((sure < threshold).float().mean())
