"""Attributes that are made: of answers, of boundaries in z and w, measured by the recogniser."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.borders.errors import UserError
from engine.generator.attributes.asking import Asking
from engine.generator.attributes.boundary import Boundary
from engine.generator.attributes.making import from_boundary
from engine.generator.attributes.measuring import Meter
from engine.generator.directions import sample_w
from engine.generator.networks.stylegan2 import StyleGAN2
from engine.generator.perceptual.recogniser import shipped
from tests.builders.attributes import CONFIG


@pytest.fixture(scope="module")
def network() -> StyleGAN2:
    return StyleGAN2.random(CONFIG, 1).eval().requires_grad_(False)


@pytest.mark.parametrize("seed", [1, 2])
def test_forty_answers_find_a_direction(seed: int):
    """w of 24 axes with falling variance in 64 numbers; one answer in twenty is wrong."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.standard_normal((64, 24)))[0]
    ws = (rng.standard_normal((3000, 24)) * np.geomspace(1.0, 0.1, 24)) @ turn.T + rng.standard_normal(64)
    wanted = turn @ (rng.standard_normal(24) / np.geomspace(1.0, 0.1, 24) ** 0.5)
    asking = Asking(ws[:1000], seed)
    for _ in range(40):
        first, second = asking.next()
        more = bool((ws[first] - ws[second]) @ wanted > 0)
        asking.tell((first, second), more if rng.random() > 0.05 else not more)
    rest = ws[1000:]
    assert np.corrcoef(rest @ asking.normal, rest @ wanted)[0, 1] > 0.8
    assert 0.6 < asking.sureness < 1.0


def test_an_answer_that_is_taken_back_leaves_nothing():
    asking = Asking(np.random.default_rng(1).standard_normal((200, 8)))
    asking.tell((1, 2), True)
    before = asking.normal
    asking.tell((3, 4), False)
    assert np.abs(asking.normal - before).max() > 1e-3
    asking.undo()
    np.testing.assert_allclose(asking.normal, before)
    asking.undo()
    asking.undo()
    assert not asking.normal.any()
    assert asking.sureness == 0.5


def test_a_boundary_in_w_is_one_deviation_of_its_projections_long(network: StyleGAN2):
    normal = np.random.default_rng(2).standard_normal(CONFIG.w_dim)
    made = from_boundary("ripe", Boundary(normal, layers=(0, 2)), network, "w", "b.npy")
    unit = normal / np.linalg.norm(normal)
    np.testing.assert_allclose(made.direction[[0, 2]], np.stack([unit, unit]), atol=1e-6)
    assert not made.direction[[1, 3, 4, 5]].any()
    along = sample_w(network, 10_000).double().numpy() @ unit
    assert (made.scale, made.mean) == (pytest.approx(along.std(), rel=1e-4), pytest.approx(along.mean(), rel=1e-3))


def test_a_boundary_in_z_becomes_the_mean_step_in_w(network: StyleGAN2):
    normal = np.zeros(CONFIG.z_dim)
    normal[3] = 2.0
    made = from_boundary("ripe", Boundary(normal), network, "z", "z.npy")
    z = torch.from_numpy(np.random.RandomState(0).randn(10_000, CONFIG.z_dim).astype(np.float32))
    nudge = torch.zeros(CONFIG.z_dim)
    nudge[3] = 0.01
    with torch.inference_mode():
        step = ((network.map(z + nudge) - network.map(z - nudge))[:, 0].mean(dim=0) / 0.02).numpy()
    assert np.linalg.norm(made.step[0] - step) < 0.15 * np.linalg.norm(step)  # of ten thousand samples


@pytest.mark.parametrize(("width", "space"), [(25, "w"), (24, "z"), (24 * 5, "w")])
def test_a_boundary_of_another_width_is_refused(network: StyleGAN2, width: int, space: str):
    with pytest.raises(UserError, match=f"b.npy: a boundary of width {width}"):
        from_boundary("ripe", Boundary(np.ones(width)), network, space, "b.npy")


def test_what_does_not_move_changes_nothing_and_the_rest_is_measured(network: StyleGAN2):
    meter = Meter(network, shipped(), 8)
    still = meter.measure(lambda ws, x: ws)
    assert set(still.change.values()) == set(still.leak.values()) == {0.0}
    moved = meter.measure(lambda ws, x: ws + 0.5 * x)
    assert max(moved.leak.values()) > 0.05
    assert all(abs(moved.change[name]) <= leak + 1e-9 for name, leak in moved.leak.items())
