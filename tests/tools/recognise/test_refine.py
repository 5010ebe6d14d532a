"""The judge goes on with the model's own pictures: labels from w, other units, nothing else changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.generator.checkpoints import checkpoint
from engine.generator.perceptual.names import ATTRIBUTES
from tools.fruit.mapping import parameters_of
from tools.fruit.render import KINDS, KNOBS, THETA, weights
from tools.fruit.way import Way
from tools.judge.recogniser import Second, judge, steady
from tools.recognise import refine
from tools.recognise.lessons import labels
from tools.recognise.student import told_of

FRUIT = Path(__file__).parents[3] / "presets/models/fruit.safetensors"


@pytest.fixture(scope="module")
def way() -> tuple[Way, torch.nn.Module]:
    network = checkpoint.build(checkpoint.load(FRUIT, cache=False)).eval()
    return Way.of(network), network


def test_the_way_leads_from_w_to_the_renderers_numbers_and_back(way: tuple[Way, torch.nn.Module]) -> None:
    z = torch.randn(200, THETA, generator=torch.Generator().manual_seed(5))
    theta = parameters_of(z)
    with torch.no_grad():
        w = way[1].map(z)[:, 0]
    found = torch.from_numpy(way[0].theta(w))
    assert float((found - theta).std() / theta.std()) < 0.15  # the mapping network misses a little
    hue = len(KINDS) + KNOBS.index("hue")
    moved = torch.from_numpy(way[0].theta(w + 0.3 * way[0].forth[hue]))
    wanted = torch.zeros(THETA)
    wanted[hue] = 0.3
    torch.testing.assert_close((moved - found).mean(0), wanted, atol=0.02, rtol=0)


def test_pushed_w_have_the_labels_of_their_theta(way: tuple[Way, torch.nn.Module]) -> None:
    ws = refine.draw(way[1], way[0], 3, 40)
    assert ws.equal(refine.draw(way[1], way[0], 3, 40))
    np.testing.assert_allclose(way[0].labels(ws[:, None]).numpy(), labels(way[0].theta(ws)), atol=1e-6)


def test_other_units_say_the_same_and_a_step_of_learning_tells_more() -> None:
    torch.manual_seed(0)
    network, x = Second(), torch.rand(8, 3, 64, 64)
    truth = torch.randn(8, len(ATTRIBUTES)) * 0.3
    with torch.no_grad():
        before = network.recognise(x).attributes
        refine.rescaled(network, told_of(truth))
        torch.testing.assert_close(network.recognise(x).attributes, before, atol=1e-5, rtol=1e-4)
    told = (told_of(truth) - network.centre) / network.scale
    share = torch.from_numpy(weights(np.eye(THETA, dtype=np.float32)[:8]))
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    found = []
    for _ in range(8):
        loss = torch.stack(list(refine.losses(network, x, told, share).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(float(loss.detach()))
    assert found[-1] < 0.9 * found[0]


def test_the_steady_judge_is_the_mean_of_five_places() -> None:
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(2)) * 2 - 1
    flat = x.mean((2, 3), keepdim=True).expand(-1, -1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(
            steady(judge(), flat).attributes, judge().recognise(flat).attributes, atol=1e-4, rtol=1e-4
        )
        assert steady(judge(), x).identity.norm(dim=1).tolist() == pytest.approx([1.0, 1.0], abs=1e-5)
