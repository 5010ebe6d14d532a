"""The matte in the show: the frame without the model's background, on the frame's device, before the passes.

A model that paints its own alpha is taken at its word; any other is keyed (key.py). What comes out is premultiplied: a
frame's RGB is the subject's light, and what shows through is added behind it. At strength 0 the frame is handed on as
it came.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.borders.contracts import Frame
from engine.borders.keying import Keying
from engine.borders.params import Params
from engine.stage.matte.key import key

STRENGTH, SHADOW, TOLERANCE = "picture.matte", "picture.shadow", "picture.tolerance"
BLACK = (0.0, 0.0, 0.0)


class Matte:
    """Takes the background out of frames. Keeps nothing from one frame to the next."""

    def __init__(self, least: float = 0.0) -> None:
        """``least`` is the least that picture.matte is."""
        self._least = least

    @torch.inference_mode()
    def __call__(self, frame: Frame, painted: Frame, keying: Keying, params: Params) -> Frame:
        """Return ``painted``, uint8 RGBA [H, W, 4], without the background of ``frame``; premultiplied.

        ``frame`` is what the model has painted, ``painted`` the same with a style over it, or itself.
        """
        strength = max(params[STRENGTH], self._least)
        if strength <= 0.0:
            return opaque(painted) if keying.own else painted
        planes = frame.permute(2, 0, 1).contiguous().float().div_(255.0)
        rgb = planes[:3]
        background = background_of(rgb, keying)
        if keying.own:
            alpha = shown = planes[3]
        else:
            found = key(rgb, background, keying, params[TOLERANCE])
            alpha, shown = found.alpha, torch.lerp(found.subject, found.alpha, params[SHADOW])
        alpha, shown = 1.0 - strength * (1.0 - alpha), 1.0 - strength * (1.0 - shown)
        light = rgb - (1.0 - alpha) * background[:, None, None]
        if painted is not frame:  # a style changes the subject as far as there is one
            light += alpha * (painted.permute(2, 0, 1)[:3].float().div_(255.0) - rgb)
        light = torch.minimum(light.clamp_(min=0.0), shown)
        made = torch.cat((light, shown[None])).mul_(255.0).add_(0.5).clamp_(0.0, 255.0).to(torch.uint8)
        return made.permute(1, 2, 0).contiguous()


def background_of(rgb: Tensor, keying: Keying) -> Tensor:
    """Return the background's colour [3] of the picture ``rgb`` [3, H, W]."""
    if keying.background is not None or keying.own:
        return torch.tensor(keying.background or BLACK, device=rgb.device)
    border = torch.cat((rgb[:, 0], rgb[:, -1], rgb[:, :, 0], rgb[:, :, -1]), 1)
    return border.median(1).values


def opaque(frame: Frame) -> Frame:
    """Return ``frame``, uint8 RGBA [H, W, 4], without its alpha: the model's picture on its own background."""
    whole = frame.clone()
    whole[..., 3] = 255
    return whole
