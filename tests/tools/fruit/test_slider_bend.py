"""The bend of the default model's mapper: the renderer's labels with gradients, and a bend that is lifted to w."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.generator.attributes.mapper import Mapper
from engine.generator.perceptual.names import ATTRIBUTES
from tools.fruit import slider_bend
from tools.fruit.parameters import Array
from tools.fruit.render import THETA, sample, weights
from tools.fruit.soft_labels import labels, shares
from tools.fruit.way import Way
from tools.recognise import lessons
from tools.train.attributes.directions import Scale

W_DIM, NUM_WS = 40, 3


@pytest.fixture(scope="module")
def theta() -> Array:
    return sample(np.random.default_rng(3), 400)


@pytest.fixture(scope="module")
def way() -> Way:
    """A world whose w are affine in theta, with room to spare."""
    torch.manual_seed(0)
    forth = torch.linalg.qr(torch.randn(W_DIM, THETA))[0].T
    return Way(torch.randn(W_DIM), forth.T.double(), torch.rand(THETA) / 4, forth)


def test_the_soft_labels_are_the_renderers_own_where_no_corner_is_round(theta: Array) -> None:
    points = torch.from_numpy(theta)
    share = shares(points)
    np.testing.assert_allclose(share.numpy(), weights(theta), atol=1e-6)
    np.testing.assert_allclose(labels(points, share).numpy(), lessons.labels(theta), atol=1e-6)


def test_a_round_corner_lets_a_kind_that_is_not_there_be_asked_for(theta: Array) -> None:
    whole = torch.from_numpy(theta[lessons.labels(theta)[:, ATTRIBUTES.index("slice")] == 0]).requires_grad_(True)
    soft = labels(whole, shares(whole, 0.03), 0.03)
    assert float((soft - labels(whole, shares(whole))).detach().abs().mean()) < 0.03
    (slope,) = torch.autograd.grad(soft[:, ATTRIBUTES.index("slice")].sum(), whole)
    assert bool((slope.abs().amax(1) > 0).all())


def test_a_bend_does_to_w_what_it_does_to_theta(theta: Array, way: Way) -> None:
    points = torch.from_numpy(theta)
    ws = (way.centre + (points - way.mean) @ way.forth)[:, None].expand(-1, NUM_WS, -1)
    room = slider_bend.Room(
        way, points, points.mean(0), points.std(0), Scale.of(points), Tensor(), Tensor(), torch.eye(THETA)
    )
    chosen = torch.tensor([float(name in slider_bend.BENT) for name in ATTRIBUTES])
    bend = slider_bend.Bend(len(ATTRIBUTES), 16, chosen)
    torch.nn.init.normal_(bend.leave.weight)
    torch.nn.init.normal_(bend.straight)
    mapper = Mapper(ATTRIBUTES, NUM_WS, W_DIM, 16)
    mapper.mean.copy_(ws.mean((0, 1)))
    mapper.sd.fill_(0.7)
    slider_bend.lift(bend, mapper, room)
    change = torch.randn(len(points), len(ATTRIBUTES))
    with torch.no_grad():
        moved = bend((points - room.mean) / room.sd, change) * room.sd @ way.forth
        found = mapper(ws, mapper.read(ws), change) - ws
    torch.testing.assert_close(found, moved[:, None].expand(-1, NUM_WS, -1), atol=1e-4, rtol=1e-4)


def test_a_taught_bend_reaches_more_of_what_is_asked_and_leaves_other_sliders_alone(
    theta: Array, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slider_bend, "BATCH", 64)
    monkeypatch.setattr(slider_bend, "RATE", 1e-2)
    points = torch.from_numpy(theta)
    w = way.centre + (points - way.mean) @ way.forth
    told = way.labels(w[:, None])
    scale = Scale.of(told)
    edges = torch.quantile(scale(told), torch.tensor([0.01, 0.99]), dim=0)
    k, ws = ATTRIBUTES.index("stem"), w[:, None].expand(-1, NUM_WS, -1)
    change = torch.zeros(len(w), len(ATTRIBUTES))
    change[:, k] = torch.where(scale(told)[:, k] > 0, -0.8, 0.8)

    def missed(steps: int) -> float:
        mapper = Mapper(ATTRIBUTES, NUM_WS, W_DIM, 32)
        mapper.mean.copy_(w.mean(0))
        slider_bend.teach(mapper, way, w, scale, edges, steps)
        assert mapper.edit(ws, torch.zeros_like(change)).equal(ws)
        assert not mapper.directions[ATTRIBUTES.index("ripeness")].any()
        with torch.no_grad():
            moved = scale(way.labels(mapper.edit(ws, change))) - scale(told)
        return float((moved - change).square().sum(1).mean())

    assert missed(200) < 0.7 * missed(1)
