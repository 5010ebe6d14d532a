"""A row of pictures for each preset: in silence, then in a passage of a song, then ten seconds after its beginning."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from benchmarks.art_play import Heard, Painters, Passage, Pictures, play, ticks
from engine.generator.player import Player
from engine.system import resources

SHOT = (240, 135)  # pixels of a picture of the strip
HEAD, MARGIN = 20, 4  # pixels of a strip: its title, the room around
THUMBNAIL = 96  # pixels
WALL = (640, 360)  # pixels
FPS = 6.0
QUIET, LOUD = 3.0, 11.0  # seconds that are played
BEGIN = 30.0  # second of `show`, where it is loudest; of another song as well
MOMENTS = (2.5, 5.0, 7.5, 10.5)  # seconds after the cue


class Shots:
    """Keeps the pictures of some moments."""

    def __init__(self, moments: Sequence[float]) -> None:
        """``moments`` are seconds."""
        self._wanted = {round(moment * FPS) for moment in moments}
        self._count = 0
        self.taken = list[Pictures]()

    def __call__(self, picture: Pictures, _: bool) -> None:
        """Take a picture [H, W, 3]."""
        if self._count in self._wanted:
            self.taken.append(picture.copy())
        self._count += 1


def strip(preset: str, song: Heard, quiet: Heard, painter: Player) -> list[Pictures]:
    """Return a preset's pictures: in silence, then at each of MOMENTS."""
    still, loud = Shots((QUIET - 1.0 / FPS,)), Shots(MOMENTS)
    play(preset, quiet, painter, still, ticks(QUIET, FPS), WALL)
    play(preset, song, painter, loud, ticks(LOUD, FPS), WALL)
    return [*still.taken, *loud.taken]


def strips(presets: Sequence[str], song: str, painters: Painters, thumbnails: bool) -> Image.Image:
    """Draw a row for each preset. ``thumbnails``: the chooser's small pictures are written as well."""
    heard, quiet = Heard(Passage(song, BEGIN, LOUD + 1.0)), Heard(Passage("silence", 0.0, QUIET + 1.0))
    width, height = SHOT
    sheet = Image.new("RGB", (5 * (width + MARGIN) + MARGIN, len(presets) * (height + HEAD + MARGIN)), "black")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.truetype(str(resources.resource("shaders", "fonts", "DejaVuSansMono.ttf")), 11)
    for row, preset in enumerate(presets):
        top = row * (height + HEAD + MARGIN)
        taken = strip(preset, heard, quiet, painters.of(preset))
        moments = ", ".join(f"{moment:g}" for moment in MOMENTS)
        draw.text((MARGIN, top + 4), f"{preset}: in silence; {moments} seconds after a cue", fill="white", font=font)
        for column, picture in enumerate(taken):
            shot = Image.fromarray(picture).resize(SHOT, Image.Resampling.LANCZOS)
            sheet.paste(shot, (MARGIN + column * (width + MARGIN), top + HEAD))
        if thumbnails:
            keep_thumbnail(preset, taken[1:])
        print(preset, flush=True)
    return sheet


def keep_thumbnail(preset: str, pictures: Sequence[Pictures]) -> None:
    """Write the middle of the picture with the most contrast as the preset's small picture in the chooser."""
    best = max(pictures, key=lambda p: float(p.astype(float).std()))
    high, wide = best.shape[:2]
    middle = Image.fromarray(best[:, (wide - high) // 2 : (wide + high) // 2])
    shot = middle.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    shot.save(resources.resource("presets", "thumbnails", f"{preset}.jpg"), quality=85, optimize=True)
