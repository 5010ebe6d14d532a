"""What `vj devices` says of the generator: the card, its driver, what torch can do with it, and what mends the rest."""

from __future__ import annotations

import pytest
import torch

from engine.generator.backends import devices, inductor, report
from engine.generator.backends.native import native
from engine.system.graphics_cards import Card, Machine

RTX = Card("nvidia", "RTX 4090", "580.88", (8, 9), number=0)
OTHER = Card("nvidia", "RTX A2000", "580.88", (8, 6), number=1)


@pytest.fixture
def with_torch(monkeypatch):
    """Pretend that torch can use some kinds of device."""

    def pretend(*kinds, version="2.13.0+cpu", cuda=None):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in kinds)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in kinds)
        monkeypatch.setattr(torch.xpu, "is_available", lambda: "xpu" in kinds)
        monkeypatch.setattr(torch, "__version__", version)
        monkeypatch.setattr(torch.version, "cuda", cuda)
        monkeypatch.setattr(devices, "without_kernels", lambda: "")

    return pretend


def test_a_card_that_torch_cannot_use_is_named_with_the_line_that_mends_it(with_torch):
    with_torch()
    card, processor = report.rows(Machine("Windows", "x86_64", (3, 12), (RTX,)))
    assert (card.device, card.torch, card.used_for) == ("RTX 4090, driver 580.88", "nothing", "")
    assert card.why == "torch 2.13.0+cpu cannot use it"
    assert card.mend == "tools/start.py --torch=cu130"
    assert processor.used_for.startswith("the generator, by ")


def test_two_cards_play_by_their_numbers(with_torch):
    with_torch("cuda", version="2.13.0+cu130", cuda="13.0")
    first, second, processor = report.rows(Machine("Linux", "x86_64", (3, 12), (RTX, OTHER)))
    assert (first.torch, first.used_for) == ("CUDA 13.0", "the generator, by graph, fp16")
    assert second.used_for == "--device cuda:1"
    assert processor.used_for == ""
    assert report.idle_card(Machine("Linux", "x86_64", (3, 12), (RTX, OTHER))) is None


def test_apples_gpu_plays(with_torch):
    with_torch("mps", version="2.13.0")
    card, _ = report.rows(Machine("Darwin", "arm64", (3, 12), (Card("apple", "Apple's GPU"),)))
    assert (card.torch, card.used_for) == ("Metal", "the generator, by eager, fp16")


def test_a_card_that_nothing_is_built_for_only_shows(with_torch):
    with_torch()
    card, _ = report.rows(Machine("Linux", "x86_64", (3, 12), (Card("intel", "Intel GPU 9a49"),)))
    assert (card.torch, card.used_for, card.why, card.mend) == ("nothing", "the window", "torch has nothing for it", "")


def test_why_the_faster_backend_does_not_play_on_the_processor(with_torch, monkeypatch):
    with_torch()
    monkeypatch.setattr(native, "compiler", lambda: None)
    monkeypatch.setattr(inductor, "compiler", lambda: None)
    (processor,) = report.rows(Machine("Linux", "x86_64", (3, 12)))
    assert "openvino" in processor.used_for or "eager" in processor.used_for
    assert f"not native: {native.NO_COMPILER}" in processor.why
