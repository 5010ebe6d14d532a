"""How far the mapper goes for what is asked: a curve for each attribute, measured on pictures of training w.

Each of some samples is moved by a few strengths, and the recogniser says how far the attribute has come. Only samples
that have room count: a fruit that is cut open cannot be cut open more. The means, made to rise, say which strength
reaches one standard deviation either way. The curve is the parabola through these two and 0; its slope stays near the
middle's, so that a slider that moves evenly moves the picture evenly. Beyond one it goes on no faster than straight:
what is reached with effort is soon all there is, and farther out the pictures fall apart.

A recogniser that errs spreads its answers wider than the attribute: one standard deviation is here that of what w tells
of its answers (`believed`), in which the errors average out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.generator.attributes.mapper import KNOT, KNOTS, Mapper

Array = NDArray[np.float64]
STRENGTHS = (0.5, 1.0, 1.75, 2.5, 3.5)  # standard deviations that are asked for, up and down
PICTURES = 48  # pictures tried for each attribute and strength, half up and half down
MOST, LEAST = 3.5, 0.4  # strengths that reach one standard deviation, at most and at least
EVEN = 0.4  # share of the middle's slope by which the slope may differ from it
SUREST = 0.5  # share of the recogniser's answers that is taken for the attribute at least
FURTHER = 1.0  # slope beyond one standard deviation, at most
FEWEST = 6  # pictures with room that a mean needs

Score = Callable[[Tensor], Tensor]  # ws [N, num_ws, w_dim] -> attributes [N, K], in standard deviations


def measured(mapper: Mapper, ws: Tensor, score: Score, edges: Tensor, unit: Tensor, pictures: int = PICTURES) -> Tensor:
    """Return the curves [K, KNOTS] by ``pictures`` of ws [N, num_ws, w_dim] for each attribute and strength.

    ``edges`` [2, K] bound what is asked; ``unit`` [K] is one standard deviation in what ``score`` tells.
    """
    told = score(ws)
    curves = []
    for k in range(len(mapper.names)):
        strengths, changes = _reached(mapper, k, ws, told, score, edges, pictures)
        curves.append(curve(strengths, changes / float(unit[k])))
        said = ", ".join(f"{s:+.2f}: {c:+.2f}" for s, c in zip(strengths, changes / float(unit[k]), strict=True))
        print(f"mapper, {mapper.names[k]} by strength: {said}", flush=True)
    return torch.from_numpy(np.stack(curves)).float()


def believed(mapper: Mapper, ws: Tensor) -> Tensor:
    """Return the spread [K] of the attributes themselves, in standard deviations of what the recogniser answers."""
    return mapper.read(ws).std(0).clamp(SUREST, 1.0)


def _reached(
    mapper: Mapper, k: int, ws: Tensor, told: Tensor, score: Score, edges: Tensor, pictures: int
) -> tuple[Array, Array]:
    """Return strengths and the mean change of attribute ``k`` at each, both rising and without 0."""
    found: dict[float, float] = {}
    for sign, edge in ((-1.0, edges[0, k]), (1.0, edges[1, k])):
        room = (sign * (edge - told[:, k])).sort(descending=True).indices
        enough = room[: max(FEWEST, int((sign * (edge - told[:, k]) >= 1.0).sum()))]
        chosen = enough[:: max(1, 2 * len(enough) // pictures)][: pictures // 2]
        for strength in STRENGTHS:
            change = torch.zeros(len(chosen), len(mapper.names))
            change[:, k] = sign * strength
            with torch.no_grad():
                moved = mapper(ws[chosen], mapper.read(ws[chosen]), change)
            found[sign * strength] = float((score(moved)[:, k] - told[chosen, k]).mean())
    at = np.array(sorted(found))
    return at, np.array([found[each] for each in at.tolist()])


def curve(strengths: Array, changes: Array) -> Array:
    """Return the strength [KNOTS] at each knot, of ``changes`` that ``strengths`` (rising, without 0) have made."""
    below, above = (_reaching_one(strengths, changes, sign) for sign in (-1.0, 1.0))
    middle, bend = (above + below) / 2, (above - below) / 2
    between = (np.arange(KNOTS - 1) - (KNOTS - 2) / 2) * KNOT
    slopes = np.clip(middle + 2 * bend * between, (1 - EVEN) * middle, (1 + EVEN) * middle)
    slopes = np.where(np.abs(between) > 1.0, np.minimum(slopes, FURTHER), slopes)
    rising = np.concatenate([[0.0], np.cumsum(slopes * KNOT)])
    return np.asarray(rising - rising[KNOTS // 2])


def _reaching_one(strengths: Array, changes: Array, sign: float) -> float:
    """Return how far to go in the direction ``sign`` for a change of one."""
    side = strengths * sign > 0
    s, c = np.abs(strengths[side]), sign * changes[side]
    order = np.argsort(s)
    s, c = np.concatenate([[0.0], s[order]]), np.concatenate([[0.0], np.maximum.accumulate(c[order])])
    if c[-1] < 1.0:  # it goes on as it came there
        return float(np.clip(s[-1] / max(c[-1], 1e-6), LEAST, MOST))
    first = int(np.argmax(c >= 1.0))
    share = (1.0 - c[first - 1]) / (c[first] - c[first - 1])
    return float(np.clip(s[first - 1] + share * (s[first] - s[first - 1]), LEAST, MOST))
