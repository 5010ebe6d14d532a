"""The picture on the wall: the model that generates, the passes that draw, the change from model to model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.borders.contracts import Drawn, Footage, Frame, Look, Model, Window
from engine.borders.errors import Trouble, out_of_memory
from engine.borders.faults import Faults
from engine.borders.latched import Latched
from engine.borders.made import Made, Memory, Seen, Shown
from engine.borders.moment import Moment
from engine.borders.params import Params, Table
from engine.borders.preset import Preset
from engine.borders.tick import Tick
from engine.show.interpolation import Interpolation
from engine.show.latch import Latch, NoLatch
from engine.show.meter import Meter
from engine.show.model_fade import FADE, ModelFade
from engine.show.open_background import drawn_passes
from engine.show.render_size import RenderSize
from engine.stage.desktop.overlay import Scene
from engine.stage.passes.compositor import Compositor
from engine.stage.passes.guard import GUARD_OFF

if TYPE_CHECKING:  # these load torch, which a refused checkpoint does not wait for
    from engine.stage.matte.stage import Matte
    from engine.stage.style.stage import StyleStage

GENERATOR, STYLE, MATTE, UPLOAD = (
    "the generator",
    "the style",
    "the matte",
    "the upload",
)  # names in the performer's lines


class Picture:
    """The parts of the picture that a cue can change: the model and the passes."""

    def __init__(
        self,
        window: Window,
        model: Model,
        preset: Preset,
        compositor: Compositor,
        meter: Meter,
        sizes: RenderSize,
        style: StyleStage,
        matte: Matte,
        faults: Faults,
        notify: Callable[[str], None],
        interpolation: Interpolation | None = None,
        tap: Callable[[Tick], None] | None = None,
        latch: Latch | None = None,
        pinned: Callable[[Params], Params] | None = None,
    ) -> None:
        """``interpolation`` is there where the display may be faster than the generator.

        ``latch`` reads again what a picture between two frames is drawn with.

        ``pinned`` adds where the corners of the wall's picture are.

        ``tap`` is shown every picture that is drawn, before it is presented: recordings and outputs.
        """
        self.model, self.preset, self.faults, self.sizes, self.style = model, preset, faults, sizes, style
        self._window, self._compositor, self._meter, self._notify = window, compositor, meter, notify
        self._interpolation, self._tap, self._latch = interpolation, tap, latch or NoLatch()
        self._pinned = pinned
        self._fade = ModelFade()
        self._matte = matte
        self._short = False  # memory ran out in this frame
        self.footage: Footage | None = None  # behind the picture
        self._frame: Frame | None = None  # the last good one
        self._overlay = Scene()
        self._share = 1.0  # of the newest frame in the picture that was drawn last
        self._drawn = 0.0  # seconds on the wall; time of the last drawing
        self._drawn_for = 0.0  # seconds of the show; time of the last drawing
        self._shown: tuple[Params, Tick] | None = None
        self._drawn_with = Params({}, Table())  # as in `_shown`, without the crossfade from model to model
        self._is_drawn = True  # whether the last frame was drawn, and not passed by

    def close(self) -> None:
        """Release what was drawn with, while its context is there: CUDA must let go of OpenGL's buffers first."""
        self._compositor.close()

    def states(self) -> tuple[str, ...]:
        """Return the states of the flash guard and of what fails, in a few words each."""
        guard = self._compositor.guard
        flashes = (GUARD_OFF,) if not guard.on else ("softening flashes",) if guard.holding else ()
        return (*flashes, *self.faults.states())

    def warm(self, params: Params) -> None:
        """Paint one hidden frame, so that first-use costs do not fall into the show."""
        tick = Tick(0, 0.0, 0.0)
        self._frame = self.model(np.repeat(self.model.w_avg[None], self.model.num_ws, axis=0), params, tick)
        painted = self.style(self._frame, params, tick)
        self._compositor(self._matte(self._frame, painted, self.model.keying, params), params, (), tick)
        self._compositor.look()
        self._compositor.begin_anew()
        self.style.restart()
        self.model.cut()

    def check(self, preset: Preset) -> None:
        """UserError when one of the preset's passes is not there or is broken; what is untried is not looked at."""
        untried = self.untried(preset)
        self._compositor.load(tuple(name for name in drawn_passes(preset) if name not in untried))

    def untried(self, preset: Preset) -> tuple[str, ...]:
        """Return the preset's ISF shaders that have not drawn a first picture in a process of its own."""
        return self._compositor.effects.untried(drawn_passes(preset))

    def try_out(self, preset: Preset) -> None:
        """Let them do so, in any thread but the show's: it takes seconds. UserError for one that cannot be played."""
        self._compositor.effects.try_out(drawn_passes(preset))

    def take(self, preset: Preset, *, cut: bool = False) -> None:
        """Draw by the preset's passes from now on; a ``cut`` to another one leaves nothing of the past in the warps."""
        if cut and (preset.path is None or preset.path != self.preset.path):
            self.model.cut()
        if drawn_passes(preset) != drawn_passes(self.preset):
            self._compositor.change(drawn_passes(preset))
        self.preset = preset

    def put_behind(self, footage: Footage | None) -> None:
        """Have ``footage`` behind the picture from the next one on, and close the one before."""
        before, self.footage = self.footage, footage
        self._compositor.show(footage)
        if before is not None and before is not footage:
            before.close()

    def swap(self, model: Model, seconds: float) -> None:
        """Play ``model`` from the next frame on; its picture comes through the old one's in ``seconds``."""
        if model is self.model:
            return
        self.model = model
        self.style.restart()
        self.sizes.play(model)
        self._fade.begin(seconds)
        if self._shown is not None:  # once more the old frame, for the crossfade to hold; it is not presented
            params, still = self._shown[0], replace(self._shown[1], dt=0.0)
            if self._is_drawn:
                self._compositor.draw(params.changed({FADE: 1.0}), Scene(), still, self._share)
            else:
                self._compositor.pass_by(params.changed({FADE: 1.0}), Scene(), still)

    def cross(self, transition: str, seconds: float) -> bool:
        """Let an ISF shader lead from the picture that was shown last to those that come; return whether it does."""
        if self._shown is None or not self._compositor.cross(transition, seconds):
            return False
        params, still = self._shown[0], replace(self._shown[1], dt=0.0)  # for the shader to hold; it is not presented
        if self._is_drawn:
            self._compositor.draw(params, Scene(), still, self._share)
        else:
            self._compositor.pass_by(params, Scene(), still)
        return True

    def load_transition(self, transition: str) -> None:
        """Compile a cue's transition before the show; UserError for a file that is none."""
        self._compositor.load((transition,))
        self._compositor.effects.progress_of(transition)

    def restyle(self, look: Look | None, seconds: float) -> None:
        """Paint over by ``look`` from the next frame on, morphing for ``seconds``; None: no style."""
        if look is not self.style.look:
            self.style.take(look, seconds)
            self.sizes.restyled()

    def imagine(self, ws: NDArray[np.float32], params: Params, tick: Tick) -> Frame:
        """Return the model's frame, bent as the knobs say; on stage the last one again where it has failed."""
        self._compositor.judge()
        if not self.faults.rests(GENERATOR):
            with self.faults.tolerated(GENERATOR):
                self._imagine(ws, params, tick)
        for line in self.model.take_notes():  # a backend that failed in mid-show, a warp on a block that is not painted
            self._notify(Trouble(line))
        assert self._frame is not None  # off the stage a failure is raised, and on it there is a first picture
        return self._frame

    def _imagine(self, ws: NDArray[np.float32], params: Params, tick: Tick) -> None:
        """Make the frame. Where memory runs out, the next frame is smaller."""
        interpolation, start = self._interpolation, time.perf_counter()
        took = None
        try:
            if interpolation is not None and interpolation.begins():
                show, gpu = self._show_between, self.model.device.type == "cuda"
                self._frame, took = interpolation.run(show, gpu, self._generate, ws, params, tick)
            else:
                self._frame = self._generate(ws, params, tick)[0]
        except (MemoryError, RuntimeError, OSError) as error:
            if not (self.faults.on_stage and out_of_memory(error)):
                raise
            self._short = True
        now = time.perf_counter()
        if interpolation is not None:
            interpolation.arrived(now, max(now - start, self.model.device_seconds or 0.0), self._latch.fresh)
        self._meter.lap("generator", now - start if took is None else took)
        if self._short:  # only here: the error has released its memory
            self._short = False
            self.sizes.shrink()

    def _generate(self, ws: NDArray[np.float32], params: Params, tick: Tick) -> tuple[Frame, float]:
        """Return the frame and the seconds it took, in whatever thread this is."""
        start = time.perf_counter()
        frame = self.model(ws, params, tick)
        if not self.faults.rests(STYLE):
            try:
                self.style.paint(frame, params, tick)
            except Exception as error:
                if out_of_memory(error):
                    raise
                self.faults.failed(STYLE, error)  # the picture as generated stays
        return frame, time.perf_counter() - start

    def finish(self, frame: Frame, params: Params) -> Frame:
        """Return the frame with its style and without its background, as the knobs say by now."""
        painted = frame
        if not self.faults.rests(STYLE):
            with self.faults.tolerated(STYLE):  # the picture as generated stays
                painted = self.style.blend(frame, params)
        if not self.faults.rests(MATTE):
            with self.faults.tolerated(MATTE):  # and so does the whole picture
                return self._matte(frame, painted, self.model.keying, params)
        return painted

    def compose(self, frame: Frame, late: Latched, overlay: Scene, tick: Tick) -> Drawn:
        """Return the picture, drawn with what was ``late`` read."""
        params = late.params
        self._compositor.effects.hear(late.features)
        interpolation, meter = self._interpolation, self._meter
        fading = interpolation is not None and interpolation.on
        self._share = interpolation.share if interpolation is not None else 1.0
        if not self.faults.rests(UPLOAD):
            with self.faults.tolerated(UPLOAD):
                self._compositor.upload(frame, fading)
        meter.lap("upload")
        meter.add("upload", -self._compositor.texture.waited)  # that is the generator's time, on its device
        self._drawn_with, params = params, self._fade.step(params, tick.dt)
        self._shown, self._overlay, self._is_drawn = (params, tick), overlay, True
        start = time.perf_counter()
        if fading:  # pictures in between have passed some of the time
            tick = replace(tick, time=max(tick.time, self._drawn_for), dt=start - self._drawn)
        picture = self._compositor.draw(params, overlay, tick, self._share)
        self._drawn, self._drawn_for = time.perf_counter(), tick.time
        meter.lap("composite", share=self._share)
        if interpolation is not None:
            interpolation.drawn(self._drawn - start)
        if self._tap is not None:
            self._tap(tick)
            meter.lap("outputs")
        self._pin(params)
        return picture

    def _pin(self, params: Params) -> None:
        """Bring the picture to its place on the wall, once outputs and recordings have had it."""
        self._compositor.pin(params if self._pinned is None else self._pinned(params))

    def recollect(self, seen: Seen) -> None:
        """Take what the flash guard has seen of the frames in an earlier try; what it sees now is added."""
        self._compositor.guard.recollect(seen)

    def begin(self, time: float) -> None:
        """Show every picture from ``time`` on. UnseenPast is raised there where more of those before must be drawn."""
        self._compositor.guard.certain_from(time)

    def pass_by(self, params: Params, late: Params, tick: Tick) -> Shown:
        """Move on to ``tick`` without a frame; return which earlier frames it would show, drawn with ``late``."""
        generated = self.model.pass_by(params, tick)
        painted = self.style.pass_by(params, tick)
        drawn = self._leave_out(late, Scene(), tick)
        calm = ("style.calm",) if painted and params["style.calm"] > 0.0 else ()
        return Shown(generated, frozenset(painted), frozenset(drawn), (*calm, *self._compositor.endless()))

    @property
    def endless(self) -> bool:
        """Whether the next picture may look back at all that were drawn."""
        return self.style.endless or bool(self._compositor.endless())

    def memory(self) -> Memory:
        """Return what the style, the passes and the flash guard look back at behind the last frame."""
        return {**self.style.memory(), **self._compositor.memory()}

    def recall(self, memory: Memory) -> None:
        """Go on as a picture that has painted and drawn the frames that were passed by here."""
        self.style.recall(memory, self.model.device)
        self._compositor.recall(memory)

    def prepare(self, ws: NDArray[np.float32], params: Params, tick: Tick, made: Made) -> Frame | None:
        """Move the generator and the style on to ``tick``; return the frame where it is made."""
        if made is Made.DRAWN:
            return self.imagine(ws, params, tick)
        frame = None
        if made is Made.NOTHING:
            self.model.pass_by(params, tick)
        else:
            frame = self.model(ws, params, tick)
        if frame is not None and made is Made.PAINTED:
            self.style.paint(frame, params, tick)
        else:
            self.style.pass_by(params, tick)
        return frame

    def complete(self, frame: Frame | None, late: Latched, overlay: Scene, tick: Tick, made: Made) -> None:
        """Move the passes on to ``tick``, and draw the frame where it is drawn; nobody sees it."""
        if frame is not None and made is Made.DRAWN:
            self.compose(self.finish(frame, late.params), late, overlay, tick)
            self._compositor.look()
        else:
            self._leave_out(late.params, overlay, tick)
        self._meter.drop()

    def _leave_out(self, params: Params, overlay: Scene, tick: Tick) -> set[float]:
        """Move on to ``tick`` without a picture; return the times of the pictures that it would show."""
        self._drawn_with, params = params, self._fade.step(params, tick.dt)
        self._shown, self._overlay, self._is_drawn = (params, tick), overlay, False
        return self._compositor.pass_by(params, overlay, tick)

    def look(self, _moment: Moment) -> None:
        """Let the flash guard see what was presented."""
        start = time.perf_counter()
        self._compositor.look()
        self._meter.add("composite", time.perf_counter() - start)

    def _show_between(self, share: float) -> None:
        """Draw and present the two newest frames once more, with ``share`` of the newest."""
        if self._shown is None:
            return
        (params, tick), now = self._shown, time.perf_counter()
        self._share = share
        late = self._latch.between(self._drawn_with)
        if late is not None:
            self._compositor.effects.hear(late.features)
            params = late.params.placed({FADE: params[FADE]}) if FADE in params else late.params
        dt = now - self._drawn
        self._drawn, self._drawn_for = now, self._drawn_for + dt
        tick = replace(tick, time=self._drawn_for, dt=dt)
        picture = self._compositor.draw(params, self._overlay, tick, share)
        if self._tap is not None:
            self._tap(tick)
        self._pin(params)
        self._window.present(picture)
        self._meter.mark_between(share, late)
