"""The key: how opaque the subject is in every pixel of a picture that stands on one colour.

A picture is C = F + (1 - a) B, with F the subject's light (premultiplied), a its alpha and B the background. What is
least opaque and explains a pixel has a = d, the largest share by which a channel is away from B (that is "colour to
alpha"). For a soft shadow on the floor this is the answer: a black veil. The subject itself is opaque wherever the
flood from the border does not come. On its rim one pixel is part of either; there a = d + k (1 - D), with k the share
of the subject, seen by its hue, and D its own d nearby. So F + (1 - a) B is the model's own picture again, whatever the
alpha: on its own background nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.borders.keying import Keying
from engine.stage.matte.flood import flood, joined, shrink, spread

PURE_DARKER, PURE_AWAY = 0.05, 0.03  # of 1; a pocket's pixels are darker, or of another hue, by no more
HUELESS = 0.03  # away from the background's hue, of 1; what is nearer may be a shadow's own tint
PALE = 0.55  # opaque, of 1; what the flood grows into is paler,
TINT, TINTED = 0.08, 0.3  # is away by less than this, and this share of its opaque: a shadow in the subject's light,
RIM = 1.0 / 36.0  # and lies no farther from where it came to, of the picture's side
SOLID = 0.75  # opaque, of 1; a subject is so somewhere, a copy that the model paints beside it is not
NOTHING = 0.02  # opaque, of 1; what is less is the background's own unrest
SLOPE = 0.9  # of the subject's own hue; a rim pixel this near to it is the subject's alone
USUAL = 0.5  # away, of 1; of a subject that is too thin to be sure of its own
TINY = 1e-4


@dataclass(frozen=True, slots=True)
class Key:
    """What a picture is made of: ``alpha`` [H, W] with the shadow in it, ``subject`` [H, W] without."""

    alpha: Tensor
    subject: Tensor


def key(picture: Tensor, background: Tensor, keying: Keying, tolerance: float = 1.0) -> Key:
    """Return the key of ``picture`` [3, H, W], 0..1, on ``background`` [3]; ``tolerance`` multiplies the model's."""
    side = min(picture.shape[1:])
    opaque, away = distances(picture, background, keying.shadow)
    pure = None
    if keying.pocket > 0.0:
        pure = ((opaque < PURE_DARKER) & (away < PURE_AWAY)).float()
        for _ in range(round(keying.pocket * side) // 2):
            pure = shrink(pure)
    reached = flood(away, keying.tolerance * tolerance, max(1, round(keying.margin * side)), pure)
    reached = _grown(reached, ((opaque < PALE) & (away < TINT + TINTED * opaque)).float(), round(RIM * side))
    opaque = ((opaque - NOTHING) * (1.0 / (1.0 - NOTHING))).clamp_(min=0.0)
    inside = 1.0 - reached
    if picture.shape[1] != picture.shape[2]:  # a square is what models learn
        inside, opaque = _without_ghosts(inside, opaque)
    sure = shrink(inside)
    hue, solid = _nearby(sure, away, opaque)
    share = ((away - HUELESS) / (SLOPE * hue - HUELESS).clamp(min=0.05)).clamp(0.0, 1.0) * spread(spread(inside))
    share = torch.maximum(share, sure)
    return Key(torch.maximum(sure, opaque + share * torch.minimum(1.0 - solid, 1.0 - opaque)), share)


def _without_ghosts(inside: Tensor, opaque: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``inside`` and ``opaque`` without parts that are pale all over.

    Where a picture is painted wider than the model learnt, pale copies of its subject stand beside it. A subject with a
    pale heart is opaque somewhere, and hangs together.
    """
    kept = joined(torch.minimum((opaque > SOLID).float(), inside), inside)
    ghost = spread(spread(inside - kept))
    return kept, opaque * (1.0 - ghost * (1.0 - kept))


def _grown(reached: Tensor, pale: Tensor, steps: int) -> Tensor:
    """Return ``reached`` grown into what is ``pale``, as wide as the seam is that a model paints around its subject."""
    for _ in range(steps):
        reached = torch.maximum(reached, torch.minimum(spread(reached), pale))
    return reached


def distances(picture: Tensor, background: Tensor, shadow: float) -> tuple[Tensor, Tensor]:
    """Return how opaque a pixel is at least, and how far from the background or its shadow, both [H, W], 0..1."""
    opaque = away = None
    light = None
    levels = background.tolist()
    if shadow > 0.0 and max(levels) > TINY:
        for channel, level in zip(picture, levels, strict=True):
            if level > TINY:
                share = channel / level
                light = share if light is None else torch.maximum(light, share)
        assert light is not None
        light = light.clamp(1.0 - shadow, 1.0)
    for channel, level in zip(picture, levels, strict=True):
        less, more = (level - channel) / max(level, TINY), (channel - level) / max(1.0 - level, TINY)
        own = less if level >= 1.0 - TINY else more if level <= TINY else torch.maximum(less, more)
        opaque = own if opaque is None else torch.maximum(opaque, own)
        off = (channel - (level if light is None else light * level)).abs()
        away = off if away is None else torch.maximum(away, off)
    assert opaque is not None
    assert away is not None
    return opaque.clamp(0.0, 1.0), away


def _nearby(sure: Tensor, away: Tensor, opaque: Tensor) -> tuple[Tensor, Tensor]:
    """Return the subject's own ``away`` and ``opaque`` near each pixel, means of what is ``sure`` about it, [H, W].

    Where nothing is, a thin stem has a usual hue and is as opaque as it is.
    """
    height, width = sure.shape
    found = F.avg_pool2d(torch.stack((sure, sure * away, sure * opaque))[None], 2, ceil_mode=True)[0]
    found[:, 1:-1] = found[:, 1:-1] + found[:, :-2] + found[:, 2:]
    found[:, :, 1:-1] = found[:, :, 1:-1] + found[:, :, :-2] + found[:, :, 2:]
    found = found.repeat_interleave(2, 1).repeat_interleave(2, 2)[:, :height, :width]
    there = found[0] > TINY
    weight = 1.0 / found[0].clamp(min=TINY)
    return torch.where(there, found[1] * weight, USUAL), torch.where(there, found[2] * weight, opaque)
