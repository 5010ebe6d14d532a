"""The renderer's own picture of an edit of the default model: the same fruit with one knob turned."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from benchmarks.attribute_methods import Edit
from engine.generator.perceptual.names import ATTRIBUTES
from tools.fruit.parameters import Array
from tools.fruit.render import KINDS, KNOBS, STALKS, Studio, weights
from tools.fruit.soft_labels import labels, shares
from tools.fruit.way import Way
from tools.recognise.lessons import CUT
from tools.train.attributes.directions import Scale

KNOB_OF = {"ripeness": ("hue", 1.0), "colour": ("saturation", 1.0), "size": ("size", 1.0), "turn": ("yaw", 1 / 0.7),
           "tilt": ("roll", -1 / 0.55), "light": ("light", 1.0)}  # fmt: skip
SIDE = 64  # pixels
SEARCH = 300  # steps to the nearest picture
MOST_KINDS = 2  # in a picture; blends of more are rare, and each is a program to compile


def knob_steps(way: Way, exact_sd: Tensor) -> Tensor:
    """Return what one standard deviation of the renderer's own knob of each attribute adds to w [K, w_dim].

    Rows of attributes that are not in KNOB_OF are zero.
    """
    steps = torch.zeros(len(ATTRIBUTES), way.forth.shape[1])
    for name, (knob, gain) in KNOB_OF.items():
        k = ATTRIBUTES.index(name)
        steps[k] = gain * exact_sd[k] * way.forth[len(KINDS) + KNOBS.index(knob)]
    return steps


def exactly(way: Way, exact: Scale) -> Edit:
    """Return the edit that the renderer itself would make: by its knob, or to the nearest of its pictures."""
    steps = knob_steps(way, exact.sd)

    def edit(ws: Tensor, k: int, strengths: Tensor) -> Tensor:
        if bool(steps[k].any()):
            return ws + (strengths[:, None] * steps[k])[:, None]
        theta = torch.from_numpy(way.theta(ws.mean(1)))
        return ws + ((nearest(theta, k, strengths * exact.sd[k], exact.sd) - theta) @ way.forth)[:, None]

    return edit


def nearest(theta: Array | Tensor, k: int, change: Tensor, sd: Tensor, steps: int = SEARCH) -> Tensor:
    """Return the theta [N, THETA] near ``theta`` whose attribute ``k`` differs by ``change`` [N], and no other.

    It is searched by gradients from where the two kinds that are concerned have changed places far enough: the kinds
    stay as far as they can. ``sd`` [K] are the attributes' standard deviations.
    """
    begun = torch.as_tensor(theta)
    share = shares(begun)
    target = labels(begun, share)
    target[:, k] += change
    has = (
        torch.tensor([kind in CUT for kind in KINDS])
        if ATTRIBUTES[k] == "slice"
        else torch.from_numpy(STALKS[:, 3]) > 0
    )
    moved = _swapped(begun, k, target[:, k], has)
    if ATTRIBUTES[k] == "stem":  # a kind that has a leaf keeps itself
        moved[(share[:, has] > 0).any(1)] = 0.0
    moved.requires_grad_()
    optimizer = torch.optim.Adam([moved])
    for step in range(steps):
        soft = 0.005 * max(0.0, 1 - 1.25 * step / steps)
        optimizer.param_groups[0]["lr"] = 0.001 + 0.005 * (1 - step / steps)
        kinds = shares(begun + moved, soft)
        missed = ((labels(begun + moved, kinds, soft) - target) / sd).square()
        loss = 200 * missed[:, k] + 10 * missed.sum(1) + 10 * (kinds - share).square().sum(1)
        optimizer.zero_grad()
        (loss + 0.05 * moved.square().sum(1)).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return (begun + moved).detach()


def _swapped(theta: Tensor, k: int, target: Tensor, has: Tensor) -> Tensor:
    """Return a change of theta [N, THETA] that brings attribute ``k`` to ``target`` by two kinds alone.

    They are the first of the kinds that have it (``has`` [kinds] bool), and the first of the others.
    """
    kinds = theta[:, : len(KINDS)]
    way = torch.zeros_like(theta)
    rows = torch.arange(len(theta))
    way[rows, kinds.masked_fill(~has, -9).argmax(1)] = 0.5
    way[rows, kinds.masked_fill(has, -9).argmax(1)] -= 0.5
    low, high = torch.full((len(theta),), -2.5), torch.full((len(theta),), 2.5)
    for _ in range(20):
        middle = (low + high) / 2
        at = theta + middle[:, None] * way
        more = labels(at, shares(at))[:, k] < target
        low, high = torch.where(more, middle, low), torch.where(more, high, middle)
    return middle[:, None] * way


@dataclass(frozen=True, slots=True)
class Renders:
    """theta [N, THETA] of the w that are edited, and what draws it."""

    theta: Array
    usable: Tensor  # [N] bool
    studio: Studio

    @staticmethod
    def of(way: Way, w: Tensor) -> Renders:
        """Find theta of w [N, w_dim]."""
        found = way.theta(w)
        return Renders(found, torch.from_numpy((weights(found) > 0).sum(1) <= MOST_KINDS), Studio(SIDE))

    def psnr(self, k: int, change: Tensor, pictures: Tensor) -> dict[str, float]:
        """Return {"psnr": dB} of ``pictures`` to what the renderer draws with attribute ``k`` moved by ``change`` [N].

        Empty where no knob of the renderer is that attribute alone (slice is a kind).
        """
        turned = self.turned(ATTRIBUTES[k], change.numpy())
        return {} if turned is None else {"psnr": turned._against(pictures)}

    def turned(self, name: str, change: Array) -> Renders | None:
        """Return the same with the knob of attribute ``name`` turned, in the attribute's unit."""
        theta, usable = self.theta.copy(), self.usable
        if name in KNOB_OF:
            knob, gain = KNOB_OF[name]
        elif name == "stem":  # by the leaf alone, where there is one
            leaf = (weights(theta) @ STALKS)[:, 3] * 0.75
            knob, gain, usable = "leaf", 1 / np.maximum(leaf, 0.1), usable & torch.from_numpy(leaf > 0.1)
        else:
            return None
        theta[:, len(KINDS) + KNOBS.index(knob)] += gain * change
        return replace(self, theta=theta, usable=usable) if bool(usable.any()) else None

    def baseline(self, pictures: Tensor) -> float:
        """Return the PSNR of ``pictures`` to what the renderer draws of them unedited, dB: no edit can do better."""
        return self._against(pictures)

    def _against(self, pictures: Tensor) -> float:
        rows = self.usable.nonzero()[:, 0]
        drawn = torch.from_numpy(self.studio.render(self.theta[rows.numpy()])).permute(0, 3, 1, 2).float() / 255
        shown = (pictures[rows].clamp(-1, 1) + 1) / 2
        return float((-10 * (shown - drawn).square().mean((1, 2, 3)).clamp(min=1e-9).log10()).mean())
