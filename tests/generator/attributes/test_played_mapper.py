"""The mapper as a show plays it moves one w as the mapper that was taught does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.generator.attributes.mapper import Mapper
from engine.generator.attributes.pace import Pace
from engine.generator.attributes.played_mapper import PlayedMapper
from tests.builders.attributes import NAMES, made
from tools.fruit.opened import open_fruit
from tools.train.attributes.samples import draw_ws

NUM_WS, WIDTH = 6, 24  # of the w of `made`
ASKED = [(0.3, -0.6), (0.5, 0.0), (1.0, -2.0), (0.99, 1.7), (-3.3, 0.2), (6.0, -0.01), (0.0, 0.0)]


def taught(paced: bool = True, alike: bool = False) -> Mapper:
    """Return a mapper with all that a training may change; ``alike``: its layers are all one."""
    mapper = made().mapper
    assert mapper is not None
    torch.manual_seed(4)
    mapper.mean.copy_(0.3 * torch.randn(WIDTH))
    mapper.sd.fill_(0.6)
    mapper.readout.copy_(0.1 * torch.randn(len(NAMES), NUM_WS, WIDTH))
    mapper.offset.copy_(torch.randn(len(NAMES)))
    mapper.curves[0] *= 1.5
    if alike:
        mapper.layers.copy_(mapper.layers[:1].clone().expand(NUM_WS, -1))
        for weights in (mapper.directions, mapper.readout):
            weights.copy_(weights[:, :1].clone().expand(-1, NUM_WS, -1))
    if paced:
        mapper.pace = Pace(len(NAMES), WIDTH, 16).requires_grad_(False)
        torch.nn.init.normal_(mapper.pace.leave.weight)  # a pace that is far from even
    return mapper


def edited(mapper: Mapper, ws: NDArray[np.float64], asked: tuple[float, ...]) -> NDArray[np.float64]:
    """Return by how much `Mapper.edit` moves ws."""
    points = torch.from_numpy(ws).float()[None]
    return (mapper.edit(points, torch.tensor([asked])) - points)[0].double().numpy()


@pytest.mark.parametrize("paced", [False, True])
@pytest.mark.parametrize("asked", ASKED)
def test_one_w_moves_as_many_do(paced: bool, asked: tuple[float, ...]) -> None:
    mapper, ws = taught(paced), np.random.default_rng(5).standard_normal((NUM_WS, WIDTH))
    moved = PlayedMapper(mapper)(ws, np.array(asked))
    np.testing.assert_allclose(moved, edited(mapper, ws, asked), atol=1e-5)
    assert moved.any() == any(asked)


@pytest.mark.parametrize("asked", ASKED)
def test_where_layers_and_rows_are_alike_one_row_is_moved_for_all(asked: tuple[float, ...]) -> None:
    mapper = taught(alike=True)
    one = np.random.default_rng(6).standard_normal((1, WIDTH))
    rows, played = np.repeat(one, NUM_WS, axis=0), PlayedMapper(mapper)
    moved = played(rows, np.array(asked))
    assert moved.shape == (1, WIDTH)
    np.testing.assert_allclose(rows + moved, rows + edited(mapper, rows, asked), atol=1e-5)
    rows[2] += 0.1
    moved = played(rows, np.array(asked))
    assert moved.shape == (NUM_WS, WIDTH)
    np.testing.assert_allclose(moved, edited(mapper, rows, asked), atol=1e-5)


def test_equal_rows_move_apart_where_layers_differ() -> None:
    mapper = taught()
    rows = np.repeat(np.random.default_rng(6).standard_normal((1, WIDTH)), NUM_WS, axis=0)
    np.testing.assert_allclose(
        PlayedMapper(mapper)(rows, np.array(ASKED[0])), edited(mapper, rows, ASKED[0]), atol=1e-5
    )


def test_the_shipped_sliders_are_where_they_were() -> None:
    fruit = open_fruit()
    played, rng = PlayedMapper(fruit.mapper), np.random.default_rng(7)
    for w in draw_ws(fruit.network, 123_457, 40).double().numpy():
        ws, asked = np.repeat(w[None], fruit.network.num_ws, axis=0), tuple(rng.uniform(-2.5, 2.5, 8).tolist())
        np.testing.assert_allclose(ws + played(ws, np.array(asked)), ws + edited(fruit.mapper, ws, asked), atol=1e-5)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_number_stops_no_show() -> None:
    played, ws = PlayedMapper(taught()), np.zeros((NUM_WS, WIDTH))
    for asked in (float("inf"), float("-inf"), float("nan")):
        assert played(ws, np.array([asked, 0.5])).shape == ws.shape
