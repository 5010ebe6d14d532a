"""Pictures between two generated frames, where the generator is slower than the display.

While the generator works on the next frame, the wall crossfades from the frame before to the newest at the
display's rate. Nothing moves that was not generated; the price is up to one generated frame of delay. Hence it runs
only where the generator misses the display's rate and drawing is cheap beside it; ``--no-interpolation`` turns it off.
Renders, benches and stills have none: they show every frame once.

The generator then works in a thread of its own on a CPU (its kernels release Python's lock) and on its stream on
a GPU; the main thread alone owns GL and CUDA.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, ParamSpec, Protocol, TypeVar

from engine.generator import cuda
from engine.show.arrivals import LOOK_SECONDS

SLOW = 1.25  # display periods; interpolation starts when a generated frame takes more
STOP_BELOW = 1.05  # display periods; running interpolation stops when a generated frame takes less
MAX_DRAW_SHARE = 0.3  # of a display period; drawing may take no more
RECENT = 12  # frames; their medians decide
EARLIEST = 0.25  # of a display period; no picture in between is drawn sooner after a frame
POLL = 0.0005  # seconds between two looks at a GPU

P = ParamSpec("P")
T = TypeVar("T")
Made = TypeVar("Made", covariant=True)


class Work(Protocol[Made]):
    """A frame under way."""

    def done(self) -> bool:
        """Whether it is finished."""
        ...

    def wait(self, seconds: float) -> None:
        """Come back when it is finished, or after ``seconds``."""
        ...

    def result(self) -> Made:
        """Return the frame; whatever went wrong is raised here."""
        ...


class InThread(Generic[T]):
    """A frame that a CPU makes in another thread."""

    def __init__(self, future: Future[T]) -> None:
        self._future = future
        self._ready = threading.Event()
        future.add_done_callback(self._tell)

    def _tell(self, _future: Future[T]) -> None:
        self._ready.set()

    def done(self) -> bool:
        """See Work."""
        return self._future.done()

    def wait(self, seconds: float) -> None:
        """See Work."""
        self._ready.wait(seconds)

    def result(self) -> T:
        """See Work."""
        return self._future.result()


class OnStream(Generic[T]):
    """A frame that a GPU makes while the main thread goes on. Not run on a GPU yet."""

    def __init__(self, frame: T) -> None:
        """``frame`` is what the stream's kernels, launched just now, will have filled."""
        self._frame = frame
        self._event = cuda.event()
        self._event.record()

    def done(self) -> bool:
        """See Work."""
        return cuda.has_passed(self._event)

    def wait(self, seconds: float) -> None:
        """See Work."""
        end = time.perf_counter() + seconds
        while not self.done() and time.perf_counter() < end:
            time.sleep(POLL)

    def result(self) -> T:
        """See Work."""
        return self._frame


class Interpolation:
    """Runs the generator; shows pictures in between until it is done. ``share`` is of the newest frame, 0..1."""

    def __init__(self, period: float, always: bool = False, have_come: Callable[[], bool] | None = None) -> None:
        """``period``: the display's, seconds. ``always``: also where drawing takes long.

        ``have_come`` tells whether a message or an onset waits: the next picture is then drawn at once.
        """
        self.period, self._always, self._have_come = period, always, have_come
        self._whole = False  # the newest frame is shown as it is: it answers to something that came
        self.share = 1.0
        self.on = False
        self._pool: ThreadPoolExecutor | None = None
        self._took: deque[float] = deque(maxlen=RECENT)  # seconds of generating a frame
        self._drew: deque[float] = deque(maxlen=RECENT)  # seconds of drawing one
        self._arrived: deque[float] = deque(maxlen=RECENT)  # when frames came

    def drawn(self, seconds: float) -> None:
        """Note what drawing a picture took."""
        self._drew.append(seconds)

    def begins(self) -> bool:
        """Return whether the frame that begins now has pictures before it."""
        self.on = self._wanted()
        return self.on

    def run(
        self, show: Callable[[float], None], on_gpu: bool, generate: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return what ``generate`` makes of the other arguments; ``show(share)`` presents one picture in between."""
        start = time.perf_counter()
        work: Work[T]
        if on_gpu:
            work = OnStream(generate(*args, **kwargs))
        else:
            work = InThread(self._thread().submit(generate, *args, **kwargs))
        self._meanwhile(work, start, show)
        return work.result()

    def arrived(self, now: float, took: float, fresh: bool = False) -> None:
        """Note a frame that came at ``now`` (perf_counter) and took ``took`` seconds, here or on its device.

        A ``fresh`` one answers to a knob or a beat. It does not fade in: that would lengthen the way.
        """
        self._took.append(took)
        self._arrived.append(now)
        self._whole = fresh
        self.share = self._share(now) if self.on else 1.0

    def _wanted(self) -> bool:
        if len(self._took) < RECENT // 2:
            return False
        slow = middle(self._took) > (STOP_BELOW if self.on else SLOW) * self.period
        return slow and (self._always or middle(self._drew) <= MAX_DRAW_SHARE * self.period)

    def _thread(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="generate")
        return self._pool

    def _meanwhile(self, work: Work[T], start: float, show: Callable[[float], None]) -> None:
        """Keep the display going until ``work`` is done. The last refresh before that belongs to the new frame.

        There is one picture a period at most. Something that comes does not wait for the picture's time.
        """
        last = start + middle(self._took) - 0.5 * self.period
        opens, due = start + EARLIEST * self.period, start + self.period
        while not work.done():
            now = time.perf_counter()
            if not self._comes(now, opens):
                if now >= last:
                    self._wait(work, self.period, opens)
                    continue
                if now < due:
                    self._wait(work, min(due, last) - now, opens)
                    continue
            self.share = self._share(now)
            show(self.share)
            opens, due = max(due, now), max(due + self.period, now + 0.5 * self.period)

    def _comes(self, now: float, opens: float) -> bool:
        return self._have_come is not None and now >= opens and self._have_come()

    def _wait(self, work: Work[T], seconds: float, opens: float) -> None:
        """Come back when ``work`` is done, after ``seconds``, or when something has come and a picture may be drawn."""
        if self._have_come is None:
            work.wait(seconds)
            return
        end = time.perf_counter() + seconds
        while not work.done() and (now := time.perf_counter()) < end and not self._comes(now, opens):
            work.wait(min(end - now, LOOK_SECONDS))

    def _share(self, now: float) -> float:
        """Return the newest frame's share of a picture drawn ``now``: all of it when the next frame is due."""
        if len(self._arrived) < 2 or self._whole:
            return 1.0
        every = (self._arrived[-1] - self._arrived[0]) / (len(self._arrived) - 1)
        return min(1.0, (now - self._arrived[-1] + self.period) / max(every, self.period))

    def close(self) -> None:
        """Wait for the frame under way, if any."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


def middle(values: deque[float]) -> float:
    """Return the median, 0 of nothing."""
    return sorted(values)[len(values) // 2] if values else 0.0
