"""How far the mapper goes for what is asked: a curve for each attribute, measured on pictures of training w.

Each of some samples is moved by a few strengths, and the recogniser says how far the attribute has come. Only samples
that have room count: a fruit that is cut open cannot be cut open more. The means, made to rise, are turned round: the
knots of `Mapper.curves` say which strength reaches -4, -3.5 … 4 standard deviations. Where the farthest strength
does not reach, the curve goes on at the slope that it had on the way there.

A recogniser that errs spreads its answers wider than the attribute: one standard deviation is here that of what w tells
of its answers (`believed`), in which the errors average out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.generator.attributes.mapper import KNOT, KNOTS, REACH, Mapper

Array = NDArray[np.float64]
STRENGTHS = (0.5, 1.0, 1.75, 2.5, 3.5)  # either way; of what is asked of an attribute that moves as asked
PICTURES = 48  # moved for each attribute and strength, half of them each way
MOST, LEAST = 3.0, 0.5  # times the strength that is asked; a curve is no steeper and no flatter
SUREST = 0.5  # share of the recogniser's answers that is taken for the attribute at least
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
    knots = np.linspace(-REACH, REACH, KNOTS)
    out = np.zeros(KNOTS)
    for sign in (-1.0, 1.0):
        side = strengths * sign > 0
        s, c = np.abs(strengths[side]), sign * changes[side]
        order = np.argsort(s)
        s, c = np.concatenate([[0.0], s[order]]), np.concatenate([[0.0], np.maximum.accumulate(c[order])])
        c = np.maximum(c, s / MOST)  # and it rises
        half = slice(KNOTS // 2, None) if sign > 0 else slice(KNOTS // 2, None, -1)
        asked = np.abs(knots[half])
        slope = s[-1] / c[-1]
        wanted = np.where(asked <= c[-1], np.interp(asked, c, s), s[-1] + (asked - c[-1]) * slope)
        steps = np.clip(np.diff(wanted), LEAST * KNOT, MOST * KNOT)
        out[half] = sign * np.concatenate([[0.0], np.cumsum(steps)])
    return out
