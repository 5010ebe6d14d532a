"""Wide and tall pictures from a square model."""

from fractions import Fraction

import pytest
import torch

from engine.control.params import Params
from engine.errors import UserError
from engine.generator.aspect import FILLS, const_shape, parse_aspect, reshape
from engine.generator.network import Config, StyleGAN2
from engine.generator.runtime import EagerGenerator


@pytest.fixture(scope="module")
def network() -> StyleGAN2:
    net = StyleGAN2.random(Config(img_resolution=32, z_dim=8, w_dim=8, channels=(8, 8, 8, 8)))
    for name, p in net.synthesis.named_parameters():
        if name.endswith("noise_strength"):
            p.data.fill_(0.3)
    return net.eval().requires_grad_(False)


@pytest.mark.parametrize(
    ("text", "shape"), [("1:1", (4, 4)), ("16:9", (4, 8)), ("9:16", (8, 4)), ("2:1", (4, 8)), ("21:9", (4, 10))]
)
def test_the_constant_is_as_wide_as_the_aspect_and_even(text: str, shape: tuple[int, int]) -> None:
    assert const_shape(parse_aspect(text)) == shape


@pytest.mark.parametrize("text", ["", "16/9", "0:9", "16:0", "9:1", "-4:3", "wide"])
def test_other_aspects_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="aspect"):
        parse_aspect(text)


@pytest.mark.parametrize("fill", FILLS)
def test_the_picture_is_wide_and_its_middle_is_the_models_own(network: StyleGAN2, fill: str) -> None:
    before = {k: v.clone() for k, v in network.state_dict().items()}
    wide = reshape(network, parse_aspect("16:9"), fill)
    ws = torch.randn(1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert wide.synthesis(ws).shape == (1, 3, 32, 64)
    assert reshape(network, Fraction(9, 16), fill).synthesis(ws).shape == (1, 3, 64, 32)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])
        grown = wide.state_dict()[name]
        if name.endswith("noise_const"):
            inner = tensor.shape[1] // 2
            assert torch.equal(grown[:, inner:-inner], tensor)
        elif not name.endswith("const"):
            assert grown is tensor or torch.equal(grown, tensor)
    if fill != "stretch":
        assert torch.equal(wide.synthesis.b4.const[:, :, 2:6], network.synthesis.b4.const)


def test_square_stays_square_and_wide_is_not_widened_twice(network: StyleGAN2) -> None:
    ws = torch.randn(1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(reshape(network, Fraction(1)).synthesis(ws), network.synthesis(ws))
    with pytest.raises(UserError, match="square"):
        reshape(reshape(network, Fraction(2)), Fraction(2))


def test_the_runtime_plays_and_bends_it(network: StyleGAN2) -> None:
    model = EagerGenerator(reshape(network, Fraction(16, 9)), "cpu")
    ws = model.map(torch.randn(1, 8).numpy())[0]
    straight = model(ws, Params())
    assert straight.shape == (32, 64, 4)
    params = Params({"rotate.layer": 16.0, "rotate.turns": 0.2, "slitscan.strength": 1.0})
    model.warps.begin(params, 0.0, 0.0)
    bent = model(ws, params)
    assert bent.shape == (32, 64, 4)
    assert not torch.equal(bent, straight)
