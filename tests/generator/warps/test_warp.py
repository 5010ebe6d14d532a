"""Feature warps: identity at 0, right geometry, the right channels, and layers that snap."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.bench.warps import GEOMETRY, SETTINGS
from engine.borders.errors import UserError
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from engine.generator.warps.feature_warps import FeatureWarps
from engine.generator.warps.layers import check_layers, snap
from engine.generator.warps.rows import ROWS
from tests.builders.params import TABLE, Params
from tests.builders.warps import at_layer, card, warp

GOLDEN = Path(__file__).parent / "golden"
SIZES = (4, 8, 16, 32, 64)


# -- identity -----------------------------------------------------------------------------------------------


def test_nothing_on_returns_the_very_same_objects() -> None:
    warps = FeatureWarps(SIZES)
    warps.begin(Params(), 0.0, 0.0)
    x, img = card(), card()
    assert not any(warps.active(r) for r in SIZES)
    seen = warps(64, x, img)
    assert seen[0] is x
    assert seen[1] is img
    assert warps.memory_bytes() == 0
    assert warps.plan == ()


@pytest.fixture(scope="module")
def network() -> StyleGAN2:
    config = Config(img_resolution=64, z_dim=16, w_dim=16, channels=(16, 16, 16, 16, 16))
    return StyleGAN2.random(config).eval().requires_grad_(False)


@pytest.mark.parametrize("name", SETTINGS)
def test_strength_0_leaves_the_picture_bit_identical(name: str, network: StyleGAN2) -> None:
    ws = torch.randn(1, 10, 16, generator=torch.Generator().manual_seed(1))
    plain = network.synthesis(ws)
    on, off = at_layer(16, **SETTINGS[name]), at_layer(16)
    warps = FeatureWarps(SIZES)
    warps.begin(on, 0.0, 0.0)
    assert not torch.equal(network.synthesis(ws, hook=warps), plain) or name in ("slitscan", "freeze")  # no past yet
    for i in range(3):  # and it is gone as soon as the knob is back
        warps.begin(off, i / 30, 1 / 30)
        assert torch.equal(network.synthesis(ws, hook=warps), plain)
    for graphs in (False, True):
        warps = FeatureWarps(SIZES, graphs=graphs)
        warps.begin(off, 0.0, 0.0)
        assert torch.equal(network.synthesis(ws, hook=warps), plain)


@pytest.mark.parametrize("name", SETTINGS)
def test_in_a_graph_a_warp_at_0_lingers_as_an_exact_identity(name: str) -> None:
    warps, x = FeatureWarps((64,), graphs=True), card()
    warps.begin(at_layer(64, **SETTINGS[name]), 0.0, 0.0)
    warps(64, x)
    plan = warps.plan
    for i in range(1, 5):
        warps.begin(at_layer(64), i / 30, 1 / 30)
        if name not in ("pixelate", "shear"):  # their number of samples is part of the plan
            assert warps.plan == plan
        assert torch.equal(warps(64, x)[0], x)
    warps.begin(at_layer(64), 30.0, 1 / 30)
    assert warps.plan == ()


@pytest.mark.parametrize("turns", [1.0, -3.0])
def test_a_whole_turn_returns_the_picture(turns: float) -> None:
    x = card()
    assert (warp(x, at_layer(64, rotate__turns=turns)) - x).abs().max() < 1e-5
    nearly = warp(x, at_layer(64, rotate__turns=turns + 1e-5))
    assert (nearly - x).abs().mean() < 1e-3


def test_four_quarter_turns_return_the_picture() -> None:
    x = card()
    turned = x
    for _ in range(4):
        turned = warp(turned, at_layer(64, rotate__turns=0.25))
    assert (turned - x).abs().max() < 1e-3
    quarter = warp(x, at_layer(64, rotate__turns=0.25))
    assert (quarter - torch.rot90(x, 1, (2, 3))).abs().max() < 1e-3  # counter-clockwise


def test_slices_without_offset_and_mirrored_twice() -> None:
    x = card()
    assert torch.equal(warp(x, at_layer(64, slice__offset=0.0, slice__count=5.0)), x)
    once = warp(x, at_layer(64, kaleidoscope__strength=1.0))
    assert (once - once.flip(3)).abs().max() < 1e-3
    assert (warp(once, at_layer(64, kaleidoscope__strength=1.0)) - once).abs().max() < 1e-3


# -- geometry -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("border", "expected"), [(0, "wrap"), (1, "mirror"), (2, "clamp")])
def test_moved_by_whole_pixels_past_each_border(border: int, expected: str) -> None:
    x = card()
    moved = warp(x, at_layer(64, translate__x=10 / 64, warp__border=border))
    assert (moved[..., 10:] - x[..., :-10]).abs().max() < 1e-5
    edge = {
        "wrap": x[..., -10:],
        "mirror": x[..., :10].flip(3),
        "clamp": x[..., :1].expand(-1, -1, -1, 10),
    }[expected]
    assert (moved[..., :10] - edge).abs().max() < 1e-5


def test_zoom_doubles_and_keeps_the_middle() -> None:
    x = torch.nn.functional.avg_pool2d(card(), 8, 1, 4, count_include_pad=False)[..., :64, :64]
    twice = warp(x, at_layer(64, zoom__octaves=1.0))
    expected = torch.nn.functional.interpolate(
        x[..., 16:48, 16:48], scale_factor=2, mode="bilinear", align_corners=False
    )
    assert (twice - expected)[..., 4:-4, 4:-4].abs().max() < 0.02


def test_zooming_out_does_not_flicker() -> None:
    """Fine stripes shrunk by four turn grey; a point sample would show them at random."""
    x = torch.ones(1, 1, 64, 64)
    x[..., ::2] = -1.0
    small = warp(x, at_layer(64, zoom__octaves=-2.0))
    assert small.abs().max() < 0.3
    assert warp(x, at_layer(64, zoom__octaves=-0.01)).abs().mean() > 0.3  # and where nothing shrinks they stay


def test_slices_move_apart_alternately_by_their_offset() -> None:
    x = card()
    cut = warp(x, at_layer(64, slice__offset=4 / 64, slice__count=4.0, warp__border=0))
    for band in range(4):
        rows = slice(16 * band, 16 * band + 16)
        expected = torch.roll(x[:, :, rows], -4 if band % 2 else 4, 3)
        assert (cut[:, :, rows] - expected).abs().max() < 1e-5


def test_a_circle_stays_one_at_16_to_9() -> None:
    """A rotated wide map keeps its circle: angles are true, whatever the shape."""
    yellow = card(64, 112)[0, 0] > 0.8
    turned = warp(card(64, 112), at_layer(64, rotate__turns=0.2))[0]
    mask = (turned[0] > 0.8) & (turned[1] > 0.4) & (turned[2] < 0)
    y, x = torch.nonzero(mask[8:56, 30:82], as_tuple=True)
    r = torch.hypot(y + 8 + 0.5 - 32, x + 30 + 0.5 - 56)
    assert yellow.any()
    assert r.std() < 1.0


@pytest.mark.parametrize("shape", [(64, 112), (112, 64)])
def test_any_shape_layout_and_type(shape: tuple[int, int]) -> None:
    both = {k: v for name in (*GEOMETRY, "slitscan", "inject", "channels") for k, v in SETTINGS[name].items()}
    reference = warp(card(*shape), at_layer(64, **both))
    assert reference.shape == (1, 3, *shape)
    for dtype, least in ((torch.float64, 100.0), (torch.bfloat16, 30.0), (torch.float16, 45.0)):
        for layout in (torch.channels_last, torch.contiguous_format):
            x = card(*shape).to(dtype).contiguous(memory_format=layout)
            seen = warp(x, at_layer(64, **both))
            assert seen.dtype == dtype
            assert seen.is_contiguous(memory_format=layout)
            noise = (seen.float() - reference).square().mean()
            assert 10 * torch.log10(reference.square().mean() / noise.clamp(min=1e-12)) > least


def test_batches_are_warped_one_like_the_other() -> None:
    x = torch.cat((card(), card().flip(3), card()))
    params = at_layer(64, rotate__turns=0.1, slitscan__strength=1.0)
    assert torch.equal(warp(x, params)[1:2], warp(x[1:2], params))


def test_numbers_in_device_memory_give_the_same_picture() -> None:
    x = card()
    for name in SETTINGS:
        params = at_layer(64, **SETTINGS[name])
        assert (warp(x, params) - warp(x, params, graphs=True)).abs().max() < 1e-4, name


def test_every_knob_at_its_ends_stays_finite() -> None:
    x, rng = card(), np.random.default_rng(0)
    names = [row.name for row in ROWS if not row.name.endswith(".layer")]
    warps = FeatureWarps((64,))
    for i in range(60):
        values = {n: float(rng.choice([TABLE[n].low, TABLE[n].high, TABLE[n].default])) for n in names}
        warps.begin(at_layer(64, **values), i / 30, 1 / 30)
        assert torch.isfinite(warps(64, x)[0]).all(), values


# -- channels and noise -------------------------------------------------------------------------------------


def test_channels_scales_its_share_and_no_other() -> None:
    x = torch.randn(1, 200, 16, 16)
    for seed in (0.0, 5.0):
        seen = warp(x, at_layer(16, channels__gain=0.0, channels__share=0.3, channels__seed=seed), 16)
        gone = (seen[0].flatten(1) == 0).all(dim=1)
        assert 0.2 < gone.float().mean() < 0.4
        assert torch.equal(seen[0][~gone], x[0][~gone])
    a, b = (warp(x, at_layer(16, channels__gain=0.0, channels__seed=s), 16) for s in (1.0, 2.0))
    assert not torch.equal(a, b)


def test_a_cluster_is_the_channels_that_are_alike() -> None:
    x = torch.randn(1, 40, 16, 16, generator=torch.Generator().manual_seed(0))
    x[0, 10:20] = x[0, 5] + 0.1 * x[0, 10:20]
    seen = warp(x, at_layer(16, channels__gain=0.0, channels__share=11 / 40, channels__like=6.0), 16)
    gone = (seen[0].flatten(1) == 0).all(dim=1)
    assert torch.nonzero(gone).flatten().tolist() == [5, *range(10, 20)]


def test_injected_noise_is_as_loud_as_the_maps_and_drifts() -> None:
    x = 3.0 * torch.randn(1, 64, 32, 32, generator=torch.Generator().manual_seed(0))
    warps, added = FeatureWarps((32,)), []
    for i in range(60):
        warps.begin(at_layer(32, inject__strength=1.0), i / 30, 1 / 30)
        added.append((warps(32, x)[0] - x).flatten())
    assert added[0].std() == pytest.approx(3.0, rel=0.3)
    spread = torch.stack([a.std() for a in added])
    assert spread.max() / spread.min() < 1.1
    step = torch.stack([(b - a).std() for a, b in itertools.pairwise(added)])
    assert step.max() < 0.1 * spread.mean()  # no flicker
    assert torch.corrcoef(torch.stack((added[0], added[-1])))[0, 1] < 0.9  # but motion


# -- layers -------------------------------------------------------------------------------------------------


def test_layers_snap_on_stage_and_are_refused_at_load() -> None:
    assert [snap(layer, SIZES) for layer in (4, 5, 12, 33, 1024)] == [4, 4, 16, 32, 64]
    warps = FeatureWarps(SIZES)
    warps.begin(Params({"rotate.layer": 1024.0, "rotate.turns": 0.1}), 0.0, 0.0)
    assert warps.active(64)
    check_layers({"rotate.layer": 32.0, "speed": 1.0}, 64, "a.toml")
    with pytest.raises(UserError, match=r"a\.toml.*\[params\.rotate\].*layer = 33.*4, 8, 16, 32, 64"):
        check_layers({"rotate.layer": 33.0}, 64, "a.toml")


def test_warps_on_several_layers_at_once_and_rgb_only_when_asked(network: StyleGAN2) -> None:
    params = {"rotate.layer": 16.0, "rotate.turns": 0.1, "slice.layer": 32.0, "slice.offset": 0.1}
    warps = FeatureWarps(SIZES)
    warps.begin(Params(params), 0.0, 0.0)
    assert [r for r in SIZES if warps.active(r)] == [16, 32]
    img = card(16, 16)
    assert not torch.equal(warps(16, torch.randn(1, 8, 16, 16), img)[1], img)
    warps.begin(Params({**params, "warp.image": 0.0}), 0.0, 0.0)
    assert warps(16, torch.randn(1, 8, 16, 16), img)[1] is img
