"""The Network contract: every family fills it, and a family without W, noise or blocks is played through it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.borders.errors import UserError
from engine.borders.tick import REST
from engine.generator import directions
from engine.generator.backends import cost, memory
from engine.generator.backends.select import open_generator, playable
from engine.generator.networks.network import Network, Sizes
from engine.generator.networks.stylegan2 import StyleGAN2
from engine.generator.networks.stylegan3 import Config3, StyleGAN3
from tests.builders.networks import network
from tests.builders.params import Params

THREE = Config3(img_resolution=32, z_dim=8, w_dim=16, channel_base=512, channel_max=16, num_layers=6, c_dim=3)


WIDE = Sizes(z_dim=12, w_dim=12, num_ws=1, img_channels=1, resolutions=(8, 16, 32), channels=(8, 6, 1), shape=(24, 32))


class Wide(Network):
    """From z to a 6 x 8 block and twice up: no W, no noise, rectangular, gray, and its last maps are the picture."""

    title = "Wide"

    def __init__(self) -> None:
        super().__init__(WIDE)
        self.dense = nn.Linear(12, 8 * 6 * 8)
        self.up = nn.ModuleList([nn.ConvTranspose2d(8, 6, 4, 2, 1), nn.ConvTranspose2d(6, 1, 4, 2, 1)])
        self.register_buffer("origin", torch.zeros(12))

    @property
    def w_avg(self) -> Tensor:
        return self.origin

    @property
    def bends(self) -> tuple[int, ...]:
        return self.resolutions[:-1]

    def map(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        return z[:, None]

    def synthesize(self, ws, noise_mode="const", generator=None, hook=None, stop_at=None) -> Tensor:
        x = self.dense(ws[:, 0]).view(-1, 8, 6, 8)
        for resolution, up in zip(self.resolutions, [None, *self.up], strict=True):
            x = x if up is None else torch.tanh(up(F.relu(x)))
            if hook is not None and resolution in self.bends:
                seen = hook(resolution, x, None)
                x = seen[0] if isinstance(seen, tuple) else seen
        return x

    def style_weights(self) -> Sequence[Tensor]:
        return [self.dense.weight]


def wide() -> Wide:
    torch.manual_seed(5)
    return Wide()


FAMILIES = {"StyleGAN2": network, "StyleGAN3": lambda: StyleGAN3.random(THREE), "Wide": wide}


@pytest.mark.parametrize("title", FAMILIES)
def test_what_a_network_says_of_itself_is_so(title: str) -> None:
    made = FAMILIES[title]().eval().requires_grad_(False)
    assert made.title == title
    ws = made.map(torch.randn(2, made.z_dim))
    assert ws.shape == (2, made.num_ws, made.w_dim)
    assert made.w_avg.shape == (made.w_dim,)
    image = made.synthesize(ws)
    assert image.shape == (2, made.img_channels, *made.shape)
    assert torch.allclose(made.textbook(ws), image, atol=1e-4, rtol=1e-4)
    assert made.resolution == made.resolutions[-1] == made.stops[-1]
    assert list(made.resolutions) == sorted(set(made.resolutions))
    assert set(made.stops) <= set(made.resolutions)
    assert set(made.bends) <= set(made.resolutions)
    assert len(made.channels) == len(made.resolutions)
    assert all(weight.shape[1] == made.w_dim for weight in made.style_weights())
    assert {layer.resolution for layer in made.noises()} <= set(made.resolutions)
    assert torch.equal(made.truncate(ws, 1.0), ws)
    assert torch.allclose(made.truncate(ws, 0.0), made.w_avg.expand_as(ws), atol=1e-6)
    assert (made.cost() is None) == (not made.blocks)
    assert (memory.frame_bytes(made) is None) == (not made.blocks)
    assert cost.share(made, made.resolution) == 1.0


@pytest.mark.parametrize("title", FAMILIES)
def test_a_hook_bends_what_can_be_bent(title: str) -> None:
    made = FAMILIES[title]().eval().requires_grad_(False)
    ws, seen = made.map(torch.randn(1, made.z_dim)), []

    def hook(resolution: int, x: Tensor, img: Tensor | None) -> Tensor:
        seen.append(resolution)
        return x.flip(-1) if resolution == made.bends[0] else x

    bent = made.synthesize(ws, hook=hook)
    assert set(made.bends) <= set(seen)
    assert not torch.allclose(bent, made.synthesize(ws))


def test_a_family_without_w_or_noise_plays_through_the_contract_alone() -> None:
    made = wide()
    player = open_generator(made)
    assert (player.backend, player.precision) == ("plain", "fp32")
    assert playable(made) == ("plain",)
    ws = player.map(np.random.default_rng(0).standard_normal((1, 12)))
    assert np.array_equal(player.truncate(ws, 0.5), ws * np.float32(0.5))
    plain = player(ws[0], Params(), REST)
    assert plain.shape == (24, 32, 4)
    assert torch.equal(plain[..., 0], plain[..., 2])  # gray
    bent = player(ws[0], Params({"rotate.turns": 0.25, "rotate.layer": 8.0, "noise.strength": 3.0}), REST)
    assert not torch.equal(bent, plain)
    assert player.directions("sefa").shape == (8, 12)
    assert (player.sizes, player.resolution, player.warps.resolutions) == ((32,), 32, (8, 16))
    assert "close other programs" in player.advice()
    for wish in ({"backend": "native"}, {"precision": "bf16"}):
        with pytest.raises(UserError, match="plays with --backend plain --precision fp32 only"):
            open_generator(made, **wish)
    with pytest.raises(UserError, match="full 32 pixels"):
        open_generator(made, resolution=16)
    from fractions import Fraction

    with pytest.raises(UserError, match="a Wide model paints its own shape only"):
        open_generator(made, aspect=Fraction(16, 9))


def test_a_cutoff_leaves_the_later_ws() -> None:
    made = network()
    ws = made.map(torch.randn(1, made.z_dim))
    made.truncation_cutoff = 4
    near = made.truncate(ws, 0.25)
    assert torch.equal(near[:, 4:], ws[:, 4:])
    assert torch.equal(near[:, :4], made.mapping(torch.zeros(0, made.z_dim)).new_empty(0, 4, made.w_dim)) is False
    player = open_generator(made, backend="plain")
    by_player = player.truncate(ws.numpy(), 0.25)
    np.testing.assert_allclose(by_player, near.numpy(), atol=1e-6)


def test_directions_are_found_in_the_weights_that_read_w() -> None:
    found = directions.sefa(wide())
    assert found.shape == (8, 12)
    assert isinstance(network(), StyleGAN2)
