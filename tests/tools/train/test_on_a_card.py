"""A step of training as a GPU takes it, without one: how maps lie in memory, and what comes from the host."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from engine.generator.networks.stylegan2 import Config, StyleGAN2
from tests.builders.fake_card import CARD, card
from tools.train import discriminator
from tools.train.losses import CriticLoss, GeneratorLoss, Recipe, Share, Step
from tools.train.training import Training, channels_last

CONFIG = Config(img_resolution=16, z_dim=8, w_dim=8, channels=(8, 8, 8), mapping_features=(8,))
SMALL = 8  # pixels; smaller maps cost nothing, however they lie


class Layouts(TorchDispatchMode):
    """Notes every map that a convolution, or its derivative, reads with its channels not last."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.seen = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func)
        if name.startswith("aten.convolution"):
            for map_ in args[: 2 if "backward" in name else 1]:
                if map_.shape[1] > CONFIG.img_channels and map_.shape[2] >= SMALL:
                    self.seen += 1
                    last = map_.is_contiguous(memory_format=torch.channels_last)
                    self.wrong += [] if last else [f"{name} {tuple(map_.shape)}"]
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("augment", ["none", "0.5"])
def test_every_convolution_of_a_step_has_its_channels_last(augment: str) -> None:
    """The regularisers' second derivatives are left out: PyTorch lays those out by itself."""
    networks = StyleGAN2.random(CONFIG, 1), discriminator.make(CONFIG.channels, 3, 2)
    training = Training(*networks, Recipe(batch=4, augment=augment, r1_every=16, path_every=4))
    for network in (training.generator, training.critic):
        channels_last(network)
    training.steps = 1  # without regularisers
    with Layouts() as layouts:
        training.step(torch.zeros(4, 3, 16, 16, dtype=torch.uint8).contiguous(memory_format=torch.channels_last))
    assert layouts.seen > 30
    assert layouts.wrong == []


def test_pictures_travel_as_bytes_and_nothing_waits_for_them() -> None:
    with card() as seen:
        real = torch.empty(4, 3, 16, 16, dtype=torch.uint8, device="cpu")
        got = Training._upload(cast(Training, SimpleNamespace(device=CARD)), real)
    assert (got.device, got.dtype) == (CARD, torch.float32)
    assert seen.crossings == []
    (sent,) = seen.sent
    assert sent.dtype == torch.uint8
    assert sent.is_contiguous(memory_format=torch.channels_last)


def test_only_rows_of_numbers_come_from_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The noise of every layer is drawn where it is used; z, and which pictures are mixed, are a few numbers."""
    monkeypatch.setattr(Step, "generator", lambda self, purpose, device="cpu": None)  # one of the card needs a driver
    with card() as seen:
        networks = StyleGAN2(CONFIG), discriminator.Discriminator(CONFIG.channels)
        step = Step(0, 0, Share(), 4, CARD)
        seen.begin()
        loss, ws = GeneratorLoss(*networks, Recipe(batch=4))("main", step, 0.0, torch.zeros(()))
        assert (loss.device, ws.device) == (CARD, CARD)
        generator, critic = networks
        loss, answers = CriticLoss(critic, generator, Recipe(batch=4))("main", step, 0.0, torch.empty(4, 3, 16, 16))
        assert (loss.device, answers.device) == (CARD, CARD)
    assert len(seen.hosts) > 0
    assert max(host.numel() for host in seen.hosts) <= 4 * CONFIG.z_dim
