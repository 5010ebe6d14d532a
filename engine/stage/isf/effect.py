"""An ISF shader that is compiled: it draws its passes from the picture before it, and keeps its buffers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.stage.isf.buffers import Buffer
from engine.stage.isf.expression import pixels
from engine.stage.isf.files import MIX, Shader
from engine.stage.isf.inputs import PICTURES, Value
from engine.stage.isf.translation import link
from engine.stage.passes.canvas import Canvas, Size
from engine.stage.passes.shader import link as link_own
from engine.stage.passes.source import ShaderError
from engine.stage.passes.source import read as read_own

FIRST_UNIT = 4  # the texture units below are those of our own passes
LAST_UNIT = 15  # OpenGL 3.3 promises a fragment shader sixteen
MAX_SIDE = 8192  # pixels; a buffer's side is no longer
RESULT = ""  # name of what a pass without TARGET draws to
BLANK = (3, 3)  # pixels; like most buffers no power of two, so that software OpenGL need not compile for it

Date = tuple[float, float, float, float]  # year, month, day, seconds of the day


@dataclass(frozen=True, slots=True)
class Moment:
    """When a picture is: seconds of the show, seconds since the last picture, and the date."""

    time: float
    dt: float
    date: Date


@dataclass(slots=True)
class _Pictures:
    """Textures that stay as they are: the imported pictures, and transparent ones of each precision."""

    ctx: moderngl.Context
    shader: Shader
    textures: dict[str, moderngl.Texture] = field(default_factory=dict)
    blank: dict[str, Canvas] = field(default_factory=dict)

    def transparent(self, dtype: str) -> moderngl.Texture:
        """Return a picture of nothing in the format of buffers of ``dtype``."""
        if dtype not in self.blank:
            self.blank[dtype] = Canvas.make(self.ctx, BLANK, dtype)
            self.blank[dtype].framebuffer.clear(0.0, 0.0, 0.0, 0.0)
        return self.blank[dtype].texture

    def release(self) -> None:
        """Give the textures back."""
        for texture in self.textures.values():
            texture.release()
        for canvas in self.blank.values():
            canvas.release()
        self.textures, self.blank = {}, {}

    def load(self) -> None:
        """Read the files; ShaderError names one that is no picture."""
        for name, path in self.shader.pictures:
            try:
                with Image.open(path) as picture:
                    rgba = np.asarray(picture.convert("RGBA"))[::-1]
            except (OSError, ValueError, Image.DecompressionBombError) as error:
                raise ShaderError(f"{self.shader.path}: {path} is no picture that can be read") from error
            texture = self.ctx.texture((rgba.shape[1], rgba.shape[0]), 4, np.ascontiguousarray(rgba).tobytes())
            texture.repeat_x = texture.repeat_y = False
            self.textures[name] = texture


class Effect:
    """A compiled ISF shader with its buffers; ``draw`` makes one picture."""

    def __init__(self, ctx: moderngl.Context, shader: Shader) -> None:
        """ShaderError, with the author's line, for a shader that does not compile."""
        self._ctx, self.shader = ctx, shader
        self._program = link(ctx, shader)
        self._quad = ctx.vertex_array(self._program, [])
        self._buffers: dict[str, Buffer] = {}
        self._pictures = _Pictures(ctx, shader)
        self.dry = False  # whether everything is drawn but points: a driver compiles what is left to compile
        self._frames = 0  # pictures drawn since it came on
        self._held: set[str] = set()  # events whose parameters are up
        self._uniforms = {name for name in self._program if isinstance(self._program[name], moderngl.Uniform)}
        self._finish = link_own(ctx, read_own("fullscreen.vert"), read_own("lib/isf.frag"), {})
        self._finish["previous"], self._finish["result"] = FIRST_UNIT, FIRST_UNIT + 1
        self._whole = ctx.vertex_array(self._finish, [])
        self._unmultiply = link_own(ctx, read_own("fullscreen.vert"), read_own("lib/straight.frag"), {})
        self._unmultiply["previous"] = FIRST_UNIT
        self._unmultiplied = ctx.vertex_array(self._unmultiply, [])
        self._seen: Canvas | None = None  # the picture with straight alpha
        try:
            self._units = self._place_samplers()
            self._pictures.load()
        except ShaderError:
            self.release()
            raise

    def _place_samplers(self) -> dict[str, int]:
        """Return the texture unit of every picture that the program reads."""
        header = self.shader.header
        names = [each.name for each in header.inputs if each.kind in PICTURES]
        names = [*names, *(name for name, _ in header.imported), *header.buffers]
        used = [name for name in names if name in self._uniforms]
        if len(used) > LAST_UNIT - FIRST_UNIT + 1:
            raise ShaderError(
                f"{self.shader.path}: reads {len(used)} pictures; {LAST_UNIT - FIRST_UNIT + 1} are the most"
            )
        units = {name: FIRST_UNIT + at for at, name in enumerate(used)}
        for name, unit in units.items():
            self._program[name] = unit
        return units

    def draw(
        self,
        picture: moderngl.Texture,
        others: Mapping[str, moderngl.Texture],
        params: Mapping[str, object],
        moment: Moment,
        to: Canvas,
        behind: bool = False,
    ) -> None:
        """Draw to ``to``: from ``picture``, which every image input shows that ``others`` has nothing for.

        ``others`` are textures by the names of inputs; ``params`` has the values of the inputs by their rows.
        ``behind``: a generator shows through the picture, and does not lie over it.
        """
        size = to.texture.size
        layered = params.get("layered", 0.0) != 0.0
        seen = self._straight(picture) if layered else picture
        values = self._values(params)
        self._set("TIME", moment.time)
        self._set("TIMEDELTA", moment.dt if self._frames else 0.0)
        self._set("DATE", moment.date)
        self._set("FRAMEINDEX", self._frames)
        for name, value in values.items():
            self._set(name, value)
        numbers = {name: float(value) for name, value in values.items() if not isinstance(value, tuple)}
        result = self._draw_passes(seen, others, numbers, size)
        self._finish["layered"], self._finish["behind"] = layered, behind
        self._put(picture, result, float(self._share(params)), to)
        self._frames += 1

    @property
    def remembers(self) -> bool:
        """Whether its next picture is made from what it drew before."""
        return any(target.persistent for target in self.shader.header.targets)

    def memory(self) -> dict[str, NDArray[Any]]:
        """Return what the buffers hold that stay from picture to picture, by their names."""
        kept = {target.name for target in self.shader.header.targets if target.persistent}
        return {
            name: buffer.shown.pixels()
            for name, buffer in self._buffers.items()
            if name in kept and buffer.shown is not None
        }

    def recall(self, name: str, pixels: NDArray[Any]) -> None:
        """Have the buffer ``name`` hold ``pixels`` [h, w, 4]."""
        buffer = self._buffer(name, False)
        buffer.release()
        buffer.shown = Canvas.filled(self._ctx, pixels)

    def pass_by(self, params: Mapping[str, object]) -> None:
        """Count a picture that is not drawn."""
        self._values(params)
        self._frames += 1

    def _values(self, params: Mapping[str, object]) -> dict[str, Value]:
        """Return the values of the inputs; an event is true in the one picture in which it happens."""
        values: dict[str, Value] = {}
        for each in self.shader.header.inputs:
            if each.kind in PICTURES:
                continue
            value = each.value(params, self.shader.prefix)
            if each.kind == "event":
                pressed = bool(value) and each.name not in self._held
                (self._held.add if value else self._held.discard)(each.name)
                value = pressed
            values[each.name] = value
        return values

    def _share(self, params: Mapping[str, object]) -> float:
        share = params.get(f"{self.shader.prefix}{MIX}", 1.0)
        own = any(each.name == MIX for each in self.shader.header.inputs)
        return 1.0 if own or not isinstance(share, (int, float)) else share

    def _draw_passes(
        self,
        picture: moderngl.Texture,
        others: Mapping[str, moderngl.Texture],
        numbers: Mapping[str, float],
        size: Size,
    ) -> moderngl.Texture:
        """Draw every pass; return the last one's texture."""
        sides = {**numbers, "WIDTH": float(size[0]), "HEIGHT": float(size[1])}
        targets = [
            (target, pixels(target.width, sides, size[0], MAX_SIDE), pixels(target.height, sides, size[1], MAX_SIDE))
            for target in self.shader.header.targets
        ]
        for each in self._buffers.values():
            each.written = False
        for target, wide, high in targets:
            buffer = self._buffer(target.name, target.floating)
            if target.persistent:
                buffer.keep((wide, high))
        result = picture
        for index, (target, wide, high) in enumerate(targets):
            buffer = self._buffer(target.name, target.floating)
            canvas = buffer.next((wide, high))
            self._bind(picture, others)
            self._set("PASSINDEX", index)
            self._set("RENDERSIZE", (float(wide), float(high)))
            canvas.framebuffer.use()
            self._ctx.viewport = (0, 0, 0, 0) if self.dry else (0, 0, wide, high)
            self._quad.render(moderngl.TRIANGLE_STRIP, vertices=4)
            buffer.flip()
            result = canvas.texture
        return result

    def _buffer(self, name: str, floating: bool) -> Buffer:
        if name not in self._buffers:
            floats = floating or any(t.floating for t in self.shader.header.targets if t.name == name)
            self._buffers[name] = Buffer(self._ctx, "f4" if floats else "f1" if name else "f2")
        return self._buffers[name]

    def _bind(self, picture: moderngl.Texture, others: Mapping[str, moderngl.Texture]) -> None:
        """Bind what the program reads. A buffer that nothing was drawn to yet is transparent."""
        images = {each.name for each in self.shader.header.inputs if each.kind == "image"}
        for name, unit in self._units.items():
            if (buffer := self._buffers.get(name)) is not None:
                shown = buffer.shown if buffer.written else None
                texture = self._pictures.transparent(buffer.dtype) if shown is None else shown.texture
            elif name in images:
                texture = others.get(name, picture)
            else:
                texture = self._pictures.textures.get(name) or others.get(name) or self._pictures.transparent("f4")
            texture.use(unit)

    def _straight(self, picture: moderngl.Texture) -> moderngl.Texture:
        """Return the picture with straight alpha, as shaders of other programs expect it."""
        if self._seen is None or self._seen.texture.size != picture.size:
            if self._seen is not None:
                self._seen.release()
            self._seen = Canvas.make(self._ctx, picture.size)
        picture.use(FIRST_UNIT)
        self._seen.framebuffer.use()
        self._ctx.viewport = (0, 0, 0, 0) if self.dry else (0, 0, *picture.size)
        self._unmultiplied.render(moderngl.TRIANGLES, vertices=3)
        return self._seen.texture

    def _put(self, picture: moderngl.Texture, result: moderngl.Texture, share: float, to: Canvas) -> None:
        """Draw the result to its place in the chain of passes."""
        to.framebuffer.use()
        self._ctx.viewport = (0, 0, 0, 0) if self.dry else (0, 0, *to.texture.size)
        picture.use(FIRST_UNIT)
        result.use(FIRST_UNIT + 1)
        self._finish["share"] = share
        self._finish["over"] = self.shader.header.is_generator
        self._whole.render(moderngl.TRIANGLES, vertices=3)

    def _set(self, name: str, value: Value) -> None:
        """Set a uniform, if the program uses it."""
        if name in self._uniforms:
            self._program[name] = value

    def forget(self) -> None:
        """Begin anew: the buffers are empty and the pictures are counted from 0."""
        for buffer in self._buffers.values():
            buffer.release()
        if self._seen is not None:
            self._seen.release()
        self._seen = None
        self._buffers = {}
        self._frames = 0
        self._held = set()

    def release(self) -> None:
        """Give everything back."""
        self.forget()
        self._pictures.release()
        for each in (self._quad, self._program, self._whole, self._finish, self._unmultiplied, self._unmultiply):
            each.release()
