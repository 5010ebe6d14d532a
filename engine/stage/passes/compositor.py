"""Draws the frame in the window: one fragment shader a pass, in the order that the preset lists."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import moderngl
from numpy.typing import NDArray

from engine.borders.contracts import Drawn, Footage, Frame, Window
from engine.borders.errors import Trouble
from engine.borders.faults import Faults
from engine.borders.made import Memory
from engine.borders.tick import Tick
from engine.borders.video import VIDEO, Seen
from engine.stage.desktop.desktop import Desktop
from engine.stage.desktop.overlay import Scene
from engine.stage.desktop.text import TextPanel
from engine.stage.isf.effects import Effects
from engine.stage.isf.files import is_behind, is_isf, switch_of
from engine.stage.isf.transition import Transition
from engine.stage.operator.panel import Panel
from engine.stage.operator.sheet import Sheet
from engine.stage.passes.backdrop import Backdrop
from engine.stage.passes.blend import Blend
from engine.stage.passes.canvas import Box, Size
from engine.stage.passes.chain import Chain, Values
from engine.stage.passes.enlarge import Enlarger
from engine.stage.passes.guard import Guard
from engine.stage.passes.mapping import PIN, SWITCH, Wall
from engine.stage.passes.passes import Passes
from engine.stage.passes.texture import FrameTexture
from engine.stage.passes.upright import Upright
from engine.stage.video.behind import Behind

PICTURE = "the picture"  # its name in lines for the performer
BACKDROP = "the background"  # likewise
BEHIND = "background"  # the pass that draws it
MASK = "mask"  # the pass that hides the picture where the video is dark
LOOK_EVERY = 12  # pictures from one look for saved shaders to the next
SLIVER = 1.02  # times; a picture this much too narrow or too low is cut to the window's shape and has no bars
USUAL_DT = 1.0 / 60.0  # seconds; from one picture to the next where no tick says it


class Compositor:
    """Draws a frame and lines of text on a window. Call it, or ``upload`` and ``draw`` to time them."""

    def __init__(
        self,
        window: Window,
        passes: tuple[str, ...] = ("grade",),
        shaders: Sequence[Path] = (),
        notify: Callable[[str], None] | None = None,
        guard: bool = True,
        faults: Faults | None = None,
        fit: float = 0.0,
        layer: bool = False,
    ) -> None:
        """``passes`` are names of files in ``shaders`` or shipped; ShaderError for one that is missing or broken.

        With ``notify`` the files are watched: a saved one is taken at once, a broken one is notified and the last good
        one runs on. ``guard`` False shows flashes that can hurt, see guard.py. ``faults`` on stage leave out a pass
        that fails, and keep the picture before where nothing can be drawn; every pass in ``shaders`` is then compiled
        at once, since a cue may ask for it. ``fit`` is the least that picture.fit is (1: no bars).
        A ``layer`` is for another program: nothing is drawn behind it.
        """
        self.window = window
        self.passes = passes
        self.texture = FrameTexture(window.ctx)
        self._library = Passes(window.ctx, shaders)
        self._notify = notify
        self._faults = faults or Faults()
        self.guard = Guard(window.ctx, self._library, guard)
        self._blend = Blend(window.ctx)
        self._enlarger = Enlarger(window.ctx)
        self._text = TextPanel(window.ctx)
        self._panel: Panel | None = None
        self.effects = Effects(window.ctx, shaders, lambda: window.size, self._faults.on_stage)
        self._chain = Chain(window.ctx, self._library, self.effects)
        self._backdrop, self._video = Backdrop(window.ctx), Backdrop(window.ctx)
        self._upright = Upright(window.ctx)
        self._is_video = False  # whether the background is the video in
        self._wall, self._painted = Wall(window.ctx, self._library), False
        self._transition = Transition()
        self._desktop = Desktop(window.ctx)
        self._area: Box = (0, 0, *window.size)  # the part of the window that the picture has
        self._time, self._draws = 0.0, 0
        self._unlooked = False  # whether the guard has not seen the last picture
        self._fit, self._layer = fit, layer
        self.load((*passes, "place"))  # now, so that nothing fails in the show
        if notify is not None and self._faults.on_stage:
            self._library.load_own(notify)

    def __call__(
        self, frame: Frame, params: Mapping[str, float], overlay: tuple[str, ...] | Scene = (), tick: Tick | None = None
    ) -> Drawn:
        """Upload ``frame``, draw it, return the picture."""
        self.upload(frame)
        return self.draw(params, overlay, tick)

    def load(self, passes: tuple[str, ...]) -> None:
        """Compile what is new among ``passes``; ShaderError for one that is missing or broken."""
        for name in passes:
            if is_isf(name):
                self.effects.load(name)
            else:
                self._library.load(name)

    def change(self, passes: tuple[str, ...]) -> None:
        """Draw by other passes from the next picture on. The passes that stay keep what they remember."""
        self.look()
        self.load(tuple(name for name in passes if not is_isf(name)))
        for name in filter(is_isf, passes):
            self._faults.attempt(name, self.effects.load, name)  # what was tried beside the show may still fail in it
        self.passes = passes

    def begin_anew(self) -> None:
        """Let the passes that look back forget what they saw."""
        self._chain.restart()

    def show(self, footage: Footage | None) -> None:
        """Have ``footage`` behind the picture from the next one on, where the pass background is drawn."""
        self._is_video = isinstance(footage, Behind)
        self._backdrop.show(None if self._is_video else footage)

    def see(self, video: Seen | None) -> None:
        """Have ``video`` for the passes and ISF shaders that read it, and for a background that is it."""
        self._video.show(video)

    def cross(self, name: str, seconds: float) -> bool:
        """Lead from the next picture that is drawn to those after it by the ISF shader ``name``, for ``seconds``.

        Return whether that begins: on stage a shader that was not loaded before is told, and the cue does without.
        """
        if name not in self.effects:
            if self._faults.on_stage:
                if self._notify is not None:
                    self._notify(Trouble(f"{name} is new in this show: it can lead from preset to preset in the next"))
                return False
            self.effects.load(name)
        self._transition.begin(name, self.effects.progress_of(name), seconds)
        self._chain.cross(name)
        return True

    def upload(self, frame: Frame, keep: bool = False) -> None:
        """Bring the frame, uint8 [H, W, 4], to its texture; ``keep`` the one before, to fade from."""
        if self._unlooked:
            self.look()
        texture = self._blend.before if keep else self.texture
        texture.write(frame)
        if keep:
            self.texture = self._blend.keep(self.texture)

    def draw(
        self,
        params: Mapping[str, float],
        overlay: tuple[str, ...] | Scene = (),
        tick: Tick | None = None,
        share: float = 1.0,
    ) -> Drawn:
        """Draw the uploaded frame through the passes and the overlay over it; return the framebuffer.

        ``share`` is of the newest frame in the picture; below 1 it fades in over the frame before.
        """
        if self._unlooked:
            self.look()
        self._painted = False
        attempt, scene = self._faults.attempt, overlay if isinstance(overlay, Scene) else Scene(overlay)
        if not self._faults.rests(PICTURE):
            with self._faults.tolerated(PICTURE):
                self._paint(params, scene, isinstance(overlay, Scene), tick, share)
                self._painted = True
        if scene.notices:
            attempt("the overlay", self._text.draw, scene.notices, self.window.target, self.window.size)
        if scene.panel is not None:
            attempt("the panel", self._show, scene.panel)
        return self.window.target

    def pin(self, params: Mapping[str, float]) -> None:
        """Bring the picture that was drawn to its corners on the wall; where none was drawn the one before is there."""
        if params.get(SWITCH, 0.0) > 0.0 and self._painted and PIN not in self.passes:
            self._painted = False
            self._faults.attempt(PIN, self._wall, self.window.target, self.window.size, params)

    def _paint(self, params: Mapping[str, float], scene: Scene, desktop: bool, tick: Tick | None, share: float) -> None:
        """Draw the picture, in the ``desktop`` if it is on; where that fails the picture before stays."""
        self._draws += 1
        if self._notify is not None and self._draws % LOOK_EVERY == 0:
            self.effects.reload(self._notify)
            if self._library.reload(self._notify):
                self._chain.restart()
        dt = USUAL_DT if tick is None else tick.dt
        desktop = desktop and self._step_desktop(params, scene, dt)
        least = self._fit * (1.0 - params["picture.spread"])
        fit, self._area = max(params["picture.fit"], least), (0, 0, *self.window.size)
        if desktop:
            self._faults.attempt("the desktop", self._draw_under, params)
            fit = max(fit, self._desktop.fit)
        fit = self._filling(fit)
        frame = self._frame(params["picture.zoom"], fit, share)
        if frame is None:
            self.window.target.clear()
            return
        self._time = self._time + dt if tick is None else tick.time
        # A window on the desktop is opaque. What else may show through is there for trails, a background and outputs.
        cut_out = self._layer or params["picture.matte"] > 0.0 or (MASK in self.passes and params["mask.amount"] > 0.0)
        behind = any(map(_is_behind, self.passes)) and not self._layer
        layered = 1.0 if behind else cut_out * (1.0 - self._desktop.apart if desktop else 1.0)
        values = {
            **params,
            "picture.fit": fit,
            "resolution": self._area[2:],
            "time": self._time,
            "dt": dt,
            "layered": layered,
            **self._transition.step(dt),
        }
        self.guard.begin(self._time, dt, -1 if tick is None else tick.index)
        to, box = self.window.target, self._area
        if self.guard.holding:
            to, box = self.guard.candidate(box[2:]), (0, 0, *box[2:])
        self._draw_passes(frame, params, values, to, box)
        if self.guard.holding:
            self.guard.let_through(self.window.target, self._area, dt)
        self._unlooked = True
        if desktop:
            self._faults.attempt("the desktop", self._desktop.over, self.window.target, self.window.size, params)

    def _draw_under(self, params: Mapping[str, float]) -> None:
        """Draw the part of the desktop that is under the picture, and give the picture its place."""
        self._area = self._desktop.area(self.window.size, params)
        self._desktop.under(self.window.target, self.window.size, params)

    def _filling(self, fit: float) -> float:
        """Return 1.0 where bars would be a sliver: a picture that was painted for the window fills it to the edge."""
        texture = self.texture.texture
        if texture is None:
            return fit
        low, high = sorted((self._area[2] / texture.width, self._area[3] / texture.height))
        return 1.0 if low < high < SLIVER * low else fit

    def _draw_passes(
        self, frame: moderngl.Texture, params: Mapping[str, float], values: Values, to: moderngl.Framebuffer, box: Box
    ) -> None:
        """Draw ``frame`` through the passes whose amount is above 0; on stage without those that fail."""
        on = self._on(params)
        backdrop, video = self._textures(on, params, box[2:])
        if video is None:
            on = [name for name in on if is_isf(name) or not self._library.reads(name, VIDEO)]
        while True:
            try:
                return self._chain.draw(frame, on, values, to, box, backdrop, video)
            except Exception as error:
                if self._chain.at not in on:
                    raise
                self._faults.failed(self._chain.at, error)
            on.remove(self._chain.at)

    def _textures(
        self, on: Sequence[str], params: Mapping[str, float], size: Size
    ) -> tuple[moderngl.Texture | None, moderngl.Texture | None]:
        """Return what lies behind the picture, and the video in where something reads it."""
        backdrop = video = None
        if BEHIND in on and not self._faults.rests(BACKDROP):
            with self._faults.tolerated(BACKDROP):
                backdrop = (self._video if self._is_video else self._backdrop).texture(self._time)
        if any(self._reads_video(name, params) for name in on) and not self._faults.rests(VIDEO):
            with self._faults.tolerated(VIDEO):
                newest = self._video.texture(self._time)
                video = None if newest is None else self._upright(newest, self._video.number, size)
        return backdrop, video

    def _reads_video(self, name: str, params: Mapping[str, float]) -> bool:
        return self.effects.shows_video(name, params) if is_isf(name) else self._library.reads(name, VIDEO)

    def _on(self, params: Mapping[str, float]) -> list[str]:
        """Return the passes that have something to do."""
        on = []
        for name in self.passes:
            if self._layer and _is_behind(name):
                continue
            if params.get(switch_of(name), 1.0) > 0.0 and not (self._faults.failing and self._faults.rests(name)):
                on.append(name)
        if self._transition.name and not self._faults.rests(self._transition.name):
            on.append(self._transition.name)
        return on

    def _step_desktop(self, params: Mapping[str, float], scene: Scene, dt: float) -> bool:
        """Move the desktop on; return whether there is anything of it to draw."""
        if params["desktop.mode"] <= 0.0 and self._desktop.away:
            return False
        return self._desktop.step(params, scene, dt)

    def pass_by(self, params: Mapping[str, float], scene: Scene, tick: Tick) -> set[float]:
        """Move on to ``tick`` without a picture; return the times of the pictures that its picture would still show."""
        self._unlooked = False
        self._step_desktop(params, scene, tick.dt)
        self._time = tick.time
        self.guard.pass_by(tick.time, tick.dt, tick.index)
        values = {**params, "time": tick.time, **self._transition.step(tick.dt)}
        return self._chain.pass_by(self._on(params), values)

    def endless(self) -> tuple[str, ...]:
        """Return the passes that draw from their own last picture, of those that were drawn or passed by last."""
        return self._chain.endless()

    def memory(self) -> dict[str, NDArray[Any]]:
        """Return what the passes and the flash guard look back at behind the picture that was drawn last."""
        self.look()
        return self._chain.memory() | self.guard.memory()

    def recall(self, memory: Memory) -> None:
        """Go on as one that has drawn the pictures that were passed by here."""
        self._chain.recall(memory)
        self.guard.recall(memory)

    def _show(self, sheet: Sheet) -> None:
        """Draw the performer's panel over everything."""
        self._panel = self._panel or Panel(self.window.ctx)
        self._panel.draw(sheet, self.window.target)

    def look(self) -> None:
        """Show the guard the last picture, once. The best time is after it was presented, when nobody waits."""
        if self._unlooked:
            self._unlooked = False
            self._faults.attempt("the flash guard", self.guard.look, self._chain.again)

    def judge(self) -> None:
        """Let the guard judge the last picture: before the generator is started, which a read would wait for."""
        self._faults.attempt("the flash guard", self.guard.judge)

    def _frame(self, zoom: float, fit: float, share: float) -> moderngl.Texture | None:
        """Return the frame at a size that suits the window; None before the first frame."""
        texture = self.texture.texture
        if texture is None:
            return None
        if share < 1.0:
            texture = self._blend(texture, share)
        low, high = sorted((self._area[2] / texture.width, self._area[3] / texture.height))
        scale = low + fit * (high - low)
        if scale > 1.0:  # zoom does not count here: it moves, and every other factor needs another texture
            texture = self._enlarger(texture, max(2, math.ceil(scale / 2.0)))
        elif scale * zoom < 1.0:
            texture.build_mipmaps()
            texture.filter = moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR
        else:
            texture.filter = moderngl.LINEAR, moderngl.LINEAR
        return texture

    def close(self) -> None:
        """Release the textures; the context itself belongs to the window."""
        self._unlooked = False
        self._chain.release()
        self.effects.release()
        self.guard.release()
        for each in (self._backdrop, self._video, self._upright, self._wall):
            each.release()
        self.texture.close()
        self._blend.release()
        self._enlarger.release()
        self._text.release()
        if self._panel is not None:
            self._panel.release()
        self._desktop.release()


def _is_behind(name: str) -> bool:
    """Whether the pass draws what shows through the picture."""
    return name == BEHIND or is_behind(name)
