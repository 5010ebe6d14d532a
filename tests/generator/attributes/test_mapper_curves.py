"""The mapper's curves: what is asked becomes a strength, 0 stays 0, and an older file has straight ones."""

from __future__ import annotations

import pytest
import torch

from engine.generator.attributes.mapper import KNOT, KNOTS, REACH, Mapper, from_state, straight
from tests.builders.attributes import NAMES, made


def bent() -> Mapper:
    """Return a mapper whose first attribute needs twice as much above 1, and whose second has a straight curve."""
    mapper = made().mapper
    assert mapper is not None
    knots = torch.linspace(-REACH, REACH, KNOTS)
    mapper.curves[0] = torch.where(knots > 1, 2 * knots - 1, knots)
    return mapper


def test_what_is_asked_becomes_a_strength_between_the_knots_and_beyond() -> None:
    asked = torch.tensor([[0.0, 0.0], [0.8, 0.8], [1.25, -2.3], [3.9, 3.9], [6.0, 6.0], [-7.0, -7.0]])
    wanted = torch.tensor([[0.0, 0.0], [0.8, 0.8], [1.5, -2.3], [6.8, 3.9], [11.0, 6.0], [-7.0, -7.0]])
    torch.testing.assert_close(bent().strengths(asked), wanted)


def test_an_edit_goes_through_the_curves_and_nothing_asked_changes_nothing() -> None:
    mapper, ws = bent(), torch.randn(3, 6, 24)
    asked, strength = (torch.tensor([[x, 0.0]]).expand(3, 2) for x in (2.0, 3.0))
    torch.testing.assert_close(mapper.edit(ws, asked), mapper(ws, mapper.read(ws), strength))
    assert mapper.edit(ws, torch.zeros(3, 2)).equal(ws)


def test_a_file_from_before_the_curves_is_read_and_a_falling_curve_is_not() -> None:
    state = dict(bent().state_dict())
    assert from_state(state, NAMES).curves.equal(state["curves"])
    older = {name: tensor for name, tensor in state.items() if name != "curves"}
    assert from_state(older, NAMES).curves.equal(straight(2))
    for curves in (state["curves"].flip(1), state["curves"] + 0.1, state["curves"][:, : KNOTS - 2]):
        with pytest.raises(ValueError, match="mapper"):
            from_state({**state, "curves": curves}, NAMES)


def test_a_curve_has_a_knot_at_zero() -> None:
    assert float(straight(1)[0, KNOTS // 2]) == 0.0
    assert float(straight(1)[0, 1] - straight(1)[0, 0]) == pytest.approx(KNOT)
