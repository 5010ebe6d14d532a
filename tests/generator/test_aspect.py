"""Wide and tall pictures from a square model."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.bench.opening import BenchOptions
from engine.borders.errors import UserError
from engine.borders.options import FILLS, parse_aspect, size_of
from engine.borders.tick import REST, Tick
from engine.cli.live import LiveOptions
from engine.cli.rehearse import RehearseOptions
from engine.cli.render import RenderOptions
from engine.generator.aspect import const_shape, cut, reshape
from engine.generator.backends.blocks import to_rgba
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from engine.generator.plain import PlainPlayer
from engine.show.open_window import fill_wall
from engine.show.opening import shape_of
from tests.builders.networks import BACKENDS, draw, opened
from tests.builders.networks import network as noisy
from tests.builders.params import Params
from tests.builders.show import vj_here


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
    model = PlainPlayer(reshape(network, Fraction(16, 9)))
    ws = model.map(torch.randn(1, 8).numpy())[0]
    straight = model(ws, Params(), REST)
    assert straight.shape == (32, 64, 4)
    params = Params({"rotate.layer": 16.0, "rotate.turns": 0.2, "slitscan.strength": 1.0})
    bent = model(ws, params, REST)
    assert bent.shape == (32, 64, 4)
    assert not torch.equal(bent, straight)


@pytest.mark.parametrize(
    ("text", "shape"), [("16:9", (36, 64)), ("1:1", (36, 36)), ("9:16", (36, 20)), ("4:1", (16, 64))]
)
def test_what_is_too_much_is_cut_off_on_both_sides(text: str, shape: tuple[int, int]) -> None:
    image = torch.arange(36 * 64).view(1, 36, 64)
    middle = cut(image, parse_aspect(text), 1)
    assert middle.shape[1:] == shape
    top, left = (36 - shape[0]) // 2, (64 - shape[1]) // 2
    assert int(middle[0, 0, 0]) == top * 64 + left
    assert cut(image, None, 1) is image


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("text", "fill"), [("16:9", "mirror"), ("9:16", "tile")])
def test_every_backend_paints_bends_and_drifts_it_like_the_network(backend: str, text: str, fill: str) -> None:
    """Knobs and all, at the model's own and at a smaller size; 64 px make 2:1, of which 16:9 is cut."""
    net, aspect = noisy(), parse_aspect(text)
    fast = opened(net, backend, aspect=aspect, fill=fill)
    plain = PlainPlayer(reshape(net, aspect, fill), aspect=aspect)
    ws = draw(net)[0].numpy()
    for values in ({}, {"rotate.layer": 16.0, "rotate.turns": 0.2}, {"noise.drift": 1.0, "slitscan.strength": 0.5}):
        params = Params(values)
        wanted, got = (model(ws, params, Tick(0, 0.0, 0.2)) for model in (plain, fast))
        assert got.shape == wanted.shape == ((64, 114, 4) if text == "16:9" else (114, 64, 4))
        assert got.is_contiguous()
        assert int((got.int() - wanted.int()).abs().max()) <= 1
    fast.set_resolution(32)
    assert fast(ws, Params(), REST).shape[:2] == ((32, 56) if text == "16:9" else (56, 32))


def test_a_cut_to_the_square_is_the_square_but_for_its_edges() -> None:
    """The middle of a wide picture is the model's own wherever no new neighbour can be seen."""
    net = noisy()
    wide = reshape(net, Fraction(4), "mirror").synthesis(draw(net))
    own, middle = net.synthesis(draw(net)), cut(wide, Fraction(1), 2)
    assert middle.shape == own.shape
    assert wide.shape == (1, 3, 64, 256)
    assert to_rgba(middle[0]).shape == (64, 64, 4)


@pytest.mark.parametrize(
    ("aspect", "size", "wanted"),
    [(None, None, (720, 720)), ("16:9", None, (1280, 720)), ("9:16", None, (720, 1280)), ("16:9", (64, 48), (64, 48))],
)
def test_windows_and_videos_take_the_shape(
    aspect: str | None, size: tuple[int, int] | None, wanted: tuple[int, int]
) -> None:
    options = RenderOptions(output=Path("o.mp4"), aspect=parse_aspect(aspect) if aspect else None, size=size)
    assert size_of(options, (720, 720)) == wanted


def test_shows_and_films_fill_the_wall_and_a_bench_does_not() -> None:
    for options in (LiveOptions(), RehearseOptions(), RenderOptions(output=Path("o.mp4"))):
        assert options.fit == "crop"
        assert fill_wall(options, (1920, 1080)).wall == Fraction(16, 9)
    assert (BenchOptions().fit, BenchOptions().wall) == ("letterbox", None)


def test_a_model_paints_the_walls_shape_where_it_can(network: StyleGAN2) -> None:
    assert shape_of(network, Fraction(16, 9)) == Fraction(16, 9)
    assert shape_of(network, Fraction(9)) == 4
    assert shape_of(network, Fraction(1, 9)) == Fraction(1, 4)
    assert shape_of(network, None) is None
    assert shape_of(reshape(network, Fraction(2)), Fraction(16, 9)) is None  # not square of itself


def test_on_the_command_line(tmp_path: Path) -> None:
    told = vj_here("image", "-o", tmp_path / "wide.npy", "--resolution", 32, "--aspect", "16:9", "--fill", "tile")
    assert told.returncode == 0, told.stderr
    assert np.load(tmp_path / "wide.npy").shape == (3, 32, 56)
    refused = vj_here("render", "demo", "-o", tmp_path / "x.mp4", "--aspect", "wide")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "16:9" in refused.stderr
