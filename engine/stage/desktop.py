"""The desktop that is part of the piece: bar, dock, two terminals, and the picture in a window of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import moderngl
from PIL import Image

from engine.stage import chrome, monitor, terminal
from engine.stage.canvas import Box, Size
from engine.stage.glyphs import Atlas, Grid
from engine.stage.overlay import Scene
from engine.stage.shader import link, read

OFF, WALLPAPER, WINDOW = 0, 1, 2  # desktop.mode: none, over the picture, the picture in a window
COLUMNS = {"terminal": terminal.WIDTH + 2, "monitor": monitor.WIDTH + 2}  # with an empty one at each end
SMALLEST = 9  # points: what can still be read on a wall


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is on a window of ``size``."""

    size: Size
    bar: int
    dock: int
    title: int
    margin: int
    picture: Box
    terminal: Box
    monitor: Box
    points: int


def lay_out(size: Size) -> Layout:
    """Return the places: side by side where the window is wide, else the picture above the terminals."""
    width, height = size
    short = min(width, height)
    bar, dock, title, gap = (max(8, round(short * share)) for share in (0.028, 0.058, 0.03, 0.016))
    columns = sum(COLUMNS.values())
    wide = width >= 1.3 * height
    side = round(0.56 * height) if wide else round(0.5 * height)
    room = width - dock - 4 * gap - (side if wide else 0)
    points = max(SMALLEST, int(room / columns / 0.602))
    cell = (round(points * 0.602), round(points * 1.17))
    rows = int((0.66 if wide else 0.36) * height / cell[1])
    high = rows * cell[1]
    left, right = COLUMNS["terminal"] * cell[0], COLUMNS["monitor"] * cell[0]
    middle = dock + (width - dock - side) // 2
    if wide:
        low = (height - bar - high - title) // 2
        low_left, low_right, low_picture = low + 2 * gap, low - gap, (height - bar - side - title) // 2
    else:
        low_left = low_right = gap
        low_picture = height - bar - side - title - gap
    return Layout(
        size, bar, dock, title, 2 * gap,
        (middle, low_picture, side, side),
        (dock + gap, low_left, left, high),
        (width - gap - right, low_right, right, high),
        points,
    )  # fmt: skip


class Desktop:
    """Draws a Scene around and over the picture. Sprites are made on a resize, text is sent when it changes."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        program = link(ctx, read("fullscreen.vert"), read("lib/sprite.frag"), {})
        self._sprite, self._quad = program, ctx.vertex_array(program, [])
        self._layout: Layout | None = None
        self._sprites: dict[str, moderngl.Texture] = {}
        self._grids: dict[str, Grid] = {}
        self._atlas: Atlas | None = None
        self._clock = ""

    def area(self, size: Size, params: Mapping[str, float]) -> Box:
        """Return where the picture goes: the whole window unless it has one of its own."""
        if params["desktop.mode"] < WINDOW:
            return (0, 0, *size)
        return _moved(self._prepare(size).picture, "picture", size, params)

    def under(self, target: moderngl.Framebuffer, size: Size, params: Mapping[str, float], scene: Scene) -> None:
        """Draw what a picture in its own window may cover: the wallpaper and the terminals."""
        if params["desktop.mode"] >= WINDOW:
            layout = self._prepare(size)
            target.use()
            self._paste("wallpaper", (0, 0, *size), 1.0)
            with self._blending():
                self._terminals(layout, params, scene)

    def over(self, target: moderngl.Framebuffer, size: Size, params: Mapping[str, float], scene: Scene) -> None:
        """Draw what is never covered: the frame of the picture's window or the terminals, dock and bar."""
        layout = self._prepare(size)
        target.use()
        with self._blending():
            if params["desktop.mode"] >= WINDOW:
                self._frame("picture", self.area(size, params), layout, 1.0)
            else:
                self._terminals(layout, params, scene)
            self._bar(scene.clock, layout)
            self._paste("dock", (0, 0, layout.dock, size[1] - layout.bar), 1.0)
        self._ctx.viewport = (0, 0, *size)

    @contextmanager
    def _blending(self) -> Iterator[None]:
        self._ctx.enable(moderngl.BLEND)
        self._ctx.blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA
        yield
        self._ctx.disable(moderngl.BLEND)

    def _terminals(self, layout: Layout, params: Mapping[str, float], scene: Scene) -> None:
        for name, place in (("terminal", layout.terminal), ("monitor", layout.monitor)):
            shown = params[f"desktop.{name}"]
            if shown <= 0.0:
                continue
            grid = self._grids[name]
            grid.write(scene.terminal[-grid.rows :] if name == "terminal" else scene.monitor)
            left, bottom, _, _ = _moved(place, name, layout.size, params)
            bottom -= round((1.0 - shown) * 0.15 * layout.size[1])  # it sinks as it fades
            self._frame(name, (left, bottom, *grid.size), layout, shown)
            grid.draw(left, bottom, shown, params["desktop.opacity"])

    def _frame(self, name: str, box: Box, layout: Layout, opacity: float) -> None:
        """Draw the window around ``box``."""
        margin = layout.margin
        around = (box[0] - margin, box[1] - margin, box[2] + 2 * margin, box[3] + layout.title + 2 * margin)
        self._paste(name, around, opacity)

    def _bar(self, clock: str, layout: Layout) -> None:
        if clock != self._clock or "bar" not in self._sprites:
            self._clock = clock
            self._store("bar", chrome.bar((layout.size[0], layout.bar), clock))
        self._paste("bar", (0, layout.size[1] - layout.bar, layout.size[0], layout.bar), 1.0)

    def _paste(self, name: str, box: Box, opacity: float) -> None:
        self._sprites[name].use(0)
        self._sprite["opacity"] = opacity
        self._ctx.viewport = box
        self._quad.render(moderngl.TRIANGLES, vertices=3)

    def _prepare(self, size: Size) -> Layout:
        """Make the sprites and the grids for a window of ``size``."""
        if self._layout is not None and self._layout.size == size:
            return self._layout
        self.release()
        layout = self._layout = lay_out(size)
        self._atlas = Atlas(self._ctx, layout.points)
        for name, box in (("terminal", layout.terminal), ("monitor", layout.monitor)):
            grid = Grid(self._ctx, self._atlas, COLUMNS[name], max(1, box[3] // self._atlas.cell[1]))
            self._grids[name] = grid
            title = {"terminal": "vj@stage: ~", "monitor": "monitor"}[name]
            self._store(name, chrome.frame(grid.size, title, layout.title, layout.margin))
        self._store("picture", chrome.frame(layout.picture[2:], "latentvj", layout.title, layout.margin))
        self._store("wallpaper", chrome.wallpaper(size))
        self._store("dock", chrome.dock((layout.dock, max(1, size[1] - layout.bar))))
        return layout

    def _store(self, name: str, image: Image.Image) -> None:
        old = self._sprites.pop(name, None)
        if old is not None:
            old.release()
        self._sprites[name] = self._ctx.texture(image.size, 4, image.tobytes())

    def release(self) -> None:
        """Give the textures back."""
        for grid in self._grids.values():
            grid.release()
        for sprite in self._sprites.values():
            sprite.release()
        if self._atlas is not None:
            self._atlas.release()
        self._grids, self._sprites, self._atlas, self._layout = {}, {}, None, None


def _moved(box: Box, name: str, size: Size, params: Mapping[str, float]) -> Box:
    """Return ``box`` where the performer has moved it; lengths are heights of the window."""
    x, y = (round(params[f"desktop.{name}_{axis}"] * size[1]) for axis in "xy")
    return box[0] + x, box[1] + y, box[2], box[3]
