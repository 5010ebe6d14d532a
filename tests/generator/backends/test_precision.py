"""bf16 against fp32 on the nets that people have, and blocks by torch.compile against the network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.borders.tick import REST
from engine.generator.backends.blocks import to_rgba
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.inductor import InductorBlocks
from engine.generator.backends.prepare import prepare
from engine.generator.checkpoints import checkpoint
from engine.generator.incremental import IncrementalPlayer
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from engine.system import compiled
from tests.builders.networks import WIDTHS, draw, network, signal_to_noise
from tests.builders.params import Params

MODELS = Path(__file__).parents[3] / "presets/models"
CONFIG_F = (512, 512, 512, 256, 128, 64)  # 128 px; the first blocks are as wide as at 1024 px


def named(name: str) -> StyleGAN2:
    if name == "fruit":
        return checkpoint.build(checkpoint.load(MODELS / "fruit.safetensors")).eval().requires_grad_(False)
    if name == "config-F, as it starts":
        return StyleGAN2.random(Config(128, channels=CONFIG_F)).eval().requires_grad_(False)
    return network(img_resolution=128, channels=CONFIG_F, w_dim=512, z_dim=512)


@pytest.mark.parametrize("name", ["fruit", "config-F", "config-F, as it starts"])
def test_eager_bf16_keeps_forty_decibels(name):
    net = named(name)
    z = torch.randn(1, net.config.z_dim, generator=torch.Generator().manual_seed(5))
    ws = net.mapping(z) if name == "fruit" else draw(net)
    got = IncrementalPlayer(net, EagerBlocks(prepare(net), torch.bfloat16)).image(ws)
    assert signal_to_noise(net.synthesis(ws), got) >= 40


@pytest.mark.skipif(compiled.compiler() is None, reason="no C++ compiler on this machine")
def test_torch_compile_is_the_network():
    net = network(img_resolution=8, channels=WIDTHS[:2])
    ws = draw(net, n=2)
    wanted = net.synthesis(ws)
    exact = IncrementalPlayer(net, InductorBlocks(prepare(net), "fp32"))
    assert exact.backend == "inductor"
    assert torch.allclose(exact.image(ws), wanted, atol=1e-4, rtol=0)
    frame = exact(ws[0].numpy(), Params(), REST)
    assert int((frame.int() - to_rgba(wanted[0]).int()).abs().max()) <= 1
    silent = to_rgba(net.synthesis(ws, noise_mode="none")[0])
    assert int((exact(ws[0].numpy(), Params({"noise.strength": 0.0}), REST).int() - silent.int()).abs().max()) <= 1
    assert signal_to_noise(wanted, IncrementalPlayer(net, InductorBlocks(prepare(net), "bf16")).image(ws)) >= 40
