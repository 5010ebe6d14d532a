"""How far a picture's pixels are from the one colour that it stands on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

NOTHING = 0.02  # opaque, of 1; what is less is the background's own unrest
KNEE = 2.0  # how fast what is more becomes what it is: from 0.04 on
TINY = 1e-4

Ground: TypeAlias = Sequence[float] | Tensor  # a background's colour [3]: numbers that are known, or measured ones


def distances(picture: Tensor, ground: Ground, shadow: float) -> tuple[Tensor, Tensor]:
    """Return how opaque each pixel is at least, and how far it is from the background or its shadow: [H, W], 0..1."""
    levels = levels_of(ground)
    pairs = list(zip(picture, levels, strict=True))
    opaque = opaque_on(picture, levels)
    light = None
    shares = [_times(channel, 1.0 / level) for channel, level in pairs if not isinstance(level, float) or level > TINY]
    if shadow > 0.0 and shares:
        light = _largest(shares).clamp(1.0 - shadow, 1.0)
    off = [channel - (level if light is None else _times(light, level)) for channel, level in pairs]
    return opaque, _largest([each.abs_() for each in off])


def opaque_on(colours: Sequence[Tensor] | Tensor, levels: Sequence[float | Tensor]) -> Tensor:
    """Return how opaque colours, three channels of any shape, are at least on a background of these levels."""
    return _largest([_opaque(*each) for each in zip(colours, levels, strict=True)]).clamp_(0.0, 1.0)


def rested(opaque: Tensor) -> Tensor:
    """Return ``opaque`` without the background's own unrest."""
    return torch.minimum(opaque, ((opaque - NOTHING) * KNEE).clamp_(min=0.0))


def levels_of(ground: Ground) -> list[float | Tensor]:
    """Return the background's channels; measured ones are neither 0 nor 1."""
    return [level if isinstance(level, float) else level.clamp(TINY, 1.0 - TINY) for level in ground]


def _opaque(channel: Tensor, level: float | Tensor) -> Tensor:
    """Return how opaque a channel is at least on a background of this level."""
    if isinstance(level, float) and level >= 1.0 - TINY:
        return 1.0 - channel
    if isinstance(level, float) and level <= TINY:
        return channel
    return torch.maximum((level - channel) / level, (channel - level) / (1.0 - level))


def _times(channel: Tensor, by: float | Tensor) -> Tensor:
    return channel if isinstance(by, float) and by == 1.0 else channel * by


def _largest(channels: Sequence[Tensor]) -> Tensor:
    found = channels[0]
    for channel in channels[1:]:
        found = torch.maximum(found, channel)
    return found
