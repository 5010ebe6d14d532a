"""Small random networks with everything that training moves, and what tests ask of a generator."""

from __future__ import annotations

import importlib.util
from fractions import Fraction
from typing import Any

import pytest
import torch

from engine.generator.backends.processor import multiplies_bf16
from engine.generator.backends.select import open_generator
from engine.generator.incremental import IncrementalPlayer
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from engine.system import compiled
from tests.builders.params import Params

WIDTHS = (40, 32, 24, 16, 8)  # 64 px, no multiple of a vector register among the narrow ones
BACKENDS = ["eager", "native"] + ["openvino"] * (importlib.util.find_spec("openvino") is not None)
KNOBS = Params()
WITHOUT_BF16 = "this processor has no instructions for bf16"
VARIANTS = [
    {"architecture": "skip", "conv_clamp": 1.0},
    {"architecture": "orig", "img_channels": 1},
    {"architecture": "resnet", "img_channels": 4, "conv_clamp": 1.0},
    {"activation": "relu", "use_noise": False},
    {"activation": "linear", "resample_filter": (1.0, 2.0, 3.0, 1.0)},
    {"const_shape": (6, 4), "architecture": "skip"},
]


def network(seed: int = 0, **settings: Any) -> StyleGAN2:
    """A random network with noise, biases and everything else that training would have moved."""
    config = Config(**{"img_resolution": 64, "channels": WIDTHS, "w_dim": 32, "z_dim": 32, **settings})
    built = StyleGAN2.random(config, seed).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in built.named_parameters():
        if name.endswith("noise_strength"):
            parameter.fill_(0.1)
        elif name.endswith("bias") and "affine" not in name:
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return built


def opened(
    net: StyleGAN2,
    backend: str,
    precision: str = "fp32",
    resolution: int | None = None,
    aspect: Fraction | None = None,
    fill: str = "mirror",
) -> IncrementalPlayer:
    if backend == "native" and compiled.compiler() is None:
        pytest.skip("no C++ compiler on this machine")
    if backend == "native" and precision == "bf16" and not multiplies_bf16():
        pytest.skip(WITHOUT_BF16)
    generator = open_generator(
        net, backend=backend, precision=precision, resolution=resolution, aspect=aspect, fill=fill
    )
    assert isinstance(generator, IncrementalPlayer)
    generator.settle()
    assert (notes := generator.take_notes()) == (), notes
    assert (generator.backend, generator.precision) == (backend, precision)
    return generator


def draw(net: StyleGAN2, seed: int = 1, n: int = 1, psi: float = 1.0) -> torch.Tensor:
    """Random ws [n, num_ws, w_dim], another w for every layer."""
    generator = torch.Generator().manual_seed(seed)
    config = net.config
    return torch.randn(n, config.num_ws, config.w_dim, generator=generator) * psi


def signal_to_noise(wanted: torch.Tensor, got: torch.Tensor) -> float:
    return float(10 * torch.log10(wanted.square().mean() / (wanted - got).square().mean()))
