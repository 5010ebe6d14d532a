"""The frame in the window: one fragment shader a pass, in the order that the preset lists."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import moderngl

from engine.clock import Tick
from engine.stage.enlarge import Enlarger
from engine.stage.shader import compile_pass, read
from engine.stage.text import TextPanel
from engine.stage.texture import FrameTexture

UNITS = {"frame": 0, "previous": 1}  # samplers and their texture units


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


@dataclass(slots=True)
class _Pass:
    program: moderngl.Program
    quad: moderngl.VertexArray
    uniforms: frozenset[str]


class Compositor:
    """Draws a frame and lines of text on a window. Call it, or ``upload`` and ``draw`` to time them."""

    def __init__(self, window: Surface, passes: tuple[str, ...] = ("grade",)) -> None:
        """``passes`` are names of files in shaders/; ShaderError for one that is not there or is broken."""
        self.window = window
        self.passes = passes
        self.texture = FrameTexture(window.ctx)
        self._enlarger = Enlarger(window.ctx)
        self._text = TextPanel(window.ctx)
        self._programs: dict[tuple[str, bool, bool], _Pass] = {}
        self._canvases: list[tuple[moderngl.Texture, moderngl.Framebuffer]] = []
        self._pointwise = {name: read(f"{name}.frag").pointwise for name in self._check(passes)}

    def _check(self, passes: tuple[str, ...]) -> tuple[str, ...]:
        """Return ``passes`` and the pass that places; compile each now, so that nothing fails in the show."""
        for name in passes:
            self._program(name, first=False, last=True)
        return (*passes, "place")

    def __call__(
        self, frame: Any, params: Mapping[str, float], overlay: tuple[str, ...] = (), tick: Tick | None = None
    ) -> moderngl.Framebuffer:
        """Upload ``frame``, draw it, return the picture."""
        self.upload(frame)
        return self.draw(params, overlay, tick)

    def upload(self, frame: Any) -> None:
        """Bring the frame, a uint8 tensor [H, W, 4], to its texture."""
        self.texture.write(frame)

    def draw(
        self, params: Mapping[str, float], overlay: tuple[str, ...] = (), tick: Tick | None = None
    ) -> moderngl.Framebuffer:
        """Draw the uploaded frame through the passes and the overlay over it; return the framebuffer."""
        if not self._frame(params["picture.zoom"]):
            self.window.target.clear()
            return self.window.target
        chain = self._chain(params)
        for index, name in enumerate(chain):
            first, last = index == 0, index == len(chain) - 1
            self._render(name, first, last, params)
        self._text.draw(overlay, self.window.target, self.window.size)
        return self.window.target

    def _chain(self, params: Mapping[str, float]) -> list[str]:
        """Return the passes that have something to do; one that looks around itself needs a placed frame."""
        chain = [name for name in self.passes if params.get(f"{name}.amount", 1.0) > 0.0]
        if not chain or not self._pointwise[chain[0]]:
            chain.insert(0, "place")
        return chain

    def _frame(self, zoom: float) -> bool:
        """Bind the frame at a size that suits the window; False before the first one."""
        texture = self.texture.texture
        if texture is None:
            return False
        scale = min(self.window.size[0] / texture.width, self.window.size[1] / texture.height)
        if scale > 1.0:  # without zoom, which moves: another factor would be another texture
            texture = self._enlarger(texture, max(2, math.ceil(scale / 2.0)))
        elif scale * zoom < 1.0:
            texture.build_mipmaps()
            texture.filter = moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR
        else:
            texture.filter = moderngl.LINEAR, moderngl.LINEAR
        texture.use(UNITS["frame"])
        return True

    def _render(self, name: str, first: bool, last: bool, params: Mapping[str, float]) -> None:
        """Run one pass from what came before it to a canvas or, the last one, to the window."""
        step = self._program(name, first, last)
        size = self.window.size
        texture, target = (None, self.window.target) if last else self._canvas(size)
        target.use()
        self.window.ctx.viewport = (0, 0, *size)
        for uniform in step.uniforms & params.keys():  # a uniform is named like its parameter
            step.program[uniform] = params[uniform]
        if "resolution" in step.uniforms:
            step.program["resolution"] = size
        step.quad.render(moderngl.TRIANGLES, vertices=3)
        if texture is not None:
            texture.use(UNITS["previous"])

    def _canvas(self, size: tuple[int, int]) -> tuple[moderngl.Texture, moderngl.Framebuffer]:
        """Return the half-float canvas that was not drawn to last; both are made anew on a resize."""
        if not self._canvases or self._canvases[0][0].size != size:
            self._drop_canvases()
            for _ in range(2):
                texture = self.window.ctx.texture(size, 4, dtype="f2")
                texture.repeat_x = texture.repeat_y = False
                self._canvases.append((texture, self.window.ctx.framebuffer([texture])))
        self._canvases.reverse()
        return self._canvases[0]

    def _drop_canvases(self) -> None:
        for texture, framebuffer in self._canvases:
            framebuffer.release()
            texture.release()
        self._canvases = []

    def _program(self, name: str, first: bool, last: bool) -> _Pass:
        key = (name, first, last)
        if key not in self._programs:
            defines = {word: "1" for word, on in (("FIRST", first), ("LAST", last)) if on}
            program = compile_pass(self.window.ctx, name, defines)
            uniforms = frozenset(program)
            for sampler, unit in UNITS.items():
                if sampler in uniforms:
                    program[sampler] = unit
            self._programs[key] = _Pass(program, self.window.ctx.vertex_array(program, []), uniforms)
        return self._programs[key]

    def close(self) -> None:
        """Release the textures; the context itself belongs to the window."""
        self._drop_canvases()
        self.texture.close()
        self._enlarger.release()
        self._text.release()
