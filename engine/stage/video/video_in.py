"""A video in: a thread reads frames, the newest one counts, and the show never waits for it.

What is pulled out costs a line; its last picture stays, nothing moves in it, and it is opened again as soon as it is
there. A render has a film only, and waits for each frame, so that every moment has its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import av

from engine.borders.contracts import Pixels
from engine.borders.errors import Trouble, UserError, first_line
from engine.borders.moment import Moment
from engine.stage.video.feeds import Feed, Lost, open_feed
from engine.stage.video.film import Film
from engine.stage.video.measures import Measures
from engine.stage.video.place import PIPE, Place

LARGEST = 1280  # pixels of the longer side; larger frames are reduced while they are decoded
RETRY_SECONDS = (0.2, 0.4, 0.8, 1.2)  # between attempts to open what was lost; the last one goes on
OPEN_SECONDS = 10.0  # s; the longest wait for the first picture when a show opens
HUNG_SECONDS = 2.5  # s; a driver that takes longer to return counts as lost; its thread cannot be ended
MOST_HUNG = 8  # threads stuck in drivers; after so many nothing is opened again
STILL_SECONDS = 0.05  # between two looks at the show's clock
NOTHING: Mapping[str, float] = MappingProxyType({})


class FilmIn:
    """A film for a render: `at` and `values` are those of the very moment."""

    def __init__(self, path: Path) -> None:
        """UserError where there is no film."""
        self._measures = Measures()
        self._film = Film(path, LARGEST, exact=True, measures=self._measures)

    def at(self, seconds: float) -> Pixels | None:
        """See Seen."""
        return self._film.at(seconds)

    def values(self, seconds: float) -> Mapping[str, float]:
        """See Seen."""
        self._film.advance(seconds)
        return self._measures.values

    def close(self) -> None:
        """See Seen."""
        self._film.close()


class VideoIn:
    """A place that is watched until it is closed. `at` and `values` belong to the loop's thread and never wait."""

    name = "video in"

    def __init__(self, place: Place, notify: Callable[[str], None], *, must_exist: bool = True) -> None:
        """Open ``place``. ``notify`` gets a line when it is lost and when it is back; the thread calls it.

        UserError where it is not there and ``must_exist``; else it is waited for.
        """
        self.place, self._notify = place, notify
        self._measures = Measures()
        self._pixels: Pixels | None = None
        self._wanted = 0.0  # seconds of the show
        self._lost = False
        self._told = False  # whether that was told
        self._beat = time.monotonic()  # when the thread was last heard of
        self._turn = 0  # the thread that counts; one that a driver holds is of an earlier turn
        self._feed: Feed | None = None
        self._times: list[float] = []  # monotonic seconds of the last frames
        self._refusal: UserError | None = None
        self._spoke = threading.Event()  # set once the first attempt has an end
        self._changed = threading.Condition()
        self._open = True
        self._begin()
        refusal = self._first_word()
        if must_exist and refusal is not None:
            self.close()
            raise refusal
        if refusal is not None or not self._spoke.is_set() or place.kind == PIPE:
            notify(f"video: waiting for {place.name}")

    def _first_word(self) -> UserError | None:
        """Return why the place could not be opened, None where it was, or where its driver still thinks."""
        self._spoke.wait(OPEN_SECONDS)
        return self._refusal

    def _begin(self) -> None:
        self._turn += 1
        self._beat = time.monotonic()
        threading.Thread(target=self._run, args=(self._turn,), name="video", daemon=True).start()

    def at(self, seconds: float) -> Pixels | None:
        """See Seen."""
        with self._changed:
            if seconds != self._wanted:
                self._wanted = seconds
                self._changed.notify_all()
        feed = self._feed
        if feed is not None and feed.hangs and time.monotonic() - self._beat > HUNG_SECONDS:
            self._feed = None
            self._lose("it says nothing any more")
            if self._turn < MOST_HUNG:
                self._begin()
        return self._pixels

    def values(self, seconds: float) -> Mapping[str, float]:
        """See Seen."""
        self.at(seconds)
        return self._measures.values

    def _run(self, turn: int) -> None:
        """Read until closed: this is the thread."""
        tries = 0
        while self._counts(turn):
            feed = self._opened(turn)
            if feed is None:
                with self._changed:
                    self._changed.wait_for(lambda: not self._open, RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])
                tries += 1
                continue
            tries = 0
            try:
                self._play(feed, turn)
            except Lost as lost:
                self._lose(str(lost), turn)
            except (av.error.FFmpegError, UserError, OSError, ValueError, RuntimeError) as error:
                self._lose(first_line(error), turn)
            finally:
                feed.close()

    def _counts(self, turn: int) -> bool:
        return self._open and turn == self._turn

    def _opened(self, turn: int) -> Feed | None:
        """Return the feed, open; None where it is not there."""
        try:
            feed = open_feed(self.place, LARGEST, self._measures, self._wanted)
        except (av.error.FFmpegError, UserError, OSError, ValueError, RuntimeError) as error:
            said = error if isinstance(error, UserError) else UserError(f"--video-in {self.place.name}: {error}")
            if not self._spoke.is_set():
                self._refusal = said
                self._spoke.set()
            self._lost = True
            return None
        self._beat = time.monotonic()
        if self._counts(turn):
            self._feed = feed
        self._spoke.set()
        return feed

    def _play(self, feed: Feed, turn: int) -> None:
        """Take frames from ``feed``; returns when it no longer counts, raises when it is lost."""
        while self._counts(turn):
            found = feed.read(self._wanted)
            if not self._counts(turn):
                return
            now = time.monotonic()
            if found is not None:
                self._beat, self._pixels = now, found
                self._times = [*self._times[-24:], now]
                self._found()
            elif not feed.waits:
                with self._changed:
                    self._changed.wait(STILL_SECONDS)

    def _found(self) -> None:
        """Note that frames come; tell it where the place was lost."""
        if self._lost:
            self._lost = False
            if self._told or self._refusal is not None:
                self._notify(f"video: {self.place.name} is {'back' if self._told else 'there'}")
            self._told = False

    def _lose(self, why: str, turn: int | None = None) -> None:
        """Tell that the place is lost, once."""
        if turn is not None and not self._counts(turn):
            return
        self._feed, self._lost = None, True
        self._measures.still()
        if not self._told:
            self._told = True
            self._notify(Trouble(f"video: {self.place.name} is lost ({why}); its last picture stays until it is back"))

    def attend(self, moment: Moment) -> None:
        """See Door: the picture asks for its frames."""
        self.at(moment.tick.time)

    def line(self) -> str:
        """See Door."""
        if self._lost:
            return "lost" if self._told else "waited for"
        times, pixels = self._times, self._pixels
        if pixels is None or len(times) < 2:
            return "opening"
        rate = (len(times) - 1) / max(times[-1] - times[0], 1e-3)
        return f"{self.place.name}, {pixels.shape[1]}x{pixels.shape[0]}, {rate:.0f} a second"

    def close(self) -> None:
        """Stop reading; a second call does nothing. A thread that a driver holds is left alone."""
        with self._changed:
            self._open = False
            self._changed.notify_all()
        feed = self._feed
        if feed is not None:
            feed.stop()
