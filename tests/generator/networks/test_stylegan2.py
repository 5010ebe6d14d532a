"""The network against what the original programs computed, and its own contracts."""

from __future__ import annotations

import io

import pytest
import torch

from engine.generator.checkpoints import checkpoint
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from tests.builders.checkpoints import lively
from tests.builders.originals import CASES, case, reference

TOLERANCE = 1e-4


def off(a: torch.Tensor, b: torch.Tensor) -> float:
    assert a.shape == b.shape
    return float((a - b).abs().max())


@pytest.mark.parametrize("psi", ["1", "0.7"])
def test_w_and_images_are_those_of_the_original_program(pair, psi):
    network, ref = pair
    ws = network.mapping(ref["z"], None, float(psi))
    assert off(ws, ref[f"ws_psi{psi}"]) < TOLERANCE
    assert off(network.synthesis(ws), ref[f"img_psi{psi}"]) < TOLERANCE


@pytest.mark.parametrize("pair", CASES[:2], indirect=True)  # the third has no such references
def test_every_layer_reads_its_own_w_and_noise_can_be_left_out(pair):
    network, ref = pair
    assert off(network.synthesis(ref["wplus"]), ref["img_wplus"]) < TOLERANCE
    assert off(network.synthesis(ref["ws_psi1"], noise_mode="none"), ref["img_noise_none_psi1"]) < TOLERANCE


def test_the_truncation_cutoff_leaves_the_later_layers(tmp_path):
    ref = reference("ada_skip64")
    network = checkpoint.build(checkpoint.load(case("ada_skip64.pkl", tmp_path), cache=False))
    assert off(network.mapping(ref["z"], None, 0.5, 4), ref["ws_psi0.5_cutoff4"]) < TOLERANCE


def test_the_hook_sees_the_feature_maps_of_the_original_program(tmp_path):
    ref = reference("ada_skip64")
    network = checkpoint.build(checkpoint.load(case("ada_skip64.pkl", tmp_path), cache=False))
    seen = {}

    def hook(resolution, x, img):
        seen[f"feat_x_{resolution}"], seen[f"feat_rgb_{resolution}"] = x, img
        return x

    network.synthesis(ref["ws_psi1"], hook=hook)
    for name in ("feat_x_8", "feat_x_32", "feat_rgb_16"):
        assert off(seen[name], ref[name]) < TOLERANCE


CONFIG = Config(img_resolution=32, z_dim=8, w_dim=8, channels=(12, 10, 8, 6), mapping_features=(8, 8))


def test_a_hook_moves_what_comes_after_it_and_stop_at_ends_early():
    network = lively(CONFIG)
    ws = network.mapping(torch.randn(2, 8))
    plain = network.synthesis(ws)
    moved = network.synthesis(ws, hook=lambda r, x, img: x.roll(1, -1) if r == 8 else x)
    both = network.synthesis(ws, hook=lambda r, x, img: (x, img.flip(-1)) if r == 32 else x)
    assert off(plain, moved) > 1e-2
    assert off(both, plain.flip(-1)) == 0
    assert network.synthesis(ws, stop_at=16).shape == (2, 3, 16, 16)
    with pytest.raises(ValueError, match="no RGB"):
        network.synthesis(ws, stop_at=12)
    with pytest.raises(ValueError, match="shape"):
        network.synthesis(ws[:, :3])


def test_random_noise_follows_its_generator():
    network = lively(CONFIG)
    ws = network.mapping(torch.randn(1, 8))
    images = [network.synthesis(ws, "random", torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert torch.equal(images[0], images[1])
    assert off(images[0], images[2]) > 1e-3


def test_one_seed_gives_one_network_and_gradients_reach_every_parameter():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    a, b = StyleGAN2.random(CONFIG, 1), StyleGAN2.random(CONFIG, 1)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
    a(torch.randn(2, 8)).square().mean().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in a.parameters())
    with torch.no_grad():
        assert 0.05 < float(a(torch.randn(8, 8)).std()) < 50


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_autocast_and_channels_last_stay_close_to_fp32(layout):
    network, z = lively(CONFIG), torch.randn(2, 8)
    plain = network(z)
    with torch.autocast("cpu", torch.bfloat16):
        image = network.to(memory_format=layout)(z)
    assert image.dtype == torch.float32
    assert off(image, plain) < 0.1 * float(plain.abs().max())


def test_settings_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match="power of two"):
        Config(img_resolution=100)
    with pytest.raises(ValueError, match="channel widths"):
        Config(img_resolution=32, channels=(8, 8))
    with pytest.raises(ValueError, match="w_dim"):
        Config(w_dim=64, mapping_features=(64, 32))


def test_a_state_dict_survives_torch_save():
    network, out = lively(CONFIG), io.BytesIO()
    torch.save(network.state_dict(), out)
    out.seek(0)
    again = StyleGAN2(CONFIG)
    again.load_state_dict(torch.load(out, weights_only=True))
    z = torch.randn(1, 8)
    assert off(again(z).detach(), network(z)) == 0
