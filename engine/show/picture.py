"""What is on the wall: the model that imagines and the passes that draw, and how one model follows another."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.borders.contracts import Frame, Model
from engine.borders.errors import out_of_memory
from engine.borders.faults import Faults
from engine.borders.moment import Moment
from engine.borders.params import Params
from engine.borders.preset import Preset
from engine.borders.tick import REST, Tick
from engine.show.interpolation import Between
from engine.show.meter import Meter
from engine.show.render_size import RenderSize
from engine.stage.desktop.overlay import Scene
from engine.stage.passes.compositor import Compositor

FADE = "crossfade.amount"
FADE_FRAMES = 6  # a crossfade between two models takes at least so many
SWAP_SECONDS = 0.3  # the shortest crossfade between two models: even a cut does not jump


class Picture:
    """The parts of the picture that a cue can change: the model and the passes."""

    def __init__(
        self, window: Any, model: Model, preset: Preset, meter: Meter, notify: Callable[[str], None],
        guard: bool = True,
    ) -> None:
        self.model, self.preset = model, preset
        self._meter, self._window = meter, window
        self.between: Between | None = None  # where the display may be faster than the generator
        self.tap: Callable[[Tick], None] = lambda tick: None  # is shown every picture that is drawn, before it swaps
        self.sizes = RenderSize(lambda: self.model, meter, notify)
        self.faults = Faults(notify, on_stage=meter.period is not None)  # where somebody waits for every picture
        self._compositor = Compositor(window, _with_fade(preset.passes), None, notify, guard, self.faults)
        self._upload = meter.timed("upload", self._compositor.upload)
        self._draw = meter.timed("composite", self._compositor.draw)
        self._look = meter.timed("composite", self._compositor.look)
        self._generate = meter.timed("generator", self._paint)
        self._notify = notify
        self._short = False  # memory ran out in this frame
        self._frame: Frame | None = None  # the last good one
        self._overlay = Scene()
        self._drawn = 0.0  # when a picture was last drawn, seconds on the wall,
        self._drawn_for = 0.0  # and in the show
        self._shown: tuple[Params, Tick] | None = None
        self._fade, self._left = 0.0, 0.0  # seconds of a crossfade, in all and still to come

    def states(self) -> tuple[str, ...]:
        """Return what the performer must know of the flash guard and of what fails, in a few words each."""
        guard = self._compositor.guard
        flashes = ("flash guard off",) if not guard.on else ("softening flashes",) if guard.holding else ()
        return (*flashes, *self.faults.states())

    def fill(self, least: float) -> None:
        """Cut off at ``least`` so much of what does not fit the window (1: no bars), whatever the preset says."""
        self._compositor.fit = least

    def warm(self) -> None:
        """Do once, unseen, what is slow the first time: the show's first frame is then like the others."""
        params, ws = Params(), np.repeat(self.model.w_avg[None], self.model.num_ws, axis=0)
        self._frame = self.model(ws, params, REST)
        self._compositor(self._frame, params, (), REST)
        self._compositor.look()

    def check(self, preset: Preset) -> None:
        """UserError when one of the preset's passes is not there or is broken."""
        self._compositor.load(preset.passes)

    def take(self, preset: Preset, *, cut: bool = False) -> None:
        """Draw by the preset's passes from now on; a ``cut`` to another one leaves nothing of the past in the warps."""
        if cut and (preset.path is None or preset.path != self.preset.path):
            self.model.cut()
        if preset.passes != self.preset.passes:
            self._compositor.change(_with_fade(preset.passes))
        self.preset = preset

    def swap(self, model: Model, seconds: float) -> None:
        """Play ``model`` from the next frame on; its picture comes through the old one's in ``seconds``."""
        if model is self.model:
            return
        self.model = model
        self._fade = self._left = max(seconds, SWAP_SECONDS)
        if self._shown is not None:  # once more the old frame, for the crossfade to hold; it is not presented
            params, tick = self._shown
            self._draw(params.changed({FADE: 1.0}), Scene(), replace(tick, dt=0.0))

    def imagine(self, ws: NDArray[np.float32], params: Params, tick: Tick) -> Any:
        """Return the model's frame, bent as the knobs say; on stage the last one again where it has failed."""
        self.faults.attempt("the generator", lambda: self._imagine(ws, params, tick))
        return self._frame

    def _imagine(self, ws: NDArray[np.float32], params: Params, tick: Tick) -> None:
        """Make the frame. Where there is no memory for it the next one is smaller."""

        def generate() -> Any:
            return self._generate(ws, params, tick)

        try:
            if self.between is None:
                self._frame = generate()
            else:
                self._frame = self.between(generate, self.model.device.type == "cuda", self.model.device_seconds)
        except (MemoryError, RuntimeError, OSError) as error:
            if not (self.faults.on_stage and out_of_memory(error)):
                raise
            self._short = True
        if self._short:  # now that the error, and what it held, is gone
            self._short = False
            self.sizes.shrink()

    def _paint(self, ws: NDArray[np.float32], params: Params, tick: Tick) -> Any:
        try:
            return self.model(ws, params, tick)
        finally:  # a model that fails says what it tried before
            for line in self.model.take_notes():
                self._notify(line)

    def compose(self, frame: Any, params: Params, overlay: Scene, tick: Tick) -> Any:
        """Return the picture."""
        fading = self.between is not None and self.between.on
        self._meter.share = self._compositor.share = self.between.share if self.between is not None else 1.0
        self.faults.attempt("the upload", lambda: self._upload(frame, keep=fading))
        if self._left > 0.0:
            params = params.changed({FADE: max(params[FADE], self._left / self._fade)})
            self._left -= min(tick.dt, self._fade / FADE_FRAMES)  # a slow show fades longer rather than jump
        self._shown, self._overlay = (params, tick), overlay
        start = time.perf_counter()
        if fading:  # pictures in between have passed some of the time
            tick = replace(tick, time=max(tick.time, self._drawn_for), dt=start - self._drawn)
        picture = self._draw(params, overlay, tick)
        self._drawn, self._drawn_for = time.perf_counter(), tick.time
        if self.between is not None:
            self.between.drawn(self._drawn - start)
        self.tap(tick)
        return picture

    def look(self, _moment: Moment) -> None:
        """Let the flash guard see what was presented."""
        self._look()

    def show_between(self, share: float) -> None:
        """Draw and present the two newest frames once more, with ``share`` of the newest."""
        if self._shown is None:
            return
        (params, tick), now = self._shown, time.perf_counter()
        self._compositor.share = share
        dt = now - self._drawn
        self._drawn, self._drawn_for = now, self._drawn_for + dt
        tick = replace(tick, time=self._drawn_for, dt=dt)
        picture = self._compositor.draw(params, self._overlay, tick)
        self.tap(tick)
        self._window.present(picture)
        self._meter.mark_between(share)


def _with_fade(passes: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``passes`` with the one that a change of model needs; it costs nothing while it is off."""
    return passes if "crossfade" in passes else (*passes, "crossfade")
