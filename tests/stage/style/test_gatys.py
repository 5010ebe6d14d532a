"""Gatys' optimisation beside the published algorithm, written out plainly here and run on this very machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.generator.checkpoints.style_files.reader import load
from engine.stage import style
from tests.builders.style import VGG, reference

EVALUATIONS = 10
LAYERS = ("r11", "r21", "r31", "r41", "r51")
MEAN = (0.40760392, 0.45795686, 0.48501961)  # of BGR


def picture(name: str) -> Tensor:
    """Return a picture whose channels lie together in memory, as a PNG's do."""
    return torch.from_numpy(np.asarray(reference(name), np.float32).transpose(2, 0, 1)[None]) / 255.0


def seen(weights: dict[str, Tensor], x: Tensor, pool: str) -> dict[str, Tensor]:
    """Return the features of VGG19 by their names in the paper's code."""
    found = {}
    for block, count in enumerate((2, 2, 4, 4, 5), 1):
        for i in range(1, min(count, 4) + 1):
            name = f"conv{block}_{i}"
            x = F.relu(F.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1))
            found[f"r{block}{i}"] = x
        x = F.max_pool2d(x, 2, 2) if pool == "max" else F.avg_pool2d(x, 2, 2)
    return found


def gram(features: Tensor) -> Tensor:
    batch, channels, height, width = features.shape
    flat = features.view(batch, channels, height * width)
    return torch.bmm(flat, flat.transpose(1, 2)) / (height * width)


def published(
    path: Path, content: Tensor, styles: Sequence[tuple[Tensor, float]], start: Tensor, pool: str, variation: float
) -> list[float]:
    """Return the losses of the first evaluations."""
    weights = torch.load(path, weights_only=True)

    def prepared(rgb: Tensor) -> Tensor:
        return ((rgb.contiguous()[:, [2, 1, 0]] - torch.tensor(MEAN).view(1, 3, 1, 1)) * 255.0).contiguous()

    wanted = seen(weights, prepared(content), pool)["r42"]
    each = [(seen(weights, prepared(one), pool), share) for one, share in styles]
    grams = {layer: torch.stack([gram(found[layer]) * share for found, share in each]).sum(0) for layer in LAYERS}
    x = (prepared(content) if start is content else start).clone().requires_grad_(True)
    optimiser = torch.optim.LBFGS([x], lr=1.0)
    history: list[float] = []

    def evaluate() -> Tensor:
        optimiser.zero_grad()
        found = seen(weights, x, pool)
        loss = torch.zeros(())
        for layer in LAYERS:
            loss = loss + 1e3 / found[layer].shape[1] ** 2 * F.mse_loss(gram(found[layer]), grams[layer])
        loss = loss + F.mse_loss(found["r42"], wanted)
        if variation:
            down, right = x[..., 1:, :] - x[..., :-1, :], x[..., 1:] - x[..., :-1]
            loss = loss + variation * ((down**2).mean() + (right**2).mean())
        loss.backward()  # type: ignore[no-untyped-call]
        history.append(float(loss.detach()))
        return loss

    while len(history) < EVALUATIONS:
        optimiser.step(evaluate)  # type: ignore[no-untyped-call]
    return history[:EVALUATIONS]


@pytest.mark.parametrize("start", ["content", "noise"])
@pytest.mark.parametrize(
    ("pool", "several", "variation"), [("max", False, 0.0), ("avg", True, 0.0), ("max", True, 3.0)]
)
def test_the_first_ten_losses_are_the_published_algorithms(
    pool: style.Pool, several: bool, variation: float, start: str
) -> None:
    content, one = picture("gatys_content"), picture("gatys_style")
    other = picture("adain_style2")
    pictures = [(one, 0.75), (other, 0.25)] if several else [(one, 1.0)]
    noise = 40.0 * torch.randn(content.shape, generator=torch.Generator().manual_seed(2))
    wanted = published(VGG, content, pictures, content if start == "content" else noise, pool, variation)
    made = style.gatys(
        content,
        [each for each, _ in pictures],
        style.Vgg(load(VGG).tensors, pool),
        shares=[share for _, share in pictures],
        start="content" if start == "content" else noise,
        evaluations=20,
        variation=variation,
    )
    assert np.allclose(made.history[:EVALUATIONS], wanted, rtol=1e-3)


def test_coarse_to_fine_begins_the_large_picture_with_the_small_one() -> None:
    content, one = picture("gatys_content"), picture("gatys_style")
    network = style.Vgg(load(VGG).tensors, "avg")
    small = F.interpolate(content, (32, 40), mode="bicubic", antialias=True).clamp(0.0, 1.0)
    half = F.interpolate(one, (32, 32), mode="bicubic", antialias=True).clamp(0.0, 1.0)
    first = style.gatys(small, [half], network, evaluations=20)
    enlarged = F.interpolate(network.prepare(first.image), content.shape[-2:], mode="bicubic")
    second = style.gatys(content, [one], network, start=enlarged, evaluations=8)
    both = style.gatys(content, [one], network, evaluations=20, sizes=2)
    assert np.allclose(both.history[:20], first.history[:20], rtol=1e-3)
    assert np.allclose(both.history[len(first.history)], second.history[0], rtol=1e-3)
