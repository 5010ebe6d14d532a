"""The desktop that belongs to the artwork: bar, dock, two terminals, and the picture in its own window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import moderngl
from PIL import Image

from engine.stage.desktop import chrome
from engine.stage.desktop.glyphs import GREY, Atlas, Grid, Line
from engine.stage.desktop.overlay import Scene
from engine.stage.desktop.places import Layout, Place, ease, interpolate, lay_out, place, sized
from engine.stage.passes.canvas import OVER, Box, Size
from engine.stage.passes.shader import link
from engine.stage.passes.source import read

OFF, WALLPAPER, WINDOW = 0, 1, 2  # desktop.mode: no desktop, the picture as wallpaper, the picture in a window
GLIDE_SECONDS = 0.5  # from one mode to another
TITLES = {"terminal": "vj@stage: ~", "monitor": "monitor", "picture": "latentvj"}  # of the windows


class Desktop:
    """Draws a Scene around and over the picture. A resize makes the sprites; text is sent when it changes."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        program = link(ctx, read("fullscreen.vert"), read("lib/sprite.frag"), {})
        self._sprite, self._quad = program, ctx.vertex_array(program, [])
        self._layout: Layout | None = None
        self._sprites: dict[str, moderngl.Texture] = {}
        self._grids: dict[str, Grid] = {}
        self._atlas: Atlas | None = None
        self._clock = ""
        self._scene = Scene()
        self._here: float | None = None  # how far the desktop is open, 0..1; None before the first frame
        self.away = False  # whether the desktop is off and closed; then nothing moves
        self._apart = 0.0  # how far the picture is in its own window, 0..1

    def step(self, params: Mapping[str, float], scene: Scene, dt: float) -> bool:
        """Move on ``dt`` seconds towards the wanted mode; return whether there is anything to draw."""
        mode = params["desktop.mode"]
        here, apart = float(mode >= WALLPAPER), float(mode >= WINDOW)
        if self._here is None or dt <= 0.0:
            self._here, self._apart = here, apart
        else:
            step = dt / GLIDE_SECONDS
            if self._here == 0.0:  # a desktop that opens is in the wanted mode at once
                self._apart = apart
            self._here += min(max(here - self._here, -step), step)
            if here:  # a desktop that closes stays in its mode
                self._apart += min(max(apart - self._apart, -step), step)
        if here:
            self._scene = scene
        self.away = self._here <= 0.0
        return not self.away

    def area(self, size: Size, params: Mapping[str, float]) -> Box:
        """Return the picture's box in pixels: the whole window, or the picture's own window."""
        whole = (0, 0, *size)
        apart = ease(self._apart) * ease(self._here or 0.0)
        if apart <= 0.0:
            return whole
        found = self._picture(self._prepare(size), params)
        return interpolate(whole, found.box if found else self._prepare(size).icon("picture"), apart)

    @property
    def apart(self) -> float:
        """Return how far the picture is on its way from the wallpaper to a window of its own, 0..1."""
        return ease(self._apart)

    @property
    def fit(self) -> float:
        """Return the least value of picture.fit, 0..1: a wallpaper leaves no bars."""
        return ease(self._here or 0.0) * min(1.0, 4.0 * (1.0 - self._apart))

    def under(self, target: moderngl.Framebuffer, size: Size, params: Mapping[str, float]) -> None:
        """Draw what the picture's own window may cover: the wallpaper and the terminals."""
        if self._apart > 0.0:
            layout = self._prepare(size)
            target.use()
            self._paste("wallpaper", (0, 0, *size), 1.0)
            if self._apart >= 1.0:
                with self._blending():
                    self._terminals(layout, params)

    def over(self, target: moderngl.Framebuffer, size: Size, params: Mapping[str, float]) -> None:
        """Draw what is in front of the picture: its window's frame or the terminals, the dock and the bar."""
        layout, here = self._prepare(size), ease(self._here or 0.0)
        target.use()
        with self._blending():
            found = self._picture(layout, params)
            if self._apart > 0.0 and found is not None:
                seen = Place(self.area(size, params), found.scale, found.opacity * self._apart * here)
                self._frame("picture", seen, layout)
            if self._apart < 1.0:
                self._terminals(layout, params)
            self._bar(layout, here)
            left = round((here - 1.0) * layout.dock)
            self._paste("dock", (left, 0, layout.dock, size[1] - layout.bar), 1.0)
        self._ctx.viewport = (0, 0, *size)

    @contextmanager
    def _blending(self) -> Iterator[None]:
        self._ctx.enable(moderngl.BLEND)
        self._ctx.blend_func = OVER
        try:
            yield
        finally:
            self._ctx.disable(moderngl.BLEND)

    def _picture(self, layout: Layout, params: Mapping[str, float]) -> Place | None:
        return place(layout, "picture", sized(layout.picture, params["desktop.picture_size"]), params)

    def _terminals(self, layout: Layout, params: Mapping[str, float]) -> None:
        for name, box in (("terminal", layout.terminal), ("monitor", layout.monitor)):
            grid = self._grids[name]
            rows = max(1, round(grid.rows * params[f"desktop.{name}_size"]))
            high = rows * grid.cell[1]
            box = (box[0], box[1] + grid.size[1] - high, grid.size[0], high)  # the upper edge does not move
            found = place(layout, name, box, params, self._here or 0.0)
            if found is None:
                continue
            lines = self._scene.monitor
            if name == "terminal":
                lines = tuple(scrolled(self._scene.terminal, rows, params["desktop.scroll"], grid.columns))
            grid.write(lines[:rows])
            self._frame(name, found, layout)
            grid.draw(found.box[:2], found.opacity, params["desktop.opacity"], rows, found.scale)

    def _frame(self, name: str, found: Place, layout: Layout) -> None:
        """Draw the window frame around the content's box."""
        margin, title = (round(side * found.scale) for side in (layout.margin, layout.title))
        left, bottom, width, height = found.box
        around = (left - margin, bottom - margin, width + 2 * margin, height + title + 2 * margin)
        head = layout.margin + layout.title
        words = round(0.26 * layout.title * (len(TITLES[name]) + 2))
        self._paste(
            name,
            around,
            found.opacity,
            found.scale,
            (head, words, layout.margin + 3 * layout.title),
            (head, layout.margin),
        )

    def _bar(self, layout: Layout, here: float) -> None:
        if self._scene.clock != self._clock or "bar" not in self._sprites:
            self._clock = self._scene.clock
            self._store("bar", chrome.bar((layout.size[0], layout.bar), self._clock))
        bottom = layout.size[1] - round(layout.bar * here)
        self._paste("bar", (0, bottom, layout.size[0], layout.bar), 1.0)

    def _paste(
        self,
        name: str,
        box: Box,
        opacity: float,
        scale: float = 1.0,
        across: tuple[int, int, int] = (0, 0, 0),
        down: tuple[int, int] = (0, 0),
    ) -> None:
        """Draw a sprite into ``box``. ``across`` (left, middle, right) and ``down`` (top, bottom) are not stretched."""
        self._sprites[name].use(0)
        self._sprite["opacity"] = opacity
        self._sprite["drawn"] = box[2] / scale, box[3] / scale
        self._sprite["across"], self._sprite["down"] = across, (down[0], 0, down[1])
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
            columns, rows = (max(1, box[2 + i] // self._atlas.cell[i]) for i in (0, 1))
            grid = Grid(self._ctx, self._atlas, columns, rows)
            self._grids[name] = grid
            self._store(name, chrome.frame(grid.size, TITLES[name], layout.title, layout.margin))
        self._store("picture", chrome.frame(layout.picture[2:], TITLES["picture"], layout.title, layout.margin))
        self._store("wallpaper", chrome.wallpaper(size))
        self._store("dock", chrome.dock((layout.dock, max(1, size[1] - layout.bar))))
        return layout

    def _store(self, name: str, image: Image.Image) -> None:
        old = self._sprites.pop(name, None)
        if old is not None:
            old.release()
        self._sprites[name] = self._ctx.texture(image.size, 4, image.tobytes())
        self._sprites[name].repeat_x = self._sprites[name].repeat_y = False

    def release(self) -> None:
        """Release the textures."""
        for grid in self._grids.values():
            grid.release()
        for sprite in self._sprites.values():
            sprite.release()
        if self._atlas is not None:
            self._atlas.release()
        self._grids, self._sprites, self._atlas, self._layout = {}, {}, None, None


def scrolled(lines: Sequence[Line], rows: int, scroll: float, columns: int) -> list[Line]:
    """Return the ``rows`` lines that a terminal shows: the last ones at a ``scroll`` of 0, the first ones at 1."""
    first = max(0, len(lines) - rows)
    back = round(first * scroll)
    shown = list(lines[first - back : first - back + rows])
    if back == 0:
        return shown
    thumb = max(1, rows * rows // len(lines))
    top = round((rows - thumb) * (first - back) / first)
    for row in range(top, min(top + thumb, len(shown))):  # the scroll bar, in the last column
        length = sum(len(text) for text, _ in shown[row])
        shown[row] = (*shown[row], (" " * (columns - 2 - length), GREY), ("▐", GREY))
    return shown
