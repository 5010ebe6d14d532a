"""The compiled layers in bf16 against the readable network in fp32, on nets of the size that people have."""

from __future__ import annotations

import pytest
import torch

from engine.bench.rates import config_f, lively, signal_to_noise_db
from engine.generator.backends.native.native import NativeBlocks
from engine.generator.backends.prepare import prepare
from engine.generator.backends.processor import multiplies_bf16
from engine.generator.checkpoints import checkpoint
from engine.generator.incremental import IncrementalPlayer
from engine.show.opening import find_model
from engine.system import compiled
from tests.builders.networks import WITHOUT_BF16

pytestmark = [
    pytest.mark.skipif(compiled.compiler() is None, reason="no C++ compiler on this machine"),
    pytest.mark.skipif(not multiplies_bf16(), reason=WITHOUT_BF16),
]


@pytest.mark.parametrize("name", ["fruit", "config-F"])
def test_bf16_keeps_forty_decibels(name: str) -> None:
    torch.manual_seed(3)
    build = checkpoint.build(checkpoint.load(find_model(name))) if name == "fruit" else lively(config_f(256))
    net = build.eval().requires_grad_(False)
    ws = net.mapping(torch.randn(2, net.config.z_dim), None)
    played = IncrementalPlayer(net, NativeBlocks(prepare(net), 2, bf16=True))
    with torch.inference_mode():
        for one in ws[:, None]:
            assert signal_to_noise_db(net.synthesis(one), played.image(one)) >= 40
        loud = played.image(net.mapping.w_avg + 2 * (ws - net.mapping.w_avg))
    assert torch.isfinite(loud).all()
