"""The fence of sliders: one alone goes where it is asked to, all together stay where the model draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.generator.attributes import side_file
from engine.generator.attributes.fence import ROOM, SHARE, Fence
from engine.generator.attributes.mapper import Mapper, from_state
from engine.generator.attributes.played_mapper import PlayedMapper
from tests.builders.attributes import NAMES, made
from tools.fruit.opened import open_fruit
from tools.train.attributes.samples import draw_ws

WIDTH = 24  # of the w of `made`


def points(count: int = 4000) -> Tensor:
    """Return points [count, WIDTH] that spread over an ellipsoid, and hardly along the last axis."""
    return torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(3)) * torch.linspace(2.0, 0.001, WIDTH)


def fenced() -> Mapper:
    mapper = made().mapper
    assert mapper is not None
    mapper.mean.zero_()
    mapper.fence = Fence.around(points(), mapper.mean)
    return mapper


def distance(fence: Fence, w: Tensor) -> Tensor:
    return (w @ fence.whiten.T).norm(dim=1)


def test_most_points_lie_within_whatever_the_directions_spread() -> None:
    fence = Fence.around(points(), torch.zeros(WIDTH))
    far = distance(fence, points()) > fence.far
    assert float(far.float().mean()) == pytest.approx(1 - SHARE, abs=0.005)
    spread = (points() @ fence.whiten.T).std(0)
    assert float(spread[-(WIDTH - 1) :].sub(1.0).abs().max()) < 0.05


def test_what_goes_too_far_goes_as_far_as_the_fence_and_nothing_else_is_touched() -> None:
    fence, x = Fence.around(points(), torch.zeros(WIDTH)), points(50)
    small, large = x * 0.001, torch.randn(50, WIDTH) * 20.0
    assert bool((fence.shares(x[:1] * 0.1, small[:1]) == 1.0).all())
    reached = distance(fence, x + fence.shares(x, large)[:, None] * large)
    torch.testing.assert_close(reached, torch.maximum(fence.far, distance(fence, x) + ROOM), rtol=1e-3, atol=1e-3)
    inward = fence.shares(x, -x)
    assert bool((inward == 1.0).all()), "the way to the mean is open"


def test_a_point_far_out_has_some_room() -> None:
    fence = Fence.around(points(), torch.zeros(WIDTH))
    x = points(10) * 10.0
    assert bool((fence.shares(x, x) > 0.0).all())


@pytest.mark.parametrize("asked", [(0.5, 0.0), (3.0, -4.0), (40.0, 40.0), (0.0, 0.0)])
def test_one_w_is_held_as_many_are(asked: tuple[float, float]) -> None:
    mapper = fenced()
    ws = torch.randn(1, mapper.num_ws, WIDTH, generator=torch.Generator().manual_seed(1)).double()
    many = (mapper.edit(ws.float(), torch.tensor([asked])) - ws.float())[0]
    one = PlayedMapper(mapper)(ws[0].numpy(), np.array(asked))
    np.testing.assert_allclose(one, many.numpy(), atol=2e-4)
    free = fenced()
    free.fence = None
    unheld = free.edit(ws.float(), torch.tensor([asked])) - ws.float()
    if asked == (40.0, 40.0):
        assert float(many.norm()) < 0.5 * float(unheld.norm())
    if not any(asked):
        assert not one.any()


def test_a_mapper_keeps_its_fence_in_a_file_and_an_older_file_has_none(tmp_path: Path) -> None:
    attributes, path = made(), tmp_path / "m.attributes.safetensors"
    assert attributes.mapper is not None
    attributes.mapper.fence = Fence.around(points(), attributes.mapper.mean)
    side_file.write(path, attributes)
    again = side_file.read(path).mapper
    assert again is not None
    assert again.fence is not None
    ws, asked = torch.randn(3, 6, WIDTH), torch.tensor([[9.0, -9.0]]).expand(3, 2)
    torch.testing.assert_close(again.edit(ws, asked), attributes.mapper.edit(ws, asked))
    older = {name: t for name, t in again.state_dict().items() if not name.startswith("fence.")}
    assert from_state(older, NAMES).fence is None


def test_all_sliders_of_the_shipped_model_together_stay_within() -> None:
    fruit = open_fruit()
    fence, mean = fruit.mapper.fence, fruit.mapper.mean
    assert fence is not None
    w = draw_ws(fruit.network, 55_000_001, 200)
    ws = w[:, None].expand(-1, fruit.network.num_ws, -1)
    asked = 4.0 * torch.randint(2, (200, 8), generator=torch.Generator().manual_seed(0)) - 2.0
    moved = fruit.mapper.edit(ws, asked).mean(1)
    most = torch.maximum(fence.far, distance(fence, w - mean) + ROOM)
    assert bool((distance(fence, moved - mean) <= most * 1.001).all())
    one = torch.zeros(200, 8)
    one[:, 3] = 1.0
    shares = fence.shares(w - mean, (fruit.mapper(ws, fruit.mapper.read(ws), one) - ws).mean(1))
    assert float((shares == 1.0).float().mean()) > 0.95, "one slider alone is hardly ever held"
