"""The device that plays: the fastest there is, the one asked for, and the processor where another one cannot paint."""

from __future__ import annotations

import argparse

import pytest
import torch

from engine.borders.errors import UserError
from engine.cli import arguments
from engine.generator.backends import devices
from engine.generator.backends.table import DEVICE_NAMES
from engine.generator.networks.stylegan2 import StyleGAN2
from tests.builders.networks import network


def has(monkeypatch, *kinds):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in kinds)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in kinds)
    monkeypatch.setattr(torch.xpu, "is_available", lambda: "xpu" in kinds)
    monkeypatch.setattr(devices, "without_kernels", lambda: "")


WHEEL = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")  # what torch 2.13's wheels for CUDA are built for


@pytest.mark.parametrize(
    ("card", "able"),
    [((6, 1), False), ((7, 0), False), ((7, 5), True), ((8, 9), True), ((9, 0), True), ((12, 1), True)],
)
def test_a_card_without_kernels_leaves_the_show_to_the_processor(monkeypatch, card, able):
    """A GTX 10 or a Titan V has a driver and is "available"; its first kernel would end the show."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: card)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: list(WHEEL))
    devices.without_kernels.cache_clear()
    try:
        assert devices.choose(None) == ("cuda" if able else "cpu")
        if not able:
            with pytest.raises(UserError, match=r"--device cuda: this torch has no kernels for a card .*processor"):
                devices.choose("cuda")
    finally:
        devices.without_kernels.cache_clear()


def test_kernels_that_are_compiled_at_the_start_count():
    assert devices.has_kernels(10, 3, ["sm_75", "compute_90"])
    assert not devices.has_kernels(7, 0, ["compute_75", "sm_90a"])
    assert devices.has_kernels(9, 0, ["sm_90a"])


@pytest.mark.parametrize(
    ("kinds", "chosen"), [((), "cpu"), (("mps",), "mps"), (("xpu",), "xpu"), (("xpu", "cuda"), "cuda")]
)
def test_the_fastest_device_plays(monkeypatch, kinds, chosen):
    has(monkeypatch, *kinds)
    assert devices.choose(None) == chosen
    assert devices.choose("cpu") == "cpu"
    assert devices.choose(chosen) == chosen


@pytest.mark.parametrize("kind", ["cuda", "mps", "xpu"])
def test_a_device_that_is_not_here_is_named_with_what_it_needs(monkeypatch, kind):
    has(monkeypatch)
    with pytest.raises(UserError, match=rf"--device {kind}: .*{devices.NEEDS[kind]}.*vj devices"):
        devices.choose(kind)


@pytest.mark.parametrize(("visible", "number", "left"), [(None, 1, "1"), ("3,5", 1, "5"), ("GPU-abc", 0, "GPU-abc")])
def test_one_card_of_several_is_the_only_one_that_cuda_sees(monkeypatch, visible, number, left):
    devices._only_card.cache_clear()
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible or "")
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for _ in range(2):  # a second model of the same show
        assert devices.choose(f"cuda:{number}") == "cuda"
    assert devices.os.environ["CUDA_VISIBLE_DEVICES"] == left
    assert devices.os.environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    with pytest.raises(UserError, match="cuda:7: CUDA has cuda:0 to cuda:1 here"):
        devices.choose("cuda:7")
    devices._only_card.cache_clear()
    monkeypatch.delenv("CUDA_DEVICE_ORDER")


@pytest.mark.parametrize("text", [*DEVICE_NAMES, "cuda:1"])
def test_devices_are_named_on_the_command_line(text):
    assert arguments.device(text) == text


@pytest.mark.parametrize("text", ["gpu", "cuda:", "cpu:1", "cuda:x", "mpsx"])
def test_other_names_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="cpu, cuda, mps, xpu, cuda:1"):
        arguments.device(text)


@pytest.fixture
def check_cpu(monkeypatch):
    """Check the CPU as if it were a device of which nobody knows what it can."""
    monkeypatch.setattr(devices, "CHECKED", ("cpu",))


@pytest.mark.parametrize("settings", [{}, {"c_dim": 3}, {"architecture": "orig", "img_channels": 1}])
def test_a_device_that_paints_alike_plays(check_cpu, settings):
    assert devices.checked(network(**settings), "cpu", "fp32") == ("cpu", "")


def test_half_precision_is_alike_enough(check_cpu):
    assert devices.checked(network(), "cpu", "bf16") == ("cpu", "")


def test_where_an_operator_of_the_network_is_missing_the_processor_plays(check_cpu, monkeypatch):
    def lacking(*_args, **_kwargs):
        raise NotImplementedError("The operator 'aten::convolution' is not implemented for this device")

    net, true = network(), devices.open_generator

    def open_generator(*args, **kwargs):
        monkeypatch.setattr(torch.nn.functional, "conv2d", lacking)
        return true(*args, **kwargs)

    monkeypatch.setattr(devices, "open_generator", open_generator)
    device, why = devices.checked(net, "cpu", "fp32")
    assert device == "cpu"
    assert "aten::convolution" in why
    assert why.endswith("the processor plays")
    assert net.device.type == "cpu"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [(float("nan"), "not finite"), (0.0, "0 dB near"), (-1.0, "-6 dB near")],
)
def test_a_device_that_paints_something_else_does_not_play(check_cpu, monkeypatch, wrong, words):
    true = devices.open_generator

    def faulty(*args, **kwargs):
        player = true(*args, **kwargs)
        paint = player.image
        player.image = lambda ws: paint(ws) * wrong
        return player

    monkeypatch.setattr(devices, "open_generator", faulty)
    assert words in devices.checked(network(), "cpu", "fp32")[1]


def test_a_warp_that_a_device_cannot_do_shows_before_the_show(check_cpu, monkeypatch):
    def lacking(*_args, **_kwargs):
        raise NotImplementedError("The operator 'aten::_embedding_bag' is not implemented for this device\nand so on")

    monkeypatch.setattr(torch.nn.functional, "embedding_bag", lacking)
    why = devices.checked(network(), "cpu", "fp32")[1]
    assert "_embedding_bag" in why
    assert "and so on" not in why


def test_the_check_leaves_nothing_behind(check_cpu):
    net: StyleGAN2 = network()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    devices.checked(net, "cpu", "fp32")
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
