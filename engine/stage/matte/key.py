"""The key: how opaque the subject is in every pixel of a picture that stands on one colour.

A picture is C = F + (1 - a) B, with F the subject's light (premultiplied), a its alpha and B the background. What is
least opaque and explains a pixel has a = d, the largest share by which a channel is away from B (that is "colour to
alpha"). For a soft shadow on the floor this is the answer: a black veil. The subject itself is opaque wherever the
flood from the border does not come. On its rim one pixel is part of either; there a = d + k (1 - D), with k the share
of the subject, seen by its hue, and D its own d nearby. So F + (1 - a) B is the model's own picture again, whatever the
alpha: on its own background nothing changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.borders.keying import Keying
from engine.stage.matte.flood import flood, grown, joined, shrink, spread

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

Ground: TypeAlias = Sequence[float] | Tensor  # a background's colour [3]: numbers that are known, or measured ones


@dataclass(frozen=True, slots=True)
class Key:
    """What a picture is made of: ``alpha`` [H, W] with the shadow in it, ``subject`` [H, W] without."""

    alpha: Tensor
    subject: Tensor


def key(picture: Tensor, ground: Ground, keying: Keying, tolerance: float = 1.0) -> Key:
    """Return the key of ``picture`` [3, H, W], 0..1, on the colour ``ground``; ``tolerance`` multiplies the model's."""
    side = min(picture.shape[1:])
    opaque, away = distances(picture, ground, keying.shadow)
    pure = None
    if keying.pocket > 0.0:
        pure = (opaque < PURE_DARKER) & (away < PURE_AWAY)
        for _ in range(round(keying.pocket * side) // 2):
            pure = shrink(pure)
    margin = max(1, round(keying.margin * side))
    reached = flood(away > keying.tolerance * tolerance, margin, pure)
    reached = grown(reached, (opaque < PALE) & (away < TINT + TINTED * opaque), round(RIM * side))
    opaque = ((opaque - NOTHING) * (1.0 / (1.0 - NOTHING))).clamp_(min=0.0)
    inside = ~_carried_on(reached, margin)
    if picture.shape[1] != picture.shape[2]:  # a square is what models learn
        inside, opaque = _without_ghosts(inside, opaque)
    sure = shrink(inside)
    whole = sure.float()
    hue, solid = _nearby(whole, away, opaque)
    share = (away - HUELESS).div_(hue.mul_(SLOPE).sub_(HUELESS).clamp_(min=0.05)).clamp_(0.0, 1.0)
    share = torch.maximum(share.mul_(spread(spread(inside)).float()), whole)
    rest = torch.minimum(1.0 - solid, 1.0 - opaque)
    return Key(torch.maximum(whole, torch.addcmul(opaque, share, rest)), share)


def _carried_on(reached: Tensor, margin: int) -> Tensor:
    """Return ``reached`` with its outer ``margin`` as the pixels beside it: a subject that is cut has no rim there."""
    reached[:margin], reached[-margin:] = reached[margin], reached[-margin - 1]
    reached[:, :margin], reached[:, -margin:] = reached[:, margin, None], reached[:, -margin - 1, None]
    return reached


def _without_ghosts(inside: Tensor, opaque: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``inside`` and ``opaque`` without parts that are pale all over.

    Where a picture is painted wider than the model learnt, pale copies of its subject stand beside it. A subject with a
    pale heart is opaque somewhere, and hangs together.
    """
    kept = joined((opaque > SOLID) & inside, inside)
    ghost = spread(spread(inside & ~kept)) & ~kept
    return kept, opaque * ~ghost


def distances(picture: Tensor, ground: Ground, shadow: float) -> tuple[Tensor, Tensor]:
    """Return how opaque a pixel is at least, and how far from the background or its shadow, both [H, W], 0..1."""
    levels = [level if isinstance(level, float) else level.clamp(TINY, 1.0 - TINY) for level in ground]
    pairs = list(zip(picture, levels, strict=True))
    opaque = _largest([_opaque(channel, level) for channel, level in pairs]).clamp_(0.0, 1.0)
    light = None
    shares = [_times(channel, 1.0 / level) for channel, level in pairs if not isinstance(level, float) or level > TINY]
    if shadow > 0.0 and shares:
        light = _largest(shares).clamp(1.0 - shadow, 1.0)
    off = [channel - (level if light is None else _times(light, level)) for channel, level in pairs]
    return opaque, _largest([each.abs_() for each in off])


def _opaque(channel: Tensor, level: float | Tensor) -> Tensor:
    """Return how opaque a channel [H, W] is at least on a background of this level."""
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


def _nearby(whole: Tensor, away: Tensor, opaque: Tensor) -> tuple[Tensor, Tensor]:
    """Return the subject's own ``away`` and ``opaque`` near each pixel, means of what is ``whole`` about it, [H, W].

    Where nothing is, a thin stem has a usual hue and is as opaque as it is. One pixel of four is asked.
    """
    height, width = whole.shape
    few = whole[::2, ::2].contiguous()
    found = torch.empty(3, *few.shape, device=few.device)
    found[0] = few
    torch.mul(few, away[::2, ::2], out=found[1])
    torch.mul(few, opaque[::2, ::2], out=found[2])
    across = found.clone()
    across[:, 1:] += found[:, :-1]
    across[:, :-1] += found[:, 1:]
    found = across.clone()
    found[:, :, 1:] += across[:, :, :-1]
    found[:, :, :-1] += across[:, :, 1:]
    there = found[0] > TINY
    means = found[1:] / found[0].clamp(min=TINY)
    means = torch.where(
        there, means, torch.tensor([[[USUAL]], [[-1.0]]], device=few.device)
    )  # below 0: nobody is there
    both = F.interpolate(means[None], scale_factor=2)[0, :, :height, :width]
    return both[0], torch.where(both[1] < 0.0, opaque, both[1])
