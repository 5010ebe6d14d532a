"""The curves of the mapper: the strength is found that reaches what is asked."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.generator.attributes.mapper import KNOT, KNOTS, REACH, Mapper
from tools.train.attributes.response import EVEN, FURTHER, MOST, believed, curve, measured

KNOTS_AT = np.linspace(-REACH, REACH, KNOTS)


def test_a_curve_passes_through_what_reaches_one_either_way_and_stays_even() -> None:
    strengths = np.array([-2.0, -1.0, 1.0, 2.0])
    found = curve(strengths, np.array([-1.5, -1.0, 0.75, 1.75]))
    at = {asked: float(found[asked == KNOTS_AT][0]) for asked in (-1.0, 0.0, 1.0)}
    assert at == pytest.approx({-1.0: -1.0, 0.0: 0.0, 1.0: 1.25})
    uneven = np.diff(curve(strengths, np.array([-4.0, -2.0, 0.2, 0.4])))
    near = np.abs((KNOTS_AT[1:] + KNOTS_AT[:-1]) / 2) < 1
    assert uneven[near].max() / uneven[near].min() <= (1 + EVEN) / (1 - EVEN) + 1e-9
    assert (uneven > 0).all()
    assert uneven[~near].max() <= FURTHER * KNOT + 1e-9


def test_what_hardly_answers_is_not_pushed_without_end() -> None:
    found = curve(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0.3, -0.1, 0.0, 0.1]))
    near = np.abs(KNOTS_AT) <= 1
    np.testing.assert_allclose(found[near], MOST * KNOTS_AT[near])


@pytest.mark.parametrize("gain", [0.6, 1.4])
def test_with_its_curves_the_mapper_reaches_what_is_asked(gain: float) -> None:
    mapper = Mapper(("a", "b"), 2, 4, 8)
    with torch.no_grad():
        mapper.directions[0, :, 0] = mapper.directions[1, :, 1] = 1.0
        mapper.readout[0, :, 0], mapper.readout[1, :, 1] = gain / 2, 0.5

    def score(ws: Tensor) -> Tensor:
        first, second = ws[:, 0, 0], ws[:, 0, 1]
        return torch.stack([gain * first, second + 0.1 * second * second.abs()], 1)

    ws = torch.randn(200, 1, 4, generator=torch.Generator().manual_seed(3))
    ws[..., 0] *= 1 / (gain * ws[..., 0].std())
    ws = ws.expand(-1, 2, -1)
    edges = torch.tensor([[-2.0, -2.0], [2.0, 3.0]])
    mapper.curves.copy_(measured(mapper, ws, score, edges, believed(mapper, ws)))
    asked = torch.tensor([[1.0, 0.0]]).expand(200, 2)
    with torch.no_grad():
        reached = score(mapper.edit(ws, asked)) - score(ws)
    torch.testing.assert_close(reached, asked, atol=0.03, rtol=0)
