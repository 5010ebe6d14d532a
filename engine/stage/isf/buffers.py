"""The buffers that an ISF shader draws to and reads: two textures each, for a pass may read its own last picture."""

from __future__ import annotations

from dataclasses import dataclass, field

import moderngl

from engine.stage.passes.canvas import Canvas, Size

NOTHING = (0.0, 0.0, 0.0, 0.0)  # what a buffer holds before anything was drawn


@dataclass(slots=True)
class Buffer:
    """A buffer by name. ``shown`` is what is read; ``next`` gives what is drawn to."""

    ctx: moderngl.Context
    dtype: str  # moderngl's: "f1" are 8 bits, "f2" half floats, "f4" floats
    shown: Canvas | None = None
    written: bool = False  # in this picture
    _spare: Canvas | None = field(default=None)

    def next(self, size: Size) -> Canvas:
        """Return the canvas to draw to, empty; what is ``shown`` is brought to ``size`` where that has changed."""
        if self._spare is not None and self._spare.texture.size != size:
            self._spare.release()
            self._spare = None
        self._spare = self._spare or self._make(size)
        if self.shown is not None and self.shown.texture.size != size:
            self.shown = self._resized(self.shown, size)
        self._spare.framebuffer.clear(*NOTHING)
        return self._spare

    def keep(self, size: Size) -> None:
        """Have something to read from the first picture on, of the size that the buffer will have."""
        if self.shown is None:
            self.shown = self._make(size)
        self.written = True

    def flip(self) -> None:
        """Show what was drawn."""
        self.shown, self._spare, self.written = self._spare, self.shown, True

    def _make(self, size: Size) -> Canvas:
        canvas = Canvas.make(self.ctx, size, self.dtype)
        canvas.framebuffer.clear(*NOTHING)
        return canvas

    def _resized(self, old: Canvas, size: Size) -> Canvas:
        """Return the picture at another size: what a persistent buffer holds stays."""
        new = self._make(size)
        old.texture.use(COPY_UNIT)
        program = self.ctx.program(vertex_shader=_VERTEX, fragment_shader=_COPY)
        program["image"] = COPY_UNIT
        quad = self.ctx.vertex_array(program, [])
        new.framebuffer.use()
        self.ctx.viewport = (0, 0, *size)
        quad.render(moderngl.TRIANGLES, vertices=3)
        quad.release()
        program.release()
        old.release()
        return new

    def release(self) -> None:
        """Give the textures back."""
        for canvas in (self.shown, self._spare):
            if canvas is not None:
                canvas.release()
        self.shown = self._spare = None
        self.written = False


COPY_UNIT = 4  # a texture unit that no pass of ours uses
_VERTEX = """#version 330 core
out vec2 uv;
void main() {
    uv = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
    gl_Position = vec4(uv * 2.0 - 1.0, 0.0, 1.0);
}
"""
_COPY = """#version 330 core
in vec2 uv;
out vec4 colour;
uniform sampler2D image;
void main() { colour = texture(image, uv); }
"""
