"""The renderer's exact attributes of theta, with gradients: tools/recognise/lessons.py `labels` in torch.

Corners are rounded by ``soft``, so that a kind that is not there yet can be asked for. 0 leaves the corners as they are
in the renderer.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.generator.perceptual.names import ATTRIBUTES
from tools.fruit.parameters import AHEAD, FLOOR, SHARPNESS
from tools.fruit.render import KINDS, KNOBS, PARAMETERS, STALKS
from tools.recognise.lessons import CUT, THIN


def shares(theta: Tensor, soft: float = 0.0) -> Tensor:
    """Return the share of each kind [N, kinds] in the pictures of ``theta`` [N, THETA]; rows sum to 1."""
    ahead = torch.tensor([AHEAD if kind == PARAMETERS.first else 0.0 for kind in KINDS])
    kept = _risen(torch.softmax(SHARPNESS * (theta[:, : len(KINDS)] + ahead), 1) - FLOOR, soft)
    return kept / kept.sum(1, keepdim=True)


def labels(theta: Tensor, share: Tensor, soft: float = 0.0) -> Tensor:
    """Return the eight attributes [N, K] of ``theta`` [N, THETA], whose kinds have ``share`` [N, kinds]."""
    knob = dict(zip(KNOBS, theta[:, len(KINDS) :].unbind(1), strict=True))
    stalk = share @ torch.from_numpy(STALKS)
    above = stalk[:, 2] - THIN
    drawn = (above > 0).float() if soft == 0 else torch.sigmoid(2 * above / THIN)
    cut = share[:, [KINDS.index(kind) for kind in CUT]].sum(1)
    told = {
        "ripeness": knob["hue"],
        "colour": knob["saturation"],
        "size": knob["size"],
        "turn": 0.7 * knob["yaw"],
        "tilt": -0.55 * knob["roll"],
        "slice": cut,
        "stem": drawn * stalk[:, 1] * (1 + 0.4 * knob["stem"]) + stalk[:, 3] * _risen(0.45 + 0.75 * knob["leaf"], soft),
        "light": knob["light"],
    }
    return torch.stack([told[name] for name in ATTRIBUTES], 1)


def _risen(x: Tensor, soft: float) -> Tensor:
    return F.relu(x) if soft == 0 else soft * F.softplus(x / soft)
