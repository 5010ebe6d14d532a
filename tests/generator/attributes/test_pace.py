"""The pace of a slider: an even hand makes an even picture, and whole numbers are where they were."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.generator.attributes import side_file
from engine.generator.attributes.mapper import from_state
from engine.generator.attributes.pace import KNOTS, REACH, STEP, Pace
from tests.builders.attributes import NAMES, made
from tools.fruit.opened import open_fruit
from tools.train.attributes import learn_pace
from tools.train.attributes.samples import draw_ws, painted

WIDTH = 24  # of the w of `made`
MIDDLES = torch.arange(KNOTS - 1) * STEP - REACH + STEP / 2


class Known(Pace):
    """A pace that is told: the log of it between the knots."""

    def __init__(self, logs: Tensor) -> None:
        super().__init__(len(logs), WIDTH, 8)
        self.logs = logs

    def forward(self, x: Tensor, which: Tensor) -> Tensor:
        return self.logs[which].expand(len(x), -1, -1)


def steep(at: float = 0.625) -> Tensor:
    """Return logs [2, KNOTS - 1]: the first attribute is ten times as fast around ``at``, the second is even."""
    return torch.stack((2.3 * torch.exp(-((MIDDLES - at) ** 2) / 0.02), torch.zeros(KNOTS - 1)))


def test_whole_numbers_zero_and_what_lies_beyond_stay_exactly_where_they_were() -> None:
    asked = torch.tensor([[0.0, -1.0], [1.0, 2.0], [-2.0, 0.0], [3.3, -2.7], [7.0, float("inf")]])
    assert Known(steep()).evened(torch.zeros(5, WIDTH), asked).equal(asked)


def test_an_even_hand_makes_an_even_picture() -> None:
    asked = torch.linspace(0.0, 1.0, 41)
    pace = Known(steep())
    moved = pace.evened(torch.zeros(41, WIDTH), torch.stack((asked, asked), 1))
    torch.testing.assert_close(moved[:, 1], asked)  # an even picture is left as it is
    assert bool((moved[:, 0].diff() > 0).all())

    def come(change: Tensor) -> Tensor:  # how far the picture is: the pace, summed
        knots = torch.cat((torch.zeros(1), (pace.logs[0].exp() * STEP).cumsum(0)))
        place = ((change + REACH) / STEP).clamp(0, KNOTS - 1 - 1e-4)
        low = place.floor().long()
        return knots[low] + (place - low) * (knots[low + 1] - knots[low])

    before, after = (come(x).diff() for x in (asked, moved[:, 0]))
    assert float(before.max() / before.median()) > 4.0
    assert float(after.max() / after.median()) < 1.6


def test_a_place_at_rest_is_no_leap() -> None:
    """Where the picture does not change at all, and elsewhere does, the slider keeps a speed."""
    logs = torch.where(MIDDLES < 0.5, torch.tensor(0.0), torch.tensor(-9.0)).expand(2, -1).clone()
    asked = torch.linspace(0.0, 1.0, 101)[:, None].expand(-1, 2)
    assert float(Known(logs).evened(torch.zeros(101, WIDTH), asked).diff(dim=0).max()) < 0.08


def test_a_mapper_keeps_its_pace_in_a_file_and_an_older_file_has_none(tmp_path: Path) -> None:
    attributes, path = made(), tmp_path / "m.attributes.safetensors"
    assert attributes.mapper is not None
    torch.manual_seed(1)
    attributes.mapper.pace = Pace(len(NAMES), WIDTH, 16)
    side_file.write(path, attributes)
    again = side_file.read(path).mapper
    assert again is not None
    ws, asked = torch.randn(3, 6, WIDTH), torch.tensor([[0.3, -0.6]]).expand(3, 2)
    torch.testing.assert_close(again.edit(ws, asked), attributes.mapper.edit(ws, asked))
    assert not torch.allclose(again.edit(ws, asked), again.edit(ws, asked, even=False))
    older = {name: t for name, t in again.state_dict().items() if not name.startswith("pace.")}
    assert from_state(older, NAMES).pace is None
    with pytest.raises(ValueError, match="mapper"):
        from_state({**again.state_dict(), "pace.sliders": torch.zeros(3, 4, 16)}, NAMES)


def test_weights_that_say_the_impossible_leave_points_finite() -> None:
    asked = torch.linspace(-2.0, 2.0, 33)[:, None].expand(-1, 2)
    for logs in (torch.full((2, KNOTS - 1), 1e30), torch.linspace(-1e30, 1e30, KNOTS - 1).expand(2, -1)):
        moved = Known(logs).evened(torch.zeros(33, WIDTH), asked)
        assert bool(moved.isfinite().all())
        assert bool((moved.diff(dim=0) >= -1e-5).all())


def test_a_pace_is_learnt_of_pictures() -> None:
    """The picture of this model is a step in the first attribute, whose place depends on the rest of w."""
    mapper = made().mapper
    assert mapper is not None
    ws = torch.randn(120, 1, WIDTH, generator=torch.Generator().manual_seed(2)).expand(-1, 6, -1) * 0.5
    toward = mapper.directions[0].mean(0) / mapper.directions[0].mean(0).square().sum()

    def draw(ws: Tensor) -> Tensor:
        mean = ws.mean(1)
        return torch.sigmoid(5.0 * (mean @ toward - mean[:, 3])).reshape(-1, 1, 1, 1).expand(-1, 3, 4, 4)

    sweeps = learn_pace.swept(mapper, ws, learn_pace.some(len(ws), 2, each=1), draw)
    mapper.pace = learn_pace.learn(mapper, sweeps, steps=600, hidden=32)
    one = mapper.pace.of(mapper.middle_of(sweeps.ws), sweeps.k)
    spread = (sweeps.logs - sweeps.logs.mean(1, keepdim=True)).square().mean()
    assert float((one - sweeps.logs).square().mean() / spread) < 0.5


def test_the_shipped_slice_opens_evenly() -> None:
    """Of four fruits that are cut by half, the largest step of a sweep is nearer to the median step."""
    fruit = open_fruit()
    k = fruit.mapper.names.index("slice")
    pool = draw_ws(fruit.network, 123_456, 200)[:, None].expand(-1, fruit.network.num_ws, -1)
    ws = pool[fruit.mapper.read(pool)[:, k].abs().argsort()[:4]]
    asked = torch.zeros(25, len(fruit.mapper.names))
    asked[:, k] = torch.sin(torch.linspace(0, torch.pi, 25) - torch.pi / 2)

    def uneven(even: bool) -> float:
        ratios = []
        for one in ws:
            moved = fruit.mapper.edit(one.expand(25, -1, -1), asked, even=even)
            steps = torch.cat(list(painted(fruit.network, moved))).diff(dim=0).flatten(1).square().mean(1).sqrt()
            ratios.append(float(steps.max() / steps.median()))
        return sum(ratios) / len(ratios)

    assert uneven(True) < 0.85 * uneven(False)
