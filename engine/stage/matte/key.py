"""The key: how opaque the subject is in every pixel of a picture that stands on one colour.

A picture is C = F + (1 - a) B, with F the subject's light (premultiplied), a its alpha and B the background. What is
least opaque and explains a pixel has a = d, the largest share by which a channel is away from B (that is "colour to
alpha"). For a soft shadow on the floor this is the answer: a black veil. The subject itself is opaque wherever the
flood from the border does not come. On its rim one pixel is part of either: C = k S + (1 - k) V, S the subject's own
colour nearby and V the floor's. k is the place of C on the way from V to S, and a = k + (1 - k) v with v the shadow
there. F + (1 - a) B is the model's own picture again, whatever the alpha: on its own background nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.borders.keying import Keying
from engine.stage.matte import passage as passages
from engine.stage.matte.bits import Bits
from engine.stage.matte.flood import Mask, booleans, both, flood, grown, joined, main_parts, mask, outer, shrink, spread
from engine.stage.matte.ground import Ground, distances, levels_of, rested
from engine.stage.matte.rim import rim_of, shares

PURE_DARKER, PURE_AWAY = 0.05, 0.03  # of 1; a pocket's pixels are darker, or of another hue, by no more
PALE = 0.55  # opaque, of 1; what the flood grows into is paler,
TINT, TINTED = 0.08, 0.3  # is away by less than this, and this share of its opaque: a shadow in the subject's light,
RIM = 1.0 / 36.0  # and lies no farther from where it came to, of the picture's side
SOLID = 0.75  # opaque, of 1; a subject is so somewhere, a copy that the model paints beside it is not


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
    opaque, away = distances(picture, ground, keying.shadow)
    plain = mask((opaque < PURE_DARKER) & (away < PURE_AWAY))
    foreign, pale = away > keying.tolerance * tolerance, (opaque < PALE) & (away < TINT + TINTED * opaque)
    if keying.step > 0.0:
        sharp = opaque + F.max_pool2d(-opaque[None], 3, 1, 1)[0] > keying.step
        foreign, pale = foreign | sharp, pale & ~sharp
    wall, open_ = mask(foreign), mask(pale)
    if reach := passages.reach_of(keying, side):
        strong = away > passages.STRONG
        tinted = (away > passages.TINT) & (away > passages.HUED * opaque) & ~strong
        wall, open_ = passages.shut(wall, open_, mask(strong), mask(tinted), reach)
    inside = subject_in(plain, wall, open_, keying, side)
    opaque = rested(opaque)
    square = picture.shape[1] == picture.shape[2]
    if goes_on or not square:
        inside, ghost = without_ghosts(inside, mask(opaque > SOLID), square)
        opaque = opaque * ~booleans(ghost)
    made = shares(picture, levels_of(ground), rim_of(inside), opaque, away)
    return Key(torch.maximum(made.subject + (1.0 - made.subject) * made.veil, opaque), made.subject)


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
