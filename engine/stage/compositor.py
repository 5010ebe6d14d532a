"""The frame in the window: one fragment shader a pass, in the order that the preset lists."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import moderngl

from engine.clock import Tick
from engine.stage.blend import Blend
from engine.stage.canvas import Box, Canvas, Pair
from engine.stage.desktop import Desktop
from engine.stage.enlarge import Enlarger
from engine.stage.guard import Guard
from engine.stage.overlay import Scene
from engine.stage.panel import Panel
from engine.stage.passes import UNITS, Passes
from engine.stage.text import TextPanel
from engine.stage.texture import FrameTexture

USUAL_DT = 1.0 / 60.0  # seconds, where nobody gives a tick
LONG_AGO = 1e6  # seconds: what a pass that comes on is told of its last picture


class Surface(Protocol):
    """What a compositor draws on: a GL context and the framebuffer in it that is the window."""

    @property
    def ctx(self) -> moderngl.Context:
        """The context everything is made in."""
        ...

    @property
    def target(self) -> moderngl.Framebuffer:
        """The framebuffer that is shown."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Its size in pixels, now."""
        ...


class Compositor:
    """Draws a frame and lines of text on a window. Call it, or ``upload`` and ``draw`` to time them."""

    def __init__(
        self,
        window: Surface,
        passes: tuple[str, ...] = ("grade",),
        shaders: Path | None = None,
        notify: Callable[[str], None] | None = None,
        guard: bool = True,
    ) -> None:
        """``passes`` are names of files in ``shaders``; ShaderError for one that is not there or is broken.

        With ``notify`` the files are watched: a saved one is taken at once, a broken one is notified and
        leaves the last good one running. ``guard`` False shows flashes that can hurt, see guard.py.
        """
        self.window = window
        self.passes = passes
        self.texture = FrameTexture(window.ctx)
        self._library = Passes(window.ctx, shaders)
        self._notify = notify
        self.guard = Guard(window.ctx, self._library, guard)
        self.share = 1.0  # of the newest frame in the picture; less fades it in over the one before
        self._blend = Blend(window.ctx)
        self._enlarger = Enlarger(window.ctx)
        self._text = TextPanel(window.ctx)
        self._panel: Panel | None = None
        self._canvases = Pair(window.ctx)
        self._memories: dict[str, Pair] = {}  # of the passes that are on and look back
        self._prepared: dict[str, Canvas] = {}
        self._desktop = Desktop(window.ctx)
        self._area: Box = (0, 0, *window.size)  # of the window, that the picture has
        self._time = 0.0
        self._bound: dict[str, moderngl.Texture] = {}  # by unit: what the passes read
        self._unlooked: Callable[[moderngl.Framebuffer, Box], None] | None = None
        self.fit = 0.0  # the least that picture.fit is
        for name in (*passes, "place"):  # now, so that nothing fails in the show
            self._library.load(name)

    def __call__(
        self, frame: Any, params: Mapping[str, float], overlay: tuple[str, ...] | Scene = (), tick: Tick | None = None
    ) -> moderngl.Framebuffer:
        """Upload ``frame``, draw it, return the picture."""
        self.upload(frame)
        return self.draw(params, overlay, tick)

    def change(self, passes: tuple[str, ...]) -> None:
        """Draw by other passes from the next picture on; what the common ones remember stays."""
        self.look()
        for name in passes:
            self._library.load(name)
        self.passes = passes

    def upload(self, frame: Any, keep: bool = False) -> None:
        """Bring the frame, uint8 [H, W, 4], to its texture; ``keep`` the one before, to fade from."""
        self.look()
        if keep:
            self.texture = self._blend.keep(self.texture)
        self.texture.write(frame)

    def draw(
        self, params: Mapping[str, float], overlay: tuple[str, ...] | Scene = (), tick: Tick | None = None
    ) -> moderngl.Framebuffer:
        """Draw the uploaded frame through the passes and the overlay over it; return the framebuffer."""
        self.look()
        self._bound = {}
        if self._notify is not None and self._library.reload(self._notify):
            self._forget(set())
        scene = overlay if isinstance(overlay, Scene) else Scene(overlay)
        dt = USUAL_DT if tick is None else tick.dt
        desktop = isinstance(overlay, Scene) and self._desktop.step(params, scene, dt)
        whole = (0, 0, *self.window.size)
        self._area = self._desktop.area(self.window.size, params) if desktop else whole
        if desktop:
            self._desktop.under(self.window.target, self.window.size, params)
        fit = max(params["picture.fit"], self.fit, self._desktop.fit)
        if not self._frame(params["picture.zoom"], fit):
            self.window.target.clear()
            return self.window.target
        self._time = self._time + dt if tick is None else tick.time
        values = {**params, "picture.fit": fit, "resolution": self._area[2:], "time": self._time, "dt": dt}
        chain = self._chain(params)
        self._forget(set(chain))
        self.guard.begin(self._time, dt)
        for index, name in enumerate(chain):
            first, last = index == 0, index == len(chain) - 1
            flags = [flag for flag, on in (("FIRST", first), ("LAST", last)) if on]
            self._step(name, flags, values)
        self.guard.end(self.window.target, self._area, dt)
        self._unlooked = partial(self._again, chain, values)
        if desktop:
            self._desktop.over(self.window.target, self.window.size, params)
        self._text.draw(scene.notices, self.window.target, self.window.size)
        if scene.panel is not None:
            self._panel = self._panel or Panel(self.window.ctx)
            self._panel.draw(scene.panel, self.window.target)
        return self.window.target

    def look(self) -> None:
        """Show the guard what was drawn, if it has not seen it yet: best once it was presented and nobody waits."""
        again, self._unlooked = self._unlooked, None
        if again is not None:
            self.guard.look(again)

    def _chain(self, params: Mapping[str, float]) -> list[str]:
        """Return the passes that have something to do, framed by ``place`` where one cannot stand at an end."""
        chain = [name for name in self.passes if params.get(f"{name}.amount", 1.0) > 0.0]
        if not chain or not self._library.traits(chain[0]).once:
            chain.insert(0, "place")  # one that looks around itself needs a frame that is in its place
        if self._library.traits(chain[-1]).last:
            chain.append("place")  # one that looks back draws to its memory, not to the window
        return chain

    def _step(self, name: str, flags: list[str], values: dict[str, Any]) -> None:
        """Run one pass from what came before it to a canvas or, the last one, to the window."""
        traits = self._library.traits(name)
        for shader, divisor in traits.prepare:
            self._prepare(shader, divisor, values)
        fresh = (traits.last or traits.held) and name not in self._memories
        if fresh:
            self._memories[name] = Pair(self.window.ctx, "f4")  # half floats stop short of a slow fade's end
        if traits.held:
            self._hold(name, flags, values, fresh)
        if traits.last:
            memory = self._memories[name]
            if memory.both and memory.both[0].texture.size == self._area[2:]:
                self._bind("last", memory.both[0].texture)
            else:
                fresh = True
            values = {**values, "dt": LONG_AGO if fresh else values["dt"]}
            self._render(name, flags, values, memory.next(self._area[2:]))
        else:
            self._render(name, flags, values, None)

    def _hold(self, name: str, flags: list[str], values: dict[str, Any], fresh: bool) -> None:
        """Keep the picture that a pass finds when it comes on, and show it that one."""
        memory = self._memories[name]
        if fresh or memory.both[0].texture.size != self._area[2:]:
            before = [flag for flag in flags if flag == "FIRST"]
            kept = memory.next(self._area[2:])
            self._draw_to(kept.framebuffer, (0, 0, *self._area[2:]))
            self._library.get("place", *before).render(values)
        self._bind("last", memory.both[0].texture)

    def _prepare(self, shader: str, divisor: int, values: dict[str, Any]) -> None:
        """Draw what a pass looks at, smaller than the window and with mipmaps."""
        size = (max(1, self._area[2] // divisor), max(1, self._area[3] // divisor))
        canvas = self._prepared.get(shader)
        if canvas is None or canvas.texture.size != size:
            if canvas is not None:
                canvas.release()
            canvas = self._prepared[shader] = Canvas.make(self.window.ctx, size)
            canvas.texture.build_mipmaps()
            canvas.texture.filter = moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR
        self._draw_to(canvas.framebuffer, (0, 0, *size))
        self._library.get(shader).render(values)
        canvas.texture.build_mipmaps()
        self._bind("prepared", canvas.texture)

    def _render(self, name: str, flags: list[str], values: dict[str, Any], canvas: Canvas | None) -> None:
        size = self._area[2:]
        if canvas is None and "LAST" not in flags:
            canvas = self._canvases.next(size)
        if canvas is not None:
            self._draw_to(canvas.framebuffer, (0, 0, *size))
        elif self.guard.holding:
            self._draw_to(self.guard.candidate(size), (0, 0, *size))
        else:
            self._draw_to(self.window.target, self._area)
        self._library.get(name, *flags).render(values)
        if canvas is not None:
            self._bind("previous", canvas.texture)

    def _again(self, chain: list[str], values: dict[str, Any], to: moderngl.Framebuffer, box: Box) -> None:
        """Draw the last pass once more, from what it has read."""
        for unit, texture in self._bound.items():
            texture.use(UNITS[unit])
        self._draw_to(to, box)
        flags = ("FIRST", "LAST") if len(chain) == 1 else ("LAST",)
        self._library.get(chain[-1], *flags).render(values)

    def _bind(self, unit: str, texture: moderngl.Texture) -> None:
        self._bound[unit] = texture
        texture.use(UNITS[unit])

    def _draw_to(self, target: moderngl.Framebuffer, box: Box) -> None:
        target.use()
        self.window.ctx.viewport = box

    def _frame(self, zoom: float, fit: float) -> bool:
        """Bind the frame at a size that suits the window; False before the first one."""
        texture = self.texture.texture
        if texture is None:
            return False
        texture = self._blend(texture, self.share)
        low, high = sorted((self._area[2] / texture.width, self._area[3] / texture.height))
        scale = low + fit * (high - low)
        if scale > 1.0:  # without zoom, which moves: another factor would be another texture
            texture = self._enlarger(texture, max(2, math.ceil(scale / 2.0)))
        elif scale * zoom < 1.0:
            texture.build_mipmaps()
            texture.filter = moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR
        else:
            texture.filter = moderngl.LINEAR, moderngl.LINEAR
        self._bind("frame", texture)
        return True

    def _forget(self, on: set[str]) -> None:
        """Drop the memory of the passes that are off: they begin anew."""
        for name in self._memories.keys() - on:
            self._memories.pop(name).release()

    def close(self) -> None:
        """Release the textures; the context itself belongs to the window."""
        self._unlooked, self._bound = None, {}
        self._forget(set())
        for canvas in self._prepared.values():
            canvas.release()
        self._prepared = {}
        self._canvases.release()
        self.guard.release()
        self.texture.close()
        self._blend.release()
        self._enlarger.release()
        self._text.release()
        if self._panel is not None:
            self._panel.release()
        self._desktop.release()
