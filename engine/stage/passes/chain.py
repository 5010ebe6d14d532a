"""The passes in the order that the preset lists, each drawn from what came before it, with what they look back at."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import moderngl

from engine.stage.passes.canvas import Box, Canvas, Pair, Size
from engine.stage.passes.passes import UNITS, Passes

LONG_AGO = 1e6  # seconds: what a pass that comes on is told of its last picture


class Chain:
    """Draws a frame through passes: from canvas to canvas, the last one to where it is asked to."""

    def __init__(self, ctx: moderngl.Context, library: Passes) -> None:
        """``library`` has every pass that is drawn loaded."""
        self._ctx, self._library = ctx, library
        self._canvases = Pair(ctx)
        self._memories: dict[str, Pair] = {}  # of the passes that are on and look back
        self._prepared: dict[str, Canvas] = {}
        self._bound: dict[str, moderngl.Texture] = {}  # by unit: what the passes read
        self._size: Size = (1, 1)
        self.at = ""  # the pass that was begun last
        self._last: tuple[str, list[str], Mapping[str, Any]] | None = None  # the pass that was drawn last

    def order(self, passes: Collection[str], params: Mapping[str, float]) -> list[str]:
        """Return those that have something to do, framed by ``place`` where one cannot stand at an end."""
        chain = [name for name in passes if params.get(f"{name}.amount", 1.0) > 0.0]
        if not chain or not self._library.traits(chain[0]).once:
            chain.insert(0, "place")  # one that looks around itself needs a frame that is in its place
        if self._library.traits(chain[-1]).last:
            chain.append("place")  # one that looks back draws to its memory, not to the window
        return chain

    def draw(
        self, frame: moderngl.Texture, chain: list[str], values: Mapping[str, Any], to: moderngl.Framebuffer, box: Box
    ) -> None:
        """Draw ``frame`` through ``chain`` to the ``box`` of ``to``; ``values`` are uniforms by name."""
        self._size, self._bound = box[2:], {}
        self._bind("frame", frame)
        self.forget(chain)
        for index, name in enumerate(chain):
            self.at = name
            flags = [flag for flag, on in (("FIRST", index == 0), ("LAST", index == len(chain) - 1)) if on]
            traits = self._library.traits(name)
            for shader, divisor in traits.prepare:
                self._prepare(shader, divisor, values)
            if traits.held:
                self._hold(name, flags, values)
            if traits.last:
                self._remember(name, flags, values)
            elif "LAST" in flags:
                self._last = name, flags, values
                self.again(to, box)
            else:
                self._render(name, flags, values, self._canvases.next(self._size))

    def again(self, to: moderngl.Framebuffer, box: Box) -> None:
        """Draw the last pass once more, from what it has read."""
        assert self._last is not None
        for unit, texture in self._bound.items():
            texture.use(UNITS[unit])
        self._draw_to(to, box)
        name, flags, values = self._last
        self._library.get(name, *flags).render(values)

    def _remember(self, name: str, flags: list[str], values: Mapping[str, Any]) -> None:
        """Draw a pass that reads its own last picture."""
        fresh = not self._remembers(name)
        memory = self._memory(name)
        if not fresh:
            self._bind("last", memory.both[0].texture)
        self._render(name, flags, {**values, "dt": LONG_AGO if fresh else values["dt"]}, memory.next(self._size))

    def _hold(self, name: str, flags: list[str], values: Mapping[str, Any]) -> None:
        """Keep the picture that a pass finds when it comes on, and show it that one."""
        if not self._remembers(name):
            before = [flag for flag in flags if flag == "FIRST"]
            self._draw_to(self._memory(name).next(self._size).framebuffer, (0, 0, *self._size))
            self._library.get("place", *before).render(values)
        self._bind("last", self._memories[name].both[0].texture)

    def _remembers(self, name: str) -> bool:
        """Return whether the pass was on for the picture before, and that was of the same size."""
        memory = self._memories.get(name)
        return memory is not None and bool(memory.both) and memory.both[0].texture.size == self._size

    def _memory(self, name: str) -> Pair:
        return self._memories.setdefault(name, Pair(self._ctx, "f4"))  # half floats stop short of a slow fade's end

    def _prepare(self, shader: str, divisor: int, values: Mapping[str, Any]) -> None:
        """Draw what a pass looks at, smaller than the window and with mipmaps."""
        size = (max(1, self._size[0] // divisor), max(1, self._size[1] // divisor))
        canvas = self._prepared.get(shader)
        if canvas is None or canvas.texture.size != size:
            if canvas is not None:
                canvas.release()
            canvas = self._prepared[shader] = Canvas.make(self._ctx, size)
            canvas.texture.build_mipmaps()
            canvas.texture.filter = moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR
        self._draw_to(canvas.framebuffer, (0, 0, *size))
        self._library.get(shader).render(values)
        canvas.texture.build_mipmaps()
        self._bind("prepared", canvas.texture)

    def _render(self, name: str, flags: list[str], values: Mapping[str, Any], canvas: Canvas) -> None:
        """Draw a pass to a canvas, which the next one reads."""
        self._draw_to(canvas.framebuffer, (0, 0, *self._size))
        self._library.get(name, *flags).render(values)
        self._bind("previous", canvas.texture)

    def _bind(self, unit: str, texture: moderngl.Texture) -> None:
        self._bound[unit] = texture
        texture.use(UNITS[unit])

    def _draw_to(self, target: moderngl.Framebuffer, box: Box) -> None:
        target.use()
        self._ctx.viewport = box

    def forget(self, on: Collection[str] = ()) -> None:
        """Drop the memory of the passes that are not ``on``: they begin anew."""
        for name in self._memories.keys() - set(on):
            self._memories.pop(name).release()

    def release(self) -> None:
        """Give the textures back."""
        self._bound = {}
        self.forget()
        for canvas in self._prepared.values():
            canvas.release()
        self._prepared = {}
        self._canvases.release()
