"""The renderer's own picture of an edit of the default model: the same fruit with one knob turned."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from engine.generator.perceptual.names import ATTRIBUTES
from tools.fruit.parameters import Array
from tools.fruit.render import KINDS, KNOBS, STALKS, Studio, weights
from tools.fruit.way import Way

KNOB_OF = {"ripeness": ("hue", 1.0), "colour": ("saturation", 1.0), "size": ("size", 1.0), "turn": ("yaw", 1 / 0.7),
           "tilt": ("roll", -1 / 0.55), "light": ("light", 1.0)}  # fmt: skip
SIDE = 64  # pixels
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
