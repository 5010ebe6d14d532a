"""Style transfer by optimisation (Gatys, Ecker and Bethge, CVPR 2016), as leongatys/PytorchNeuralStyleTransfer does it.

A picture is optimised by L-BFGS until its Gram matrices are the style's and its features the content's. The variable
is the prepared picture, without bounds; only the result is cut to 0..1. Coarse to fine: a small picture first, then
the same enlarged, with fewer evaluations (arXiv:1611.07865).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.stage.style.losses import gram, total_variation
from engine.stage.style.recognition import Recognition

EVALUATIONS = 500  # of the losses, at the first size
FINER_SHARE = 0.4  # of EVALUATIONS; what every further size takes (200 of 500)
ITERATIONS = 20  # most iterations of L-BFGS in one step of torch's optimiser, its default
COARSEST = 2.0  # ratio of a size of coarse to fine to the size before it
Watch = Callable[[int, float, Tensor], None]  # is told evaluation, loss and the RGB picture so far


@dataclass(frozen=True, slots=True)
class Targets:
    """What is wanted: Gram matrices [1, C, C] by style layer, features [1, C, h, w] by content layer, with weights."""

    style_layers: tuple[str, ...]
    grams: tuple[Tensor, ...]
    style_weights: tuple[float, ...]
    content_layers: tuple[str, ...]
    features: tuple[Tensor, ...]
    content_weights: tuple[float, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """Return the layers whose losses count, the style's first."""
        return self.style_layers + self.content_layers


@dataclass(slots=True)
class Result:
    """The picture, RGB [1, 3, H, W] not clamped, and the loss at every evaluation."""

    image: Tensor
    history: list[float] = field(default_factory=list)


def targets(
    network: Recognition,
    content: Tensor,
    styles: Sequence[Tensor],
    shares: Sequence[float] | None = None,
    style_weight: float = 1.0,
    content_weight: float = 1.0,
) -> Targets:
    """Return the targets of a content and of styles, RGB [1, 3, H, W] 0..1; several styles' Gram matrices blend."""
    given = list(shares) if shares is not None else [1.0] * len(styles)
    total = sum(given)
    # A picture whose channels lie together in memory is summed up in another order: rounding decides a history.
    content, styles = content.contiguous(), [style.contiguous() for style in styles]
    with torch.no_grad():
        seen = [network.features(network.prepare(style), network.style_layers) for style in styles]
        grams = tuple(
            torch.stack([gram(f) * (share / total) for f, share in zip(each, given, strict=True)]).sum(0)
            for each in zip(*seen, strict=True)
        )
        features = tuple(network.features(network.prepare(content), network.content_layers))
    return Targets(
        network.style_layers,
        grams,
        tuple(weight * style_weight for weight in network.style_weights),
        network.content_layers,
        features,
        tuple(weight * content_weight for weight in network.content_weights),
    )


def layer_losses(network: Recognition, prepared: Tensor, wanted: Targets) -> list[Tensor]:
    """Return the weighted loss of each of ``wanted.layers`` for a prepared picture [1, 3, H, W]."""
    found = network.features(prepared, wanted.layers)
    split = len(wanted.style_layers)
    rows = zip(found[:split], wanted.grams, wanted.style_weights, strict=True)
    styled = [weight * F.mse_loss(gram(features), target) for features, target, weight in rows]
    rows = zip(found[split:], wanted.features, wanted.content_weights, strict=True)
    return styled + [weight * F.mse_loss(features, target) for features, target, weight in rows]


def gatys(
    content: Tensor,
    styles: Sequence[Tensor],
    network: Recognition,
    *,
    shares: Sequence[float] | None = None,
    start: Literal["content", "noise"] | Tensor = "content",
    evaluations: int = EVALUATIONS,
    style_weight: float = 1.0,
    content_weight: float = 1.0,
    variation: float = 0.0,
    sizes: int = 1,
    seed: int = 0,
    watch: Watch | None = None,
) -> Result:
    """Return ``content`` repainted in ``styles``: RGB [1, 3, H, W], 0..1.

    ``start`` is the content, noise drawn by ``seed``, or a prepared picture of the content's size. ``variation``
    weighs total variation. ``sizes`` counts those of coarse to fine; styles shrink with the content. RuntimeError
    where a picture is too small for the network.
    """
    made, history = start, list[float]()
    for step in reversed(range(sizes)):
        small = [shrunk(picture, COARSEST**step) for picture in (content, *styles)]
        wanted = targets(network, small[0], small[1:], shares, style_weight, content_weight)
        image = _begin(network, made, small[0], seed).contiguous()
        count = evaluations if step == sizes - 1 else max(1, round(FINER_SHARE * evaluations))
        history += _optimise(network, image, wanted, count, variation, watch, len(history))
        made = image.detach()
    assert isinstance(made, Tensor)
    return Result(network.restore(made), history)


def _begin(network: Recognition, start: Tensor | str, content: Tensor, seed: int) -> Tensor:
    """Return the prepared picture that the optimisation begins from."""
    if isinstance(start, Tensor):
        same = start.shape[-2:] == content.shape[-2:]
        return start.clone() if same else F.interpolate(start, content.shape[-2:], mode="bicubic")
    prepared = network.prepare(content)
    if start == "content":
        return prepared.clone()
    drawn = torch.randn(prepared.shape, generator=torch.Generator().manual_seed(seed)).to(prepared.device)
    return drawn * prepared.std()


def _optimise(
    network: Recognition,
    image: Tensor,
    wanted: Targets,
    evaluations: int,
    variation: float,
    watch: Watch | None,
    before: int,
) -> list[float]:
    """Change ``image`` until so many evaluations have been made; return the loss of each."""
    image.requires_grad_(True)
    optimiser = torch.optim.LBFGS([image], max_iter=min(ITERATIONS, evaluations))
    history: list[float] = []

    def evaluate() -> Tensor:
        optimiser.zero_grad()
        loss = torch.stack(layer_losses(network, image, wanted)).sum()
        if variation > 0.0:
            loss = loss + variation * network.tv_weight * total_variation(image)
        loss.backward()  # type: ignore[no-untyped-call]
        history.append(float(loss.detach()))
        if watch is not None:
            watch(before + len(history), history[-1], network.restore(image.detach()))
        return loss

    while len(history) < evaluations:
        optimiser.step(evaluate)  # type: ignore[no-untyped-call]
        if len(history) > 1 and not history[-1] < float("inf"):
            raise RuntimeError("the losses left all bounds")
    image.requires_grad_(False)
    return history


def shrunk(picture: Tensor, times: float) -> Tensor:
    """Return ``picture`` [1, 3, H, W] that many times smaller."""
    if times == 1.0:
        return picture
    size = [max(32, round(side / times)) for side in picture.shape[-2:]]
    return F.interpolate(picture, size, mode="bicubic", antialias=True).clamp(0.0, 1.0)
