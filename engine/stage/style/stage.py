"""The style in the show: the generator's frame repainted on its device, before the passes.

What a painter makes is kept as a difference to the generator's picture. So the picture keeps its own detail and alpha
at any strength, the style may work at a lower size, and between two paintings (``style.rate``) the generator's motion
goes on. At strength 0 the frame is handed on as it came.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from engine.borders.contracts import Frame, Look
from engine.borders.made import Memory
from engine.borders.params import STYLE_SHARES, Params
from engine.borders.tick import Tick
from engine.stage.style.painter import Painter, mixed

SIZES = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)  # pixels of the shorter side that a style may work at
KEPT = "style"  # name of what the last painting added
SMALLEST = 48  # pixels; no governor makes a style smaller


class PresetLook:
    """A painter with the styles of a preset, on the device and in the type that it computes in."""

    def __init__(self, painter: Painter, codes: Sequence[Tensor], size: int, dtype: torch.dtype) -> None:
        """``codes`` [1, K], up to four; ``size`` in pixels of the shorter side."""
        self.painter, self.size, self.grain, self._dtype = painter, size, painter.grain, dtype
        self._codes = tuple(codes)

    def code(self, shares: Sequence[float]) -> Tensor:
        """See Look."""
        return mixed(self._codes, shares[: len(self._codes)])

    def paint(self, image: Tensor, code: Tensor) -> Tensor:
        """See Look."""
        height, width = image.shape[-2:]
        painted = self.painter.paint(image.to(self._dtype), code.to(self._dtype))
        return painted[..., :height, :width].float().clamp(0.0, 1.0)


class StyleStage:
    """Repaints frames by a `Look`, and morphs from one to the next."""

    def __init__(self) -> None:
        self.look: Look | None = None
        self.size: int | None = None  # pixels; what the governor allows, None: what the preset asks for
        self.seconds = 0.0  # of the last painting, on the host's clock
        self._going: Look | None = None  # the look before, while a morph is under way
        self._from: Tensor | None = None  # the code that a morph within one painter begins from
        self._code: Tensor | None = None  # the code of the last frame
        self._morph, self._morphed = 0.0, 1.0  # seconds of the morph, and the share of it that is over
        self._kept: Tensor | None = None  # what the last painting added, [1, 3, H, W]
        self._painted_at: float | None = None  # seconds of the show; when that painting was due, None: there is none
        self._mixed = False  # whether earlier paintings are in it
        self._due = 0.0  # paintings that are due by style.rate

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes that the present look may be lowered to, ascending; its own is the last."""
        if self.look is None:
            return ()
        return (*(size for size in SIZES if SMALLEST <= size < self.look.size), self.look.size)

    @property
    def working(self) -> int:
        """The size that it works at, pixels; 0 without a look."""
        if self.look is None:
            return 0
        return self.look.size if self.size is None else min(self.size, self.look.size)

    def take(self, look: Look | None, seconds: float) -> None:
        """Paint by ``look`` from the next frame on, morphing for ``seconds``. None: no style."""
        if look is self.look:
            return
        self._from = self._going = None
        if seconds > 0.0:
            if look is not None and self.look is not None and look.painter is self.look.painter:
                self._from = self._code
            else:
                self._going = self.look
        self.look, self.size = look, None
        self._morph, self._morphed = seconds, 0.0 if seconds > 0.0 else 1.0
        self.restart()

    def __call__(self, frame: Frame, params: Params, tick: Tick) -> Frame:
        """Return ``frame``, uint8 RGBA [H, W, 4], repainted; the very frame where there is nothing to do."""
        self.paint(frame, params, tick)
        return self.blend(frame, params)

    def restart(self) -> None:
        """Paint the next frame anew, whatever was painted before: another model's picture, or one nobody saw."""
        self._kept = self._painted_at = None

    @property
    def endless(self) -> bool:
        """Whether what is painted now is made from what was painted before."""
        return self._kept is not None and self._mixed

    def memory(self) -> dict[str, NDArray[np.float32]]:
        """Return what the last painting added."""
        return {} if self._kept is None else {KEPT: self._kept.cpu().numpy()}

    def recall(self, memory: Memory, device: torch.device) -> None:
        """Go on from what another stage had painted for the same frames; these have been passed by."""
        self._kept = torch.from_numpy(memory[KEPT].copy()).to(device) if KEPT in memory else None

    def pass_by(self, params: Params, tick: Tick) -> set[float]:
        """Move on to ``tick`` without a frame; return the times of the paintings that its frame would still show."""
        self._go_on(tick)
        if self._rests(params):
            self.restart()
            return set()
        before = self._painted_at
        if not self._paints(params["style.rate"], tick):
            return set() if before is None else {before}
        if self.look is not None:
            self._code = self._coded(self.look, [params[name] for name in STYLE_SHARES])
        return {before} if params["style.calm"] > 0.0 and before is not None else set()

    def _go_on(self, tick: Tick) -> None:
        """Move a morph on to ``tick``."""
        if self._morphed < 1.0:
            self._morphed = min(1.0, self._morphed + tick.dt / self._morph)
            if self._morphed >= 1.0:
                self._from = self._going = None

    def _rests(self, params: Params) -> bool:
        """Whether there is nothing to paint."""
        return _strength(params) <= 0.0 or (self.look is None and self._going is None)

    @torch.inference_mode()
    def paint(self, frame: Frame, params: Params, tick: Tick) -> None:
        """Paint ``frame``, and keep what that adds for `blend`; this is the work."""
        self._go_on(tick)
        self.seconds = 0.0
        if self._rests(params):
            self.restart()
            return
        begun = time.perf_counter()
        rgb = frame[..., :3].permute(2, 0, 1)[None].float().div_(255.0)
        if self._kept is not None and self._kept.shape != rgb.shape:  # the render size has changed
            self.restart()
        if self._paints(params["style.rate"], tick):
            try:
                added = self._painted(rgb, [params[name] for name in STYLE_SHARES])
            except BaseException:
                self.restart()  # the next frame is painted
                raise
            self._kept = self._calmed(added, params["style.calm"], tick.dt, params["style.rate"])
        self.seconds = time.perf_counter() - begun

    @torch.inference_mode()
    def blend(self, frame: Frame, params: Params) -> Frame:
        """Return the frame that was painted last with as much of the style as ``params`` say."""
        kept, strength = self._kept, _strength(params)
        if kept is None or strength <= 0.0 or kept.shape[-2:] != frame.shape[:2]:
            return frame
        begun = time.perf_counter()
        rgb = frame[..., :3].permute(2, 0, 1)[None].float().div_(255.0)
        made = rgb.add_(kept, alpha=strength).clamp_(0.0, 1.0).mul_(255.0).add_(0.5)
        styled = frame.clone()
        styled[..., :3] = made[0].permute(1, 2, 0).to(torch.uint8)
        self.seconds += time.perf_counter() - begun
        return styled

    def _paints(self, rate: float, tick: Tick) -> bool:
        """Whether this frame is painted anew: every one, or so many a second, whatever the frame rate."""
        if self._painted_at is None:
            self._due, self._painted_at = 0.0, tick.time
            return True
        self._due += rate * tick.dt
        if rate > 0.0 and self._due < 1.0 - 1e-6:
            return False
        self._due -= math.floor(self._due + 1e-6)
        self._painted_at = tick.time
        return True

    def _calmed(self, added: Tensor, calm: float, dt: float, rate: float) -> Tensor:
        """Return what the last painting added on its way to what this one adds, by the time constant ``calm``."""
        passed = max(dt, 1.0 / rate) if rate > 0.0 else dt
        if calm <= 0.0 or passed <= 0.0 or self._kept is None or self._kept.shape != added.shape:
            self._mixed = False
            return added
        self._mixed = True
        return torch.lerp(self._kept, added, 1.0 - math.exp(-passed / calm))

    def _painted(self, rgb: Tensor, shares: list[float]) -> Tensor:
        """Return what the styles add to the picture, [1, 3, H, W]."""
        added = torch.zeros_like(rgb)
        share = self._eased() if self._from is None else 1.0
        if self.look is not None:
            code = self._code = self._coded(self.look, shares)
            added = self._by(self.look, rgb, code, self.working) * share
        if self._going is not None and share < 1.0:
            code = self._shared(self._going, shares)
            added = added + self._by(self._going, rgb, code, self._going.size) * (1.0 - share)
        return added

    def _coded(self, look: Look, shares: list[float]) -> Tensor:
        """Return the code of the present look, on its way from the one before."""
        code = self._shared(look, shares)
        if self._from is not None and self._from.shape == code.shape:
            code = torch.lerp(self._from, code, self._eased())
        return code

    def _shared(self, look: Look, shares: list[float]) -> Tensor:
        """Return the blend of a look's styles; its first where the shares name none that it has."""
        try:
            return look.code(shares)
        except ValueError:
            return look.code([1.0, 0.0, 0.0, 0.0])

    def _by(self, look: Look, rgb: Tensor, code: Tensor, size: int) -> Tensor:
        """Return what ``look`` adds, painted with a shorter side of ``size`` pixels."""
        height, width = rgb.shape[-2:]
        scale, grain = size / min(height, width), look.grain
        if scale >= 1.0:
            return look.paint(rgb, code) - rgb
        small = [max(grain, round(side * scale / grain) * grain) for side in (height, width)]
        seen = F.interpolate(rgb, small, mode="bilinear", antialias=True, align_corners=False)
        # What is added is enlarged, not the painting: the picture's own detail stays under it.
        return F.interpolate(look.paint(seen, code) - seen, (height, width), mode="bilinear", align_corners=False)

    def _eased(self) -> float:
        """The coming look's share of a morph: slow at both ends."""
        t = self._morphed
        return t * t * (3.0 - 2.0 * t)


def _strength(params: Params) -> float:
    """Return how much of the style there is, 0..1."""
    return params["style.strength"] * min(1.0, sum(params[name] for name in STYLE_SHARES))
