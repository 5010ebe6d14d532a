"""Inject: noise is added to a layer, and drifts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from engine.borders.params import Param, Params
from engine.generator.warps.state import Fitted, Setup, State
from engine.generator.warps.warp import MapWarp, Phases, Scalars, layer

if TYPE_CHECKING:
    from torch import Tensor


class Injection:
    """Gaussian noise for a layer: one field, spread over the channels by a random sign and size."""

    def __init__(self, like: Tensor, seed: int = 11) -> None:
        """Fields and spread for tensors shaped as ``like`` [N,C,H,W]."""
        import torch

        _, c, h, w = like.shape
        seeded = torch.Generator().manual_seed(seed)
        fields = torch.randn(2, h, w, generator=seeded)
        spread = torch.randn(c, 1, 1, generator=seeded)
        self._fields = fields.to(like.device)
        self._spread = spread.to(like.device, like.dtype)

    def __call__(self, x: Tensor, k: Scalars) -> Tensor:
        """Return x + noise; inject.cos and inject.sin (of the phase, times strength) mix the two fields.

        Two independent fields at the two sides of a right angle keep their variance at any phase: the noise
        drifts and never flickers. At strength 1 it is as loud as the maps themselves.
        """
        loudness = x.float().square().mean().sqrt()
        field = (self._fields[0] * k["inject.cos"] + self._fields[1] * k["inject.sin"]) * loudness
        return x.addcmul(field.to(x.dtype), self._spread)


class Injected(State):
    """The noise of every layer."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._injections = Fitted(Injection)

    def __call__(self, layer: int, x: Tensor, img: Tensor | None, k: Scalars) -> tuple[Tensor, Tensor | None]:
        """See State. The RGB stays as it is."""
        return self._injections(layer, "x", x)(x, k), img


def scalars(params: Params, phases: Phases) -> dict[str, float]:
    """Return how much of each field there is."""
    strength, angle = params["inject.strength"], 2.0 * math.pi * phases["inject.drift"]
    return {"inject.cos": strength * math.cos(angle), "inject.sin": strength * math.sin(angle)}


INJECT = MapWarp(
    name="inject",
    rows=(
        layer("inject", "block that noise is added to"),
        Param("inject.strength", 0.0, 0.0, 8.0, "x", "how much noise; 1 as loud as the maps themselves"),
        Param("inject.drift", 0.25, 0.0, 16.0, "1/s", "how fast that noise changes; 0 stands still", rate=True),
    ),
    switch="inject.strength",
    example={"inject.strength": 0.5},
    scalars=scalars,
    periods={"inject.drift": 1.0},
    state=Injected,
)
