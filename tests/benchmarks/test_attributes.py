"""The comparison of edits: equal change is found, and nothing is asked beyond what a model shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.attribute_methods import Method, chosen, straight
from benchmarks.attribute_play import Familiar, Sweep, left, swept, told, uneven
from benchmarks.attribute_renders import nearest
from benchmarks.attribute_sweeps import below, table
from benchmarks.attributes import CHANGE, MOST, ROUNDS, bisected, signs
from engine.generator.perceptual.names import ATTRIBUTES
from engine.generator.perceptual.recogniser import Recognised
from tools.fruit.render import sample
from tools.recognise import lessons


@dataclass(frozen=True)
class Straight:
    """A judge to whom the attributes are the first numbers of w, times a gain."""

    gain: float
    by: str = "judge"

    def change(self, ws: Tensor, after: Tensor, k: int, before: Tensor) -> Tensor:
        return self.look(after)[0][:, k] - before[:, k]

    def look(self, ws: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.gain * ws[:, 0, :3], ws[:, 0], ws


@pytest.mark.parametrize("gain", [0.7, 1.0, 2.5])
def test_bisection_finds_the_strength_of_an_equal_change(gain: float) -> None:
    ws, bench = torch.zeros(4, 2, 5), Straight(gain)
    method = Method("", straight(torch.eye(5)[:3, None].expand(-1, 2, -1)), "")
    sign = torch.tensor([1.0, -1.0, 1.0, -1.0])
    found, asked = bisected(bench, method, ws, 1, bench.look(ws)[0], sign)  # type: ignore[arg-type]
    torch.testing.assert_close(asked, torch.full((4,), gain * CHANGE))
    torch.testing.assert_close(found, sign * CHANGE / gain, atol=MOST / 2 ** (ROUNDS - 1), rtol=0)


def test_a_change_stays_within_the_edges() -> None:
    edges = torch.tensor([[-2.0, 0.0], [2.0, 3.0]])
    scores = torch.tensor([[1.9, 0.1], [-1.9, 2.9], [0.0, 1.5], [0.0, 1.5]])
    assert signs(scores, edges).tolist() == [[-1, 1], [1, -1], [1, 1], [-1, -1]]


def test_the_axis_of_an_attribute_is_the_one_that_moves_little_else() -> None:
    readout = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    axes = torch.tensor([[1.0, 1.0, 0.0], [0.0, -0.5, 0.0], [0.4, 0.1, 0.0]])
    torch.testing.assert_close(chosen(axes, readout), torch.tensor([[1.0, 0.25, 0.0], [0.0, 1.0, 0.0]]))


def test_the_renderers_own_edit_moves_one_attribute_and_no_other() -> None:
    theta = sample(np.random.default_rng(8), 12)
    before, sd = torch.from_numpy(lessons.labels(theta)), torch.tensor([0.4, 0.4, 0.3, 0.2, 0.15, 0.4, 0.3, 0.4])
    for k in (ATTRIBUTES.index("slice"), ATTRIBUTES.index("stem")):
        change = torch.where(before[:, k] > 0.4, -0.2, 0.2)
        after = lessons.labels(nearest(theta, k, change, sd, 250).numpy())
        moved = torch.from_numpy(after) - before
        assert int(((moved[:, k] - change).abs() < 0.03).sum()) >= 9  # an orange's leaf is not always found
        others = torch.arange(len(sd)) != k
        assert float((moved / sd)[:, others].abs().mean()) < 0.03


def test_uneven_steps_are_told_in_median_steps() -> None:
    assert uneven(torch.tensor([[0.0], [1.0], [2.0], [5.0]])) == pytest.approx(3.0)


def test_those_with_most_room_are_swept() -> None:
    """The second w stands where its picture changes at once, and has the most room but for the third."""

    def draw(ws: Tensor) -> Tensor:
        return torch.sigmoid(torch.where(ws[..., 1:] > 0, 20.0, 0.1) * ws[..., :1])

    ws = torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.0, -1.0]])[:, None]
    room = torch.tensor([0.5, 1.0, 2.0])[:, None].expand(-1, len(ATTRIBUTES))
    edit = straight(torch.tensor([1.0, 0.0]).expand(len(ATTRIBUTES), 1, -1))
    found = swept(draw, edit, ws, room, 2)
    assert tuple(found) == ATTRIBUTES
    one = found[ATTRIBUTES[0]]
    assert one.room == [2.0, 1.0]
    assert one.pictures[0] == pytest.approx(1.34, abs=0.02)  # an even sine
    assert one.pictures[1] > 4.0
    assert one.median == pytest.approx(sum(one.pictures) / 2, abs=0.01)
    assert below(one) == 1


def test_a_table_of_sweeps_has_a_row_for_each_attribute() -> None:
    sweep = Sweep([1.5, 1.0], [1.4, 2.5], 1.95, 3.0)
    lines = table({"with pace": dict.fromkeys(ATTRIBUTES, sweep)}).splitlines()
    assert [line.split() for line in lines[1:]] == [
        [name, "1.00", "1.95", "1", "of", "2", "2.50"] for name in ATTRIBUTES
    ]


def test_a_picture_of_fog_is_strange_though_it_looks_most_like_one_kind() -> None:
    """A likely kind alone is no picture that is known: what is near others of the model is."""
    turned = torch.linspace(0, 0.6, 60)
    known = torch.stack([turned.cos(), turned.sin()], 1)
    kinds = torch.tensor([[4.0, 0.0]]).expand(60, -1)
    familiar = Familiar.by(Recognised(kinds, torch.zeros(60, 8), known))
    fog = torch.tensor([[-1.0, 0.0], [0.0, -1.0]])
    seen = familiar.strange(Recognised(torch.tensor([[9.0, 0.0], [0.1, 0.0]]), torch.zeros(2, 8), fog))
    assert seen == {"softmax": 0.5, "nearest": 1.0}
    again = familiar.strange(Recognised(kinds[:30], torch.zeros(30, 8), known[:30]))
    assert again == {"softmax": 0.0, "nearest": 0.0}


def test_all_sliders_move_at_once() -> None:
    asked: list[Tensor] = []

    def together(ws: Tensor, strengths: Tensor) -> Tensor:
        asked.append(strengths)
        return ws

    def draw(ws: Tensor) -> Tensor:
        return torch.rand(len(ws), 3, 64, 64, generator=torch.Generator().manual_seed(0))

    method = Method("", straight(torch.zeros(8, 1, 4)), "", together=together)
    familiar = Familiar.by(told([draw(torch.zeros(40, 1, 4))]))
    left(draw, method, torch.zeros(130, 1, 4), familiar)
    strengths = torch.cat(asked)
    assert strengths.shape == (130, len(ATTRIBUTES))
    assert set(strengths.unique().tolist()) == {-2.0, 2.0}
    assert ((strengths[:, 0] > 0) != (strengths[:, 1] > 0)).any()
