"""Draws the passes in the preset's order, each from the picture before it, and keeps the pictures they look back at."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import moderngl
from numpy.typing import NDArray

from engine.borders.made import Memory
from engine.stage.isf.effects import Effects
from engine.stage.isf.files import is_isf
from engine.stage.passes.canvas import Box, Canvas, Pair, Size
from engine.stage.passes.passes import NOWHERE, UNITS, Flags, Key, Passes, Traits

PASS = "pass:"  # begins the names of what passes remember
LONG_AGO = 1e6  # seconds; age of the last picture that a pass gets when it is switched on
FIRST, LAST = frozenset({"FIRST"}), frozenset({"LAST"})
ISF_TRAITS = Traits(last=True)  # an ISF shader reads a picture in its place, and does not draw to the window
HELD_TRAITS = Traits(last=True, held=True)  # of a transition, which also reads the picture that it holds

Values: TypeAlias = Mapping[str, object]  # of uniforms, by name


@dataclass(frozen=True, slots=True)
class _Step:
    """A pass at its place in the chain."""

    name: str
    flags: Flags
    key: Key  # the name and the flags: what is drawn
    traits: Traits


class Chain:
    """Draws a frame through the passes, from canvas to canvas; the last pass draws to its target."""

    def __init__(self, ctx: moderngl.Context, library: Passes, effects: Effects) -> None:
        """``library`` has every pass that is drawn loaded, and ``effects`` every ISF shader."""
        self._ctx, self._library, self._effects = ctx, library, effects
        self._canvases = Pair(ctx)
        self._nothing = ctx.texture((1, 1), 4, bytes(4))  # a backdrop that is not there
        self._on: list[str] | None = None  # the passes that the steps were planned for
        self._steps: list[_Step] = []
        self._memories: dict[str, Pair] = {}  # of the passes that are on and look back
        self._came: dict[str, float] = {}  # by pass that looks back: when it came on, seconds of the show
        self._before = 0.0  # seconds of the show; time of the picture before
        self._prepared: dict[str, Canvas] = {}
        self._bound: dict[str, moderngl.Texture] = {}  # by unit: what the passes read
        self._size: Size = (1, 1)
        self._video: moderngl.Texture | None = None  # the video in of this picture
        self._crossing = ""  # the ISF shader that leads from the picture it holds to the one that goes on
        self.at = ""  # name of the pass that was begun last
        self._last: tuple[Key, Values] = (("", NOWHERE), {})  # the pass that was drawn last, and with what

    def draw(
        self,
        frame: moderngl.Texture,
        passes: list[str],
        values: Values,
        to: moderngl.Framebuffer,
        box: Box,
        backdrop: moderngl.Texture | None = None,
        video: moderngl.Texture | None = None,
    ) -> None:
        """Draw ``frame`` through ``passes``, each of which has something to do, to the ``box`` of ``to``.

        ``backdrop`` is what the pass background reads, ``video`` the video in; nothing where there is none.
        """
        if passes != self._on:
            self._plan(passes)
        self._look_back(values)
        self._size, self._bound = box[2:], {"frame": frame}
        frame.use(UNITS["frame"])
        self._bind("backdrop", backdrop or self._nothing)
        self._bind("video", video or self._nothing)
        self._video = video
        for step in self._steps:
            self.at = step.name
            for shader, divisor in step.traits.prepare:
                self._prepare(shader, divisor, values)
            if step.traits.held:
                self._hold(step, values)
            if is_isf(step.name):
                self._draw_effect(step, values)
            elif step.traits.last:
                self._remember(step, values)
            elif "LAST" in step.flags:
                self._last = step.key, values
                self.again(to, box)
            else:
                self._render(step.key, values, self._canvases.next(self._size))

    def pass_by(self, passes: list[str], values: Values) -> set[float]:
        """Move on to ``values``' time without a picture; return the times of those that its picture would show."""
        if passes != self._on:
            self._plan(passes)
        for step in self._steps:
            if is_isf(step.name):
                self._effects.pass_by(step.name, values)
        return self._look_back(values)

    def _look_back(self, values: Values) -> set[float]:
        """Note which passes have come on by now; return the times of the pictures that they look back at."""
        time, seen = values["time"], set[float]()
        assert isinstance(time, float)
        for step in self._steps:
            last = self._effects.remembers(step.name) if is_isf(step.name) else step.traits.last
            if not (last or step.traits.held):
                continue
            if step.name not in self._came:
                self._came[step.name] = time
            else:
                seen.add(self._before if last else self._came[step.name])
        self._before = time
        return seen

    def endless(self) -> tuple[str, ...]:
        """Return the passes that draw from their own last picture, of those that were drawn or passed by last."""
        return tuple(
            step.name
            for step in self._steps
            if (self._effects.remembers(step.name) if is_isf(step.name) else step.traits.last)
        )

    def memory(self) -> dict[str, NDArray[Any]]:
        """Return what the passes look back at."""
        found = {f"{PASS}{name}": pair.both[0].pixels() for name, pair in self._memories.items() if pair.both}
        return found | self._effects.memory(step.name for step in self._steps if is_isf(step.name))

    def recall(self, memory: Memory) -> None:
        """Look back at what another chain did that had drawn the same pictures; these have been passed by."""
        for name, pixels in memory.items():
            if name.startswith(PASS):
                self._memory(name.removeprefix(PASS)).recall(pixels)
        self._effects.recall(memory)

    def _plan(self, on: list[str]) -> None:
        """Frame the passes by ``place`` where one cannot stand at an end, and forget what the others remember."""
        chain = list(on)
        if not chain or not self._traits(chain[0]).once:
            chain.insert(0, "place")  # a pass that looks around itself needs a frame that is in its place
        if self._traits(chain[-1]).last:
            chain.append("place")  # a pass that looks back draws to its memory, not to the window
        ends = [NOWHERE] * len(chain)
        ends[0] = FIRST
        ends[-1] |= LAST
        keys = zip(chain, ends, strict=True)
        self._steps = [_Step(name, end, (name, end), self._traits(name)) for name, end in keys]
        self._on = list(on)
        self.forget(chain)

    def _traits(self, name: str) -> Traits:
        if name == self._crossing:
            return HELD_TRAITS
        return ISF_TRAITS if is_isf(name) else self._library.traits(name)

    def _draw_effect(self, step: _Step, values: Values) -> None:
        """Draw an ISF shader from the picture before it; a transition also from the one that it holds."""
        before = self._bound["previous"]
        canvas = self._canvases.next(self._size)
        held = {"startImage": self._bound["last"]} if step.traits.held else None
        self._effects.draw(step.name, before, values, canvas, held, self._video)
        for unit in ("backdrop", "video"):  # its own pictures were bound where these are
            self._bound[unit].use(UNITS[unit])
        self._bind("previous", canvas.texture)

    def cross(self, name: str) -> None:
        """Let an ISF shader hold the next picture that is drawn, and lead from it to those after it."""
        self._crossing = name
        self._came.pop(name, None)
        if (memory := self._memories.pop(name, None)) is not None:
            memory.release()

    def again(self, to: moderngl.Framebuffer, box: Box) -> None:
        """Draw the last pass once more, from what it has read."""
        for unit, texture in self._bound.items():
            texture.use(UNITS[unit])
        to.use()
        self._ctx.viewport = box
        self._fill(*self._last)

    def _remember(self, step: _Step, values: Values) -> None:
        """Draw a pass that reads its own last picture, of whatever size: a window that is resized keeps its trails."""
        memory = self._memory(step.name)
        fresh, before = not memory.both, memory.taken(self._size)
        if not fresh:
            self._bind("last", (before or memory.both)[0].texture)
        self._render(step.key, {**values, "dt": LONG_AGO if fresh else values["dt"]}, memory.next(self._size))
        if before:
            self._bind("last", memory.both[0].texture)
            for canvas in before:
                canvas.release()

    def _hold(self, step: _Step, values: Values) -> None:
        """Keep the picture from which a pass was switched on, and bind it as the pass's last picture."""
        memory = self._memory(step.name)
        if not memory.both:
            self._draw_to(memory.next(self._size).framebuffer, self._size)
            self._fill(("place", step.flags - LAST), values)
        self._bind("last", memory.both[0].texture)

    def _memory(self, name: str) -> Pair:
        return self._memories.setdefault(name, Pair(self._ctx, "f4"))  # half floats stop short of a slow fade's end

    def _prepare(self, shader: str, divisor: int, values: Values) -> None:
        """Draw the smaller picture with mipmaps that a pass samples."""
        size = (max(1, self._size[0] // divisor), max(1, self._size[1] // divisor))
        canvas = self._prepared.get(shader)
        if canvas is None or canvas.texture.size != size:
            if canvas is not None:
                canvas.release()
            canvas = self._prepared[shader] = Canvas.make(self._ctx, size)
            canvas.texture.build_mipmaps()
            canvas.texture.filter = moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR
        self._draw_to(canvas.framebuffer, size)
        self._fill((shader, NOWHERE), values)
        canvas.texture.build_mipmaps()
        self._bind("prepared", canvas.texture)

    def _render(self, key: Key, values: Values, canvas: Canvas) -> None:
        """Draw a pass to a canvas, which the next one reads."""
        self._draw_to(canvas.framebuffer, self._size)
        self._fill(key, values)
        self._bind("previous", canvas.texture)

    def _fill(self, key: Key, values: Values) -> None:
        """Draw with the ``values`` that the program uses: a uniform is named like its parameter."""
        step = self._library.compiled[key]
        program = step.program
        for name in step.names:
            if name in values:
                program[name] = values[name]
        step.quad.render(moderngl.TRIANGLES, vertices=3)

    def _bind(self, unit: str, texture: moderngl.Texture) -> None:
        self._bound[unit] = texture
        texture.use(UNITS[unit])

    def _draw_to(self, target: moderngl.Framebuffer, size: Size) -> None:
        target.use()
        self._ctx.viewport = (0, 0, *size)

    def restart(self) -> None:
        """Start again after passes were compiled again: they may look back at other pictures now."""
        self._on = None
        self.forget()

    def forget(self, on: Collection[str] = ()) -> None:
        """Drop the memory of the passes that are not ``on``: they begin anew."""
        for name in self._memories.keys() - set(on):
            self._memories.pop(name).release()
        self._effects.forget(on)
        for name in self._came.keys() - set(on):
            del self._came[name]

    def release(self) -> None:
        """Give the textures back."""
        self._bound = {}
        self.forget()
        for canvas in self._prepared.values():
            canvas.release()
        self._prepared = {}
        self._canvases.release()
        self._nothing.release()
