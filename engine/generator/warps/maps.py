"""Warps that leave every pixel where it is: hold a layer, scale some of its channels, add noise to it.

Their state lives in tensors that keep their addresses, and what must happen once (grab the maps now) is
a factor of 0 or 1 from the host: the same operations run in every frame, as a CUDA graph needs it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.generator.warps.geometry import Scalar, Scalars


class Hold:
    """A copy of a tensor, taken when told to."""

    def __init__(self, like: Tensor) -> None:
        """Room for one tensor like ``like``, all zeros."""
        self._held = torch.zeros_like(like)

    @property
    def memory_bytes(self) -> int:
        """Return the size of what is held."""
        return self._held.numel() * self._held.element_size()

    def __call__(self, x: Tensor, grab: Scalar, strength: Scalar) -> Tensor:
        """Return x held by ``strength``: 0 x itself, 1 as it was in the last frame with ``grab`` = 1."""
        self._held.lerp_(x, as_weight(grab, x))
        return torch.lerp(x, self._held, as_weight(strength, x))


class Selection:
    """Which channels are meant: a share of them at random, or those most like one of them."""

    def __init__(self, channels: int, device: torch.device) -> None:
        """``channels``: how many the layer has."""
        self._rank = torch.zeros(channels, device=device)  # 0..1, the chosen ones lowest
        self._channel = torch.arange(channels, device=device)

    def choose(self, x: Tensor, k: Scalars, like: bool) -> None:
        """Order the channels of x [N,C,H,W] by likeness (channels.like, when channels.grab says) or by lot."""
        if like:
            self.like(x, k["channels.like"], k["channels.grab"])
        else:
            self.random(k["channels.seed"])

    def random(self, seed: Scalar) -> None:
        """Order the channels by lot; one seed, one order, whatever the device."""
        spread = torch.sin((self._channel + 1) * 12.9898 + seed * 78.233) * 437.585
        self._rank.copy_(torch.frac(spread).abs())

    def like(self, x: Tensor, channel: Scalar, grab: Scalar) -> None:
        """Order them by how closely their maps in x follow channel number ``channel`` (1..C) now, if ``grab``.

        A cluster of features, after Broad et al., found by the correlation of what the maps show.
        """
        maps = x[0].float().flatten(1)
        maps = maps - maps.mean(dim=1, keepdim=True)
        maps = maps * torch.rsqrt(maps.square().sum(dim=1, keepdim=True) + 1e-12)
        chosen = (self._channel + 1 == torch.clamp(self._as_tensor(channel), max=len(self._channel))).float()
        alike = (maps @ (chosen @ maps)).abs()
        rank = alike.argsort(descending=True).argsort().float() / len(self._channel)
        self._rank.lerp_(rank, as_weight(grab, rank))

    def scale(self, x: Tensor, gain: Scalar, share: Scalar) -> Tensor:
        """Return x with the chosen ``share`` of its channels multiplied by ``gain``."""
        factor = 1.0 + (self._rank < share) * (gain - 1.0)
        return x * factor.to(x.dtype)[None, :, None, None]

    def _as_tensor(self, value: Scalar) -> Tensor:
        return torch.as_tensor(value, dtype=torch.float32, device=self._rank.device)


class Injection:
    """Gaussian noise for a layer: one field, spread over the channels by a random sign and size."""

    def __init__(self, like: Tensor, seed: int = 11) -> None:
        """Fields and spread for tensors shaped as ``like`` [N,C,H,W]."""
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
        return torch.addcmul(x, field.to(x.dtype), self._spread)


def as_weight(value: Scalar, like: Tensor) -> Scalar:
    """Return a weight that torch.lerp takes for ``like``: a number as it is, a tensor in its dtype."""
    return value.to(like.dtype) if isinstance(value, Tensor) else value
