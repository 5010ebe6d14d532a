"""What is on the wall: the model that imagines and the passes that draw, and how one model follows another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.clock import Tick
from engine.control.params import Params
from engine.control.preset import Preset
from engine.meter import Meter
from engine.stage.compositor import Compositor
from engine.stage.overlay import Scene

FADE = "crossfade.amount"
FADE_FRAMES = 6  # a crossfade between two models takes at least so many
SWAP_SECONDS = 0.3  # the shortest crossfade between two models: even a cut does not jump


class Picture:
    """The parts of the picture that a cue can change: the model and the passes."""

    def __init__(
        self, window: Any, model: Any, preset: Preset, meter: Meter, notify: Callable[[str], None]
    ) -> None:
        self.model, self.preset = model, preset
        self._compositor = Compositor(window, _with_fade(preset.passes), notify=notify)
        self._upload = meter.timed("upload", self._compositor.upload)
        self._draw = meter.timed("composite", self._compositor.draw)
        self._shown: tuple[Params, Tick] | None = None
        self._fade, self._left = 0.0, 0.0  # seconds of a crossfade, in all and still to come

    def warm(self) -> None:
        """Do once, unseen, what is slow the first time: the show's first frame is then like the others."""
        params, ws = Params(), np.repeat(self.model.w_avg[None], self.model.num_ws, axis=0)
        self.model.begin(params, 0.0, 0.0)
        self._compositor(self.model(ws, params), params, (), Tick(0, 0.0, 0.0))

    def take(self, preset: Preset, *, cut: bool = False) -> None:
        """Draw by the preset's passes from now on; a ``cut`` to another one leaves nothing of the past in the warps."""
        if cut and (preset.path is None or preset.path != self.preset.path):
            self.model.cut()
        if preset.passes != self.preset.passes:
            self._compositor.change(_with_fade(preset.passes))
        self.preset = preset

    def swap(self, model: Any, seconds: float) -> None:
        """Play ``model`` from the next frame on; its picture comes through the old one's in ``seconds``."""
        if model is self.model:
            return
        self.model = model
        self._fade = self._left = max(seconds, SWAP_SECONDS)
        if self._shown is not None:  # once more the old frame, for the crossfade to hold; it is not presented
            params, tick = self._shown
            self._draw(params | {FADE: 1.0}, Scene(), replace(tick, dt=0.0))

    def imagine(self, ws: NDArray[np.float32], params: Params, tick: Tick) -> Any:
        """Return the model's frame, bent as the knobs say."""
        self.model.begin(params, tick.time, tick.dt)
        return self.model(ws, params)

    def compose(self, frame: Any, params: Params, overlay: Scene, tick: Tick) -> Any:
        """Return the picture."""
        self._upload(frame)
        if self._left > 0.0:
            params = params | {FADE: max(params[FADE], self._left / self._fade)}
            self._left -= min(tick.dt, self._fade / FADE_FRAMES)  # a slow show fades longer rather than jump
        self._shown = params, tick
        return self._draw(params, overlay, tick)


def _with_fade(passes: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``passes`` with the one that a change of model needs; it costs nothing while it is off."""
    return passes if "crossfade" in passes else (*passes, "crossfade")
