"""The shipped model `garden`: flowers on black with their mask, and sliders named after what the renderer draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.generator.attributes import side_file
from engine.generator.checkpoints import checkpoint
from engine.generator.networks.network import Network
from engine.generator.points import seeds_to_z
from engine.show.opening import find_model
from tools.garden.botany import NAMES
from tools.garden.kinds import KINDS
from tools.garden.render import Studio, mean_theta

PATH = find_model("garden")


@pytest.fixture(scope="module")
def network() -> Network:
    """As the engine opens it."""
    return checkpoint.build(checkpoint.load(PATH)).eval()


def test_it_is_small_and_has_a_mask(network: Network) -> None:
    assert PATH.stat().st_size <= 16e6
    assert (network.resolution, network.img_channels) == (256, 4)


@torch.inference_mode()
def test_flowers_lie_on_black_inside_their_mask(network: Network) -> None:
    ws = network.truncate(network.map(torch.from_numpy(seeds_to_z(range(6), network.z_dim))), 0.7)
    pictures = (network.synthesize(ws).clamp(-1, 1) + 1) / 2
    light, mask = pictures[:, :3].amax(1), pictures[:, 3]
    assert ((light - mask) > 0.1).float().mean() < 0.02, "there is light outside the mask"
    for side in (mask[:, 0], mask[:, -1, :96], mask[:, -1, -96:], mask[..., 0], mask[..., -1]):
        assert side.mean() < 0.02, "the border is bright"
    covered = (mask > 0.5).float().mean((1, 2))
    assert 0.03 < covered.min() < covered.max() < 0.6
    apart = (pictures[:, None] - pictures[None]).abs().mean((2, 3, 4))
    assert apart[~torch.eye(6, dtype=torch.bool)].min() > 0.02, "two seeds are the same flower"


@torch.inference_mode()
def test_a_slider_leads_to_what_the_renderer_draws(network: Network) -> None:
    """From the mean flower each kind's own slider leads to that kind: its render is the nearest one to the picture."""
    attributes = side_file.read_for(PATH, checkpoint.load(PATH).sha256, network.num_ws, network.w_dim)
    assert set(attributes.each) == set(NAMES)
    mean = mean_theta()
    theta = np.repeat(mean[None], len(KINDS), 0)
    theta[:, : len(KINDS)] = np.eye(len(KINDS), dtype=np.float32)
    renders = torch.from_numpy(Studio(64).render(theta)).permute(0, 3, 1, 2).float() / 255
    ws = network.w_avg.float().repeat(len(KINDS), network.num_ws, 1)
    for i, target in enumerate(theta):
        for name, now, then in zip(NAMES, mean, target, strict=True):
            slider = attributes.find(name, "the sliders")
            ws[i] += torch.from_numpy(slider.step) * float((then - now) / slider.spread)
    drawn = torch.nn.functional.avg_pool2d((network.synthesize(ws).clamp(-1, 1) + 1) / 2, 4)
    apart = (drawn[:, None] - renders[None]).square().mean((2, 3, 4))
    assert (apart.argmin(1) == torch.arange(len(KINDS))).sum() >= len(KINDS) - 1
