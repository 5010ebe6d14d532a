"""The work of ``vj stylize``: pictures one by one, films frame by frame with their sound, and what shows progress."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import av
import numpy as np
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from engine.audio.songs import song as songs
from engine.borders.errors import UserError
from engine.borders.sound import Sound
from engine.cli.places import listed, named_alike
from engine.cli.say import say
from engine.cli.stylize import FILMS, LEAST, write_picture
from engine.stage.recording.movie import Movie
from engine.stage.style.pictures import from_pixels, read_picture, save_picture, to_pixels
from engine.system.files import media, write_whole

if TYPE_CHECKING:
    from torch import Tensor

Repaint = Callable[["Tensor"], "Tensor"]
PREVIEW_EVERY = 3.0  # seconds; from one preview to the next
COLUMNS = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f}"),
           TimeRemainingColumn())  # fmt: skip


class Progress:
    """A bar over the evaluations of an optimisation, and a preview on the disk."""

    def __init__(self, total: int, preview: Path | None) -> None:
        self._bar, self._preview, self._next = Bar(*COLUMNS, transient=True), preview, time.monotonic()
        self._task = self._bar.add_task("optimising", total=total)
        self._painted = False  # whether there is a preview of this run, which its end removes

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if self._preview is not None and self._painted:
            self._preview.unlink(missing_ok=True)

    def watch(self, evaluation: int, loss: float, image: Tensor) -> None:
        """Note an evaluation and the picture so far."""
        self._bar.update(self._task, completed=evaluation, description=f"loss {loss:.4g}")
        if self._preview is not None and time.monotonic() >= self._next:
            write_whole(self._preview, save_picture, image)
            self._painted = True
            self._next = time.monotonic() + PREVIEW_EVERY


def repaint_all(source: Path, target: Path, size: int | None, repaint: Repaint, moves: bool) -> None:
    """Repaint a picture, a folder or a film; UserError names what cannot be read or is too small."""
    if source.is_dir():
        _folder(source, target, size, repaint)
    elif source.suffix.lower() in FILMS:
        if not moves:
            raise UserError(f"{source}: a film by optimisation would flicker and take days: use a style network")
        _film(source, target, repaint)
    else:
        _picture(source, target, size, repaint)


def _picture(source: Path, target: Path, size: int | None, repaint: Repaint) -> None:
    image = read_picture(source, size)
    if min(image.shape[-2:]) < LEAST:
        raise UserError(f"{source}: {image.shape[-1]}x{image.shape[-2]} pixels are too few: at least {LEAST} a side")
    write_picture(target, repaint(image), image.shape[-2:])


def _folder(source: Path, target: Path, size: int | None, repaint: Repaint) -> None:
    """Repaint every picture of a folder to a PNG of its name; what cannot be read is told and left out."""
    paths = listed([source])
    if target.resolve() == source.resolve():
        raise UserError(f"{target}: is the folder that is read: name another one")
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{target}: cannot make this folder: {error.strerror}") from error
    done = 0
    with Bar(*COLUMNS, transient=True) as bar:
        pairs = [*zip(paths, named_alike(paths, target, ".png"), strict=True)]
        for path, made in bar.track(pairs, description="painting"):
            try:
                _picture(path, made, size, repaint)
                done += 1
            except UserError as error:
                say(f"{error}; left out")
    if not done:
        raise UserError(f"{source}: not one of its {len(paths)} pictures could be read")


def _film(source: Path, target: Path, repaint: Repaint) -> None:
    """Repaint a film frame by frame, with its sound."""
    if target.exists() and target.resolve() == source.resolve():
        raise UserError(f"{target}: is the film that is read: name another file")
    try:
        with av.open(media(source)) as container:
            if not container.streams.video:
                raise UserError(f"{source}: has no pictures in it: give a film")
            stream = container.streams.video[0]
            sound = songs.load(source) if container.streams.audio else None
            movie: Movie | None = None
            fps = float(stream.average_rate or stream.guessed_rate or 25)
            try:
                with Bar(*COLUMNS, transient=True) as bar:
                    task = bar.add_task("painting", total=stream.frames or None)
                    for frame in container.decode(stream):
                        image = from_pixels(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
                        height, width = image.shape[-2:]
                        if movie is None:
                            rate, channels = (sound.samplerate, sound.channels) if sound else (None, 2)
                            movie = Movie(target, (width & ~1, height & ~1), fps, rate, channels)
                        movie.picture(to_pixels(repaint(image)[..., :height, :width]))
                        _add_sound(movie, sound, fps)
                        bar.advance(task)
                if movie is None:
                    raise UserError(f"{source}: not one picture of it can be read")
                movie.close()
                movie = None
            finally:
                if movie is not None:
                    movie.abort()
    except (av.error.FFmpegError, OSError) as error:
        raise UserError(f"{source}: cannot be read as a film: {error.strerror or error}") from error


def _add_sound(movie: Movie, sound: Sound | None, fps: float) -> None:
    """Append the sound of the picture that was added last."""
    if sound is not None:
        begin, end = ((movie.frames - 1) / fps, movie.frames / fps)
        movie.sound(sound.read(round(begin * sound.samplerate), round(end * sound.samplerate)))
