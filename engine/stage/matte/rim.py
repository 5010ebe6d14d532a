"""The rim of a keyed subject: a pixel there is part subject and part floor.

Four rings lie beside the rim, each a pixel wide: two of the subject on its inner side, two of the floor on its outer
side. As a colour changes from the farther ring to the nearer one it goes on to the rim: V = C + (C - D) for the floor,
whose shadow grows darker, and of a tint of its own, where the subject touches it, and S = A + (A - B) / 2 for the
subject, whose edge may shine. Half of it: where a model paints a soft edge there is floor in ring A already. Ring C is
rim as well; a pixel of its own takes V = C.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.stage.matte.bits import Bits
from engine.stage.matte.flood import Mask, booleans, both, shrink, spread
from engine.stage.matte.ground import opaque_on

REACH = 3  # pixels from a rim pixel; the part of the rings that it asks: seven by seven
FAINT = 0.02  # squared, of 1; from floor to subject; a pale subject's rim is not told from the floor's unrest
SLOPE = 0.96  # of the way from the floor to the subject; a rim pixel that has come so far is the subject's alone
SHINE = 0.5  # of the change from ring B to ring A; what the subject's colour goes on by
HUELESS = 0.03  # away from the background's hue, of 1; what is nearer may be a shadow's own tint
USUAL = 0.5  # away, of 1; of a subject that is too thin to be sure of its own


@dataclass(frozen=True, slots=True)
class Rim:
    """What lies where: ``within`` is surely the subject, ``mixed`` part of it; the ``rings`` are A, B, C and D."""

    within: Mask
    mixed: Mask
    rings: tuple[Mask, Mask, Mask, Mask]


@dataclass(frozen=True, slots=True)
class Share:
    """How much of each pixel is the ``subject``, and how opaque the shadow on the rest of a rim pixel is: [H, W]."""

    subject: Tensor
    veil: Tensor


def rim_of(inside: Mask) -> Rim:
    """Return the rim of a subject that is ``inside``."""
    within, about = shrink(inside), spread(inside)
    deeper, farther = shrink(within), spread(about)
    rings = (
        both(within, ~deeper),
        both(deeper, ~shrink(deeper)),
        both(farther, ~about),
        both(spread(farther), ~farther),
    )
    return Rim(within, both(farther, ~within), rings)


def shares(picture: Tensor, levels: Sequence[float | Tensor], rim: Rim, opaque: Tensor, away: Tensor) -> Share:
    """Return what each pixel of ``picture`` [3, H, W] on a background of ``levels`` is made of."""
    mixed, rings = booleans(rim.mixed), torch.stack([booleans(ring) for ring in rim.rings])
    subject = booleans(rim.within).float()
    sums = _sums((picture * 255.0).round_().to(torch.int16), rings)
    if isinstance(rim.mixed, Bits):
        at = mixed.flatten().nonzero()[:, 0]
        colours = [channel.flatten()[at] for channel in picture]
        sums, outermost = sums.flatten(2)[:, :, at], rings[2].flatten()[at]
        part, shadow = _mixed(colours, levels, sums, outermost, opaque.flatten()[at], away.flatten()[at])
        veil = torch.zeros_like(subject)
        subject.view(-1)[at], veil.view(-1)[at] = part, shadow
    else:  # a count of pixels is waited for: there all are asked
        part, shadow = _mixed([*picture], levels, sums, rings[2], opaque, away)
        subject, veil = torch.where(mixed, part, subject), torch.where(mixed, shadow, 0.0)
    return Share(subject, veil)


def _mixed(
    colours: Sequence[Tensor],
    levels: Sequence[float | Tensor],
    sums: Tensor,
    outermost: Tensor,
    opaque: Tensor,
    away: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the subject's share of pixels of any shape, and the shadow on the rest.

    ``sums`` [4, 4, …] are of the rings around; ``outermost`` is where a pixel is itself of ring C.
    """
    count = sums[:, 0]
    means = sums[:, 1:] / (count.clamp(min=1.0) * 255.0)[:, None]
    there = count > 0.0
    goes_on = there[2] & there[3] & ~outermost
    part, whole = torch.zeros_like(opaque), torch.zeros_like(opaque)
    floors = []
    for k, (colour, level) in enumerate(zip(colours, levels, strict=True)):
        near, out = means[0, k], torch.where(there[2], means[2, k], level)
        far = torch.where(there[1], means[1, k], near)
        beyond = torch.where(goes_on, means[3, k], out)
        floor = (out + out - beyond).clamp_(0.0, 1.0)
        way = (near + (near - far) * SHINE).clamp_(0.0, 1.0) - floor
        part += (colour - floor) * way
        whole += way * way
        floors.append(floor)
    share = (part / whole.mul_(SLOPE).clamp_(min=FAINT)).clamp_(0.0, 1.0)
    thin = ((away - HUELESS) * (1.0 / (SLOPE * USUAL - HUELESS))).clamp_(0.0, 1.0)
    return torch.where(there[0], share, thin), torch.minimum(opaque_on(floors, levels), opaque)


def _sums(colours: Tensor, rings: Tensor) -> Tensor:
    """Return, around every pixel, the pixels of each ring and the sums of their colours, 0..255: int16 [4, 4, H, W]."""
    asked = torch.cat((torch.ones_like(colours[:1]), colours))
    x = F.pad(rings[:, None] * asked, (REACH, REACH, REACH, REACH))
    for axis in (2, 3):
        long = x.shape[axis] - 2 * REACH
        two = x.narrow(axis, 0, long + 5) + x.narrow(axis, 1, long + 5)
        four = two.narrow(axis, 0, long) + two.narrow(axis, 2, long)
        x = four + two.narrow(axis, 4, long) + x.narrow(axis, 6, long)
    return x
