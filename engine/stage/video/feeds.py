"""Feeds: a film, a camera, a pipe or another program's picture, opened and read by the thread of a video in."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Any, Protocol

import av

from engine.borders.contracts import Pixels
from engine.borders.errors import UserError, first_line
from engine.stage.video.cameras import System, system
from engine.stage.video.film import Film
from engine.stage.video.frames import decoded, pixels, small
from engine.stage.video.measures import Measures
from engine.stage.video.pipe import Pipe
from engine.stage.video.place import CAMERA, FILM, PATTERN, PIPE, Place
from engine.system.quiet import quiet_stderr

STILL_SECONDS = 0.005  # between two questions to a driver that has no frame yet
LOOK_SECONDS = 0.5  # from one look at a film's file to the next
PATTERN_GRAPH = "testsrc2=size=640x360:rate=25,realtime"


class Lost(Exception):
    """The feed has ended or was pulled out; the message says how, in a few words."""


class Feed(Protocol):
    """A source of frames that is open. One thread reads it."""

    waits: bool  # whether `read` waits for a frame; else its frames are due at times of the show
    hangs: bool  # whether a driver may hold `read` for ever

    def read(self, seconds: float) -> Pixels | None:
        """Return the frame of ``seconds`` into the show, or the next one; None where it is the last one still.

        Lost, FFmpegError, OSError or ValueError where there are no more.
        """
        ...

    def stop(self) -> None:
        """Let `read` return soon, from another thread."""
        ...

    def close(self) -> None:
        """Release it, from the thread that reads; a second call does nothing."""
        ...


def open_feed(place: Place, largest: int, measures: Measures, seconds: float) -> Feed:
    """Open a place ``seconds`` into the show; UserError, FFmpegError or OSError where it is not there."""
    if place.kind == FILM:
        return FilmFeed(place, largest, measures, seconds)
    if place.kind == PIPE:
        assert place.path is not None
        return ContainerFeed(None, Pipe(place.path), largest, measures)
    if place.kind == CAMERA:
        return ContainerFeed(open_camera(place), None, largest, measures)
    if place.kind == PATTERN:
        return ContainerFeed(av.open(PATTERN_GRAPH, format="lavfi"), None, largest, measures)
    from engine.stage.video.foreign import open_foreign

    return open_foreign(place, largest, measures)


def open_camera(place: Place) -> Any:
    """Return a camera's container; UserError where there is none or it is not to be had."""
    way = system()
    camera = place.camera()
    if way is None:
        raise UserError(f"--video-in {place.name}: FFmpeg knows no cameras on this system")
    try:
        return _first(way, camera.device)
    except PermissionError as error:
        hint = "on Linux: join the group video"
        raise UserError(f"{camera.name}: this user may not open {camera.device} ({hint})") from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise UserError(f"{camera.name}: does not open ({first_line(error)}); does another program use it?") from error


def _first(way: System, device: str) -> Any:
    """Open the device with the first options that it takes."""
    *others, last = way.options
    for options in others:
        with contextlib.suppress(av.error.FFmpegError, OSError, ValueError), quiet_stderr():
            return av.open(device, format=way.format, options=dict(options))
    with quiet_stderr():
        return av.open(device, format=way.format, options=dict(last))


class FilmFeed:
    """A film's file, on the show's clock. It is lost when the file is removed, or another has taken its name."""

    waits, hangs = False, False

    def __init__(self, place: Place, largest: int, measures: Measures, seconds: float) -> None:
        assert place.path is not None
        self._path = place.path
        self._film = Film(place.path, largest, exact=True, measures=measures, begins=seconds)
        self._file, self._looked = self._stamp(), time.monotonic()
        self._last: Pixels | None = None

    def _stamp(self) -> tuple[int, int, int]:
        found = os.stat(self._path)
        return found.st_dev, found.st_ino, found.st_size

    def read(self, seconds: float) -> Pixels | None:
        """See Feed."""
        now = time.monotonic()
        if now - self._looked > LOOK_SECONDS:
            self._looked, before = now, self._file
            try:
                self._file = self._stamp()
            except OSError:
                raise Lost("its file is gone") from None
            if self._file[:2] != before[:2] or self._file[2] < before[2]:
                raise Lost("its file is another one now")
        found = self._film.at(seconds)
        if found is self._last:
            return None
        self._last = found
        return found

    def stop(self) -> None:
        """See Feed."""

    def close(self) -> None:
        """See Feed."""
        self._film.close()


class ContainerFeed:
    """What comes at its own pace: a camera's frames, or those that are written to a pipe."""

    waits = True

    def __init__(self, container: Any, pipe: Pipe | None, largest: int, measures: Measures) -> None:
        """The ``pipe`` is opened as a film once something is written; ``container`` is there otherwise."""
        self._container, self._pipe, self._largest, self._measures = container, pipe, largest, measures
        self._frames: Iterator[Any] | None = None
        self.hangs = pipe is None

    def read(self, seconds: float) -> Pixels | None:
        """See Feed."""
        if self._container is None:
            self._container = av.open(self._pipe, mode="r")
        if self._frames is None:
            if not self._container.streams.video:
                raise Lost("there is no picture in it")
            self._frames = decoded(self._container, self._container.streams.video[0])
        try:
            frame = next(self._frames)
        except StopIteration:
            raise Lost("it has ended") from None
        except BlockingIOError:  # AVFoundation says this where others wait
            self._frames = None
            time.sleep(STILL_SECONDS)
            return None
        except av.error.InvalidDataError:  # a frame that came broken: the next one may be whole
            self._frames = None
            return None
        self._measures.take(small(frame), time.monotonic())
        return pixels(frame, self._largest)

    def stop(self) -> None:
        """See Feed."""
        if self._pipe is not None:
            self._pipe.stop()

    def close(self) -> None:
        """See Feed."""
        if self._pipe is not None:
            self._pipe.close()
        container, self._container = self._container, None
        self._frames = None
        if container is not None:
            container.close()
