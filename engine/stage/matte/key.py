"""The key: how opaque the subject is in every pixel of a picture that stands on one colour.

A picture is C = F + (1 - a) B, with F the subject's light (premultiplied), a its alpha and B the background. What is
least opaque and explains a pixel has a = d, the largest share by which a channel is away from B (that is "colour to
alpha"). For a soft shadow on the floor this is the answer: a black veil. The subject itself is opaque wherever the
flood from the border does not come. On its rim one pixel is part of either: C = k S + (1 - k) V, S the subject's own
colour nearby and V the floor's. k is the place of C on the way from V to S, and a = k + (1 - k) v with v the shadow
there. F + (1 - a) B is the model's own picture again, whatever the alpha: on its own background nothing changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.borders.keying import Keying
from engine.stage.matte.bits import Bits
from engine.stage.matte.flood import Mask, booleans, both, flood, grown, joined, main_parts, mask, outer, shrink, spread

PURE_DARKER, PURE_AWAY = 0.05, 0.03  # of 1; a pocket's pixels are darker, or of another hue, by no more
HUELESS = 0.03  # away from the background's hue, of 1; what is nearer may be a shadow's own tint
FAINT = 0.02  # squared, of 1; from floor to subject; a pale subject's rim is not told from the floor's unrest
PALE = 0.55  # opaque, of 1; what the flood grows into is paler,
TINT, TINTED = 0.08, 0.3  # is away by less than this, and this share of its opaque: a shadow in the subject's light,
RIM = 1.0 / 36.0  # and lies no farther from where it came to, of the picture's side
SOLID = 0.75  # opaque, of 1; a subject is so somewhere, a copy that the model paints beside it is not
NOTHING = 0.02  # opaque, of 1; what is less is the background's own unrest
SLOPE = 0.95  # of the way from the floor to the subject; a rim pixel that has come so far is the subject's alone
USUAL = 0.5  # away, of 1; of a subject that is too thin to be sure of its own
TINY = 1e-4

Ground: TypeAlias = Sequence[float] | Tensor  # a background's colour [3]: numbers that are known, or measured ones


@dataclass(frozen=True, slots=True)
class Key:
    """What a picture is made of: ``alpha`` [H, W] with the shadow in it, ``subject`` [H, W] without."""

    alpha: Tensor
    subject: Tensor


def key(picture: Tensor, ground: Ground, keying: Keying, tolerance: float = 1.0, goes_on: bool = False) -> Key:
    """Return the key of ``picture`` [3, H, W], 0..1, on the colour ``ground``; ``tolerance`` multiplies the model's.

    A picture that ``goes_on`` beside itself is rid of the small pale parts that stand about at its border.
    """
    side = min(picture.shape[1:])
    opaque, away, light = distances(picture, ground, keying.shadow)
    plain = mask((opaque < PURE_DARKER) & (away < PURE_AWAY))
    wall = mask(away > keying.tolerance * tolerance)
    pale = mask((opaque < PALE) & (away < TINT + TINTED * opaque))
    inside = subject_in(plain, wall, pale, keying, side)
    opaque = ((opaque - NOTHING) * (1.0 / (1.0 - NOTHING))).clamp_(min=0.0)
    square = picture.shape[1] == picture.shape[2]
    if goes_on or not square:
        inside, ghost = without_ghosts(inside, mask(opaque > SOLID), square)
        opaque = opaque * ~booleans(ghost)
    return _with_rim(picture, levels_of(ground), inside, Planes(opaque, away, light))


def subject_in(plain: Mask, wall: Mask, pale: Mask, keying: Keying, side: int) -> Mask:
    """Return where the subject is: what the border does not lead to. ``side`` is the picture's, in pixels.

    ``plain`` is background without a doubt, ``wall`` what a flood does not cross, ``pale`` what it grows into.
    """
    pure = plain
    if keying.pocket > 0.0:
        for _ in range(round(keying.pocket * side) // 2):
            pure = shrink(pure)
    margin = max(1, round(keying.margin * side))
    reached = flood(wall, margin, pure if keying.pocket > 0.0 else None)
    reached = grown(reached, pale, round(RIM * side))
    inside = ~_carried_on(reached, margin)
    return both(inside, ~both(plain, outer(plain, margin)))  # a subject that ends in the margin ends there


def rim_of(inside: Mask) -> tuple[Mask, Mask, Mask]:
    """Return what is surely the subject, what is not surely the floor, and the rim that is mixed of both."""
    within, about = shrink(inside), spread(inside)
    return within, about, both(spread(about), ~within)


@dataclass(frozen=True, slots=True)
class Planes:
    """What is known of every pixel, [H, W]: how opaque it is at least, how far away from the background, and how
    light that is where a shadow falls (None: a background that cannot become darker).
    """

    opaque: Tensor
    away: Tensor
    light: Tensor | None


def _with_rim(picture: Tensor, levels: Sequence[float | Tensor], inside: Mask, planes: Planes) -> Key:
    """Return the key of a subject that is ``inside``: whole in its middle, mixed with the floor on its rim."""
    within, about, mixing = rim_of(inside)
    sure, rim = booleans(within), booleans(mixing)
    near = _nearby(picture, sure, booleans(~about), planes.light)
    subject, opaque = sure.float(), planes.opaque
    if not _on_processor(picture):  # a count of pixels is waited for: there all are asked
        mixed = _mixed([*picture], near, levels, opaque, planes.away)
        subject = torch.where(rim, mixed.subject, subject)
        return Key(torch.where(rim, mixed.alpha, torch.maximum(opaque, subject)), subject)
    at = rim.flatten().nonzero()[:, 0]
    width = picture.shape[2]
    few = (at // width // 2) * near.shape[2] + at % width // 2
    colours = [channel.flatten()[at] for channel in picture]
    mixed = _mixed(colours, near.flatten(1)[:, few], levels, opaque.flatten()[at], planes.away.flatten()[at])
    alpha = torch.maximum(opaque, subject)
    subject.view(-1)[at], alpha.view(-1)[at] = mixed.subject, mixed.alpha
    return Key(alpha, subject)


def _on_processor(picture: Tensor) -> bool:
    return picture.device.type == "cpu"


def _mixed(
    colours: Sequence[Tensor], near: Tensor, levels: Sequence[float | Tensor], opaque: Tensor, away: Tensor
) -> Key:
    """Return the key of rim pixels of any shape, from what is ``near`` them: count and colour of the subject, then
    count and light of the floor; of all pixels that is at half their size.
    """
    if near.dim() > colours[0].dim() + 1 or near.shape[1:] != colours[0].shape:
        near = F.interpolate(near[None], scale_factor=2)[0, :, : colours[0].shape[0], : colours[0].shape[1]]
    floor = torch.where(near[4] > TINY, near[5] / near[4].clamp(min=TINY), 1.0)
    there = near[0].clamp(min=TINY)
    part, whole = torch.zeros_like(opaque), torch.zeros_like(opaque)
    for colour, level, total in zip(colours, levels, near[1:4], strict=True):
        ground = floor * level
        way = total / there - ground
        part += (colour - ground) * way
        whole += way * way
    share = (part / whole.mul_(SLOPE).clamp_(min=FAINT)).clamp_(0.0, 1.0)
    thin = ((away - HUELESS) * (1.0 / (SLOPE * USUAL - HUELESS))).clamp_(0.0, 1.0)
    share = torch.where(near[0] > TINY, share, thin)
    veil = torch.minimum(1.0 - floor, opaque)
    return Key(torch.maximum(share + (1.0 - share) * veil, opaque), share)


def _carried_on(reached: Mask, margin: int) -> Mask:
    """Return ``reached`` with its outer ``margin`` as the pixels beside it: a subject that is cut has no rim there."""
    if isinstance(reached, Bits):
        return reached.carried_on(margin)
    reached[:margin], reached[-margin:] = reached[margin], reached[-margin - 1]
    reached[:, :margin], reached[:, -margin:] = reached[:, margin, None], reached[:, -margin - 1, None]
    return reached


def without_ghosts(inside: Mask, solid: Mask, square: bool) -> tuple[Mask, Mask]:
    """Return ``inside`` without parts that are ``solid`` nowhere, and where those parts are.

    Where a picture is painted wider than the model learnt, pale copies of its subject stand beside it. A subject with a
    pale heart is opaque somewhere, and hangs together. A ``square`` is what models learn: there such parts have to be
    small beside the subject, too. Features that are moved or scaled leave them at the border.
    """
    solid = both(solid, inside)
    kept = main_parts(inside, solid) if square else joined(solid, inside)
    return kept, both(spread(spread(both(inside, ~kept))), ~kept)


def distances(picture: Tensor, ground: Ground, shadow: float) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return how opaque a pixel is at least, how far from the background or its shadow, and how light that is.

    All are [H, W], 0..1; the last is None where no shadow falls.
    """
    levels = levels_of(ground)
    pairs = list(zip(picture, levels, strict=True))
    opaque = _largest([_opaque(channel, level) for channel, level in pairs]).clamp_(0.0, 1.0)
    light = None
    shares = [_times(channel, 1.0 / level) for channel, level in pairs if not isinstance(level, float) or level > TINY]
    if shadow > 0.0 and shares:
        light = _largest(shares).clamp(1.0 - shadow, 1.0)
    off = [channel - (level if light is None else _times(light, level)) for channel, level in pairs]
    return opaque, _largest([each.abs_() for each in off]), light


def levels_of(ground: Ground) -> list[float | Tensor]:
    """Return the background's channels; measured ones are neither 0 nor 1."""
    return [level if isinstance(level, float) else level.clamp(TINY, 1.0 - TINY) for level in ground]


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


def _nearby(picture: Tensor, sure: Tensor, floor: Tensor, light: Tensor | None) -> Tensor:
    """Return how much of the subject is about each pixel, the sum of its colours, how much of the floor, and the sum
    of its light, [6, h, w] at half the size: one pixel of four is asked.
    """
    few, out = sure[::2, ::2], floor[::2, ::2]
    found = torch.empty(6, *few.shape, device=few.device)
    found[0], found[4] = few, out
    torch.mul(picture[:, ::2, ::2], found[0], out=found[1:4])
    if light is None:
        found[5] = found[4]
    else:
        torch.mul(light[::2, ::2], found[4], out=found[5])
    across = found.clone()
    across[:, :, 1:] += found[:, :, :-1]
    across[:, :, :-1] += found[:, :, 1:]
    found = across.clone()
    found[:, 1:] += across[:, :-1]
    found[:, :-1] += across[:, 1:]
    return found
