"""A film behind the show: it runs round and round on the show's clock, with its own alpha where it has some."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

from engine.borders.contracts import Pixels
from engine.borders.errors import UserError, first_line
from engine.stage.video.frames import decoded, pixels, small
from engine.stage.video.measures import Measures
from engine.system.files import media

STILL_SECONDS = 0.05  # how long the thread looks for a later moment before it looks again


class Film:
    """The frames of a film file. On stage a thread decodes and the show never waits; a render waits for its frame."""

    def __init__(
        self, path: Path, largest: int, exact: bool, measures: Measures | None = None, begins: float = 0.0
    ) -> None:
        """``largest`` is the longer side in pixels that frames are reduced to. UserError where there is no film.

        ``exact``: `at` returns the very frame of its moment. ``measures`` are told of every frame that is passed. The
        first round ``begins`` at that second of the show.
        """
        self._path, self._largest, self._exact, self._measures = path, largest, exact, measures
        self._frames = self._decoded()
        self._round, self._ends = begins, 0.0  # seconds of the show: when this round began; how long a round is
        first = self._take()
        if first is None:
            raise UserError(f"{path}: cannot be read as a film")
        self._now = first
        self._measure()
        self._next = self._take()
        self._shown: tuple[Any, Pixels] = first[1], pixels(first[1], largest)
        self.failure = ""
        self._wanted = 0.0
        self._changed = threading.Condition()
        self._open = True
        self._thread: threading.Thread | None = None
        if not exact:
            self._thread = threading.Thread(target=self._run, name="film", daemon=True)
            self._thread.start()

    def at(self, seconds: float) -> Pixels | None:
        """See Footage."""
        if self._exact:
            self.advance(seconds)
            self._show()
        else:
            with self._changed:
                self._wanted = seconds
                self._changed.notify()
        return self._shown[1]

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait(STILL_SECONDS)
                if not self._open:
                    return
                wanted = self._wanted
            try:
                self.advance(wanted)
                self._show()
            except (av.error.FFmpegError, UserError, OSError, ValueError) as error:  # the last frame stays
                self.failure = first_line(error)
                return

    def advance(self, seconds: float) -> None:
        """Decode up to the frame that is seen ``seconds`` into the show."""
        while self._open:
            if self._next is None:  # the last frame of a round is seen as long as the one before it
                if seconds < self._round + self._ends or self._ends <= 0.0:  # a single frame stays
                    return
                self._round += self._ends
                if seconds > self._round + 2.0 * self._ends > self._round:  # far behind: rounds that nobody sees
                    self._round += self._ends * ((seconds - self._round) // self._ends)
                self._frames = self._decoded()
                self._now, self._next = self._take() or self._now, self._take()
                self._measure()
            elif seconds < self._round + self._next[0]:
                return
            else:
                self._now, self._next = self._next, self._take()
                self._measure()

    def _measure(self) -> None:
        if self._measures is not None:
            self._measures.take(small(self._now[1]), self._round + self._now[0])

    def _show(self) -> None:
        """Make the pixels of the frame that is seen now; frames that nobody sees have none."""
        if self._now[1] is not self._shown[0]:
            self._shown = self._now[1], pixels(self._now[1], self._largest)

    def _take(self) -> tuple[float, Any] | None:
        """Return the next frame of this round and its time in the film; None at its end."""
        found = next(self._frames, None)
        if found is not None and found[0] > 0.0:
            self._ends = max(self._ends, found[0] + found[2])
        return None if found is None else (found[0], found[1])

    def _decoded(self) -> Iterator[tuple[float, Any, float]]:
        """Yield seconds from the beginning, a frame and the seconds that a frame is seen."""
        try:
            with av.open(media(self._path)) as container:
                stream = container.streams.video[0]
                rate = float(stream.average_rate or 25)
                began: float | None = None
                for frame in decoded(container, stream):
                    time = 0.0 if frame.time is None else frame.time
                    began = time if began is None else began
                    yield time - began, frame, 1.0 / rate
        except FileNotFoundError:
            raise UserError(f"{self._path}: there is no such file: check the name") from None
        except (av.error.FFmpegError, IndexError, ValueError):
            raise UserError(f"{self._path}: cannot be read as a film") from None

    def close(self) -> None:
        """Stop the thread and close the file; a second call does nothing."""
        with self._changed:
            self._open = False
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(2.0)
