"""The matte in the show: the frame without the model's background, on the frame's device, before the passes.

A model that paints its own alpha is taken at its word; any other is keyed (key.py). What comes out is premultiplied: a
frame's RGB is the subject's light, and what shows through is added behind it. At strength 0 the frame is handed on as
it came. A processor keys in compiled code where a compiler is: compiled_key.py.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.borders.contracts import Frame
from engine.borders.keying import Keying
from engine.borders.params import Params
from engine.stage.matte.compiled_key import CompiledKey, open_key
from engine.stage.matte.ground import Ground
from engine.stage.matte.key import key

STRENGTH, SHADOW, TOLERANCE = "picture.matte", "picture.shadow", "picture.tolerance"
SPREAD = "picture.spread"  # more than 0: the picture goes on beside itself
BLACK, WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


class Matte:
    """Takes the background out of frames. Keeps nothing from one frame to the next."""

    def __init__(self, least: float = 0.0, compiled: bool = True) -> None:
        """``least`` is the least that picture.matte is; ``compiled`` makes, or finds, the code for a processor."""
        self._least = least
        self._compiled: CompiledKey | None = open_key() if compiled else None

    @torch.inference_mode()
    def __call__(self, frame: Frame, painted: Frame, keying: Keying, params: Params) -> Frame:
        """Return ``painted``, uint8 RGBA [H, W, 4], without the background of ``frame``; premultiplied.

        ``frame`` is what the model has painted, ``painted`` the same with a style over it, or itself.
        """
        strength = max(params[STRENGTH], self._least)
        if strength <= 0.0:
            return opaque(painted) if keying.own else painted
        if self._compiled is not None and frame.device.type == "cpu" and not keying.own:
            known = keying.background or measured(frame)
            shadow, goes_on = params[SHADOW], params[SPREAD] > 0.0
            return self._compiled(frame, painted, known, keying, params[TOLERANCE], strength, shadow, goes_on)
        planes = frame.permute(2, 0, 1)[: 4 if keying.own else 3].contiguous().float().mul_(1.0 / 255.0)
        rgb = planes[:3]
        ground = background_of(rgb, keying)
        if keying.own:
            alpha = shown = planes[3]
        else:
            found = key(rgb, ground, keying, params[TOLERANCE], params[SPREAD] > 0.0)
            alpha = shown = found.alpha
            if params[SHADOW] < 1.0:
                shown = torch.lerp(found.subject, found.alpha, params[SHADOW])
        if strength < 1.0:
            alpha, shown = 1.0 - strength * (1.0 - alpha), 1.0 - strength * (1.0 - shown)
        through = 1.0 - alpha
        if ground == WHITE:
            light = rgb - through
        else:
            light = torch.stack([channel - through * level for channel, level in zip(rgb, ground, strict=True)])
        if painted is not frame:  # a style changes the subject as far as there is one
            light += alpha * (painted.permute(2, 0, 1)[:3].float().div_(255.0) - rgb)
        return interleaved(torch.minimum(light.clamp_(min=0.0), shown), shown)


def background_of(rgb: Tensor, keying: Keying) -> Ground:
    """Return the background's colour [3] of the picture ``rgb`` [3, H, W]. One that is measured stays on the device."""
    if keying.background is not None or keying.own:
        return keying.background or BLACK
    border = torch.cat((rgb[:, 0], rgb[:, -1], rgb[:, :, 0], rgb[:, :, -1]), 1)
    return border.median(1).values


def measured(frame: Frame) -> list[float]:
    """Return the background's colour [3], 0..1, of a frame uint8 [H, W, 4] that is waited for."""
    border = torch.cat((frame[0], frame[-1], frame[:, 0], frame[:, -1]))[:, :3]
    return [float(level) for level in border.t().float().mul_(1.0 / 255.0).median(1).values]


def interleaved(light: Tensor, alpha: Tensor) -> Frame:
    """Return ``light`` [3, H, W] and ``alpha`` [H, W], 0..1, as uint8 [H, W, 4]: four bytes are written as one word."""
    levels = torch.cat((light, alpha[None])).mul_(255.0).add_(0.5).to(torch.int32)
    words = levels[0] | levels[1] << 8 | levels[2] << 16 | levels[3] << 24
    return words.view(torch.uint8).view(*alpha.shape, 4)


def opaque(frame: Frame) -> Frame:
    """Return ``frame``, uint8 RGBA [H, W, 4], without its alpha: the model's picture on its own background."""
    whole = frame.clone()
    whole[..., 3] = 255
    return whole
