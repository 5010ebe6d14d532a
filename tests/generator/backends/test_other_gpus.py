"""OpenVINO's GPU and DirectML as far as a machine without either can tell: the same code, on their processors."""

from __future__ import annotations

import pytest
import torch

from engine.borders.errors import UserError
from engine.generator.backends import directml, openvino_gpu
from engine.generator.backends.blocks import Blocks, Unavailable
from engine.generator.backends.prepare import prepare
from engine.generator.backends.select import open_generator
from engine.generator.incremental import IncrementalPlayer
from tests.builders.networks import WIDTHS, draw, network

SIZES = {"img_resolution": 16, "channels": WIDTHS[:3]}


def by_openvino(monkeypatch: pytest.MonkeyPatch) -> Blocks:
    pytest.importorskip("openvino", reason="the extra cpu is missing")
    monkeypatch.setattr(openvino_gpu, "DEVICE", "CPU")
    assert openvino_gpu.refusal(prepare(network(**SIZES)), "fp32") is None
    return openvino_gpu.open_blocks(prepare(network(**SIZES)), "fp32")


def by_directml(monkeypatch: pytest.MonkeyPatch) -> Blocks:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    monkeypatch.setattr(directml, "PROVIDER", "CPUExecutionProvider")
    assert directml.refusal(prepare(network(**SIZES)), "fp32") is None
    return directml.open_blocks(prepare(network(**SIZES)), "fp32")


@pytest.mark.parametrize("opened", [by_openvino, by_directml])
def test_its_picture_is_the_networks(opened, monkeypatch: pytest.MonkeyPatch) -> None:
    net = network(**SIZES)
    player = IncrementalPlayer(net, opened(monkeypatch))
    ws = draw(net)
    wanted = net.synthesize(ws)
    assert torch.allclose(player.image(ws), wanted, atol=1e-4 * max(1.0, float(wanted.abs().max())))


@pytest.mark.parametrize("name", ["openvino-gpu", "directml"])
def test_where_there_is_no_such_gpu_the_wish_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(UserError, match=f"--backend {name}: .*; or choose auto") as refused:
        open_generator(network(**SIZES), backend=name)
    assert "\n" not in str(refused.value)


def test_a_picture_that_differs_is_not_played(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    monkeypatch.setattr("engine.generator.backends.agreement.AGREEMENT", 1000.0)
    monkeypatch.setattr(directml, "PROVIDER", "CPUExecutionProvider")
    with pytest.raises(Unavailable, match="DirectML's picture is not the model's"):
        directml.open_blocks(prepare(network(**SIZES)), "fp32")
