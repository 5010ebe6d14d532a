"""Pictures between two generated frames, where the generator is slower than the display.

While the generator works on the next frame, the wall crossfades from the frame before to the newest at the
display's rate. Nothing moves that was not generated; the price is up to one generated frame of delay. Hence only
where the generator does miss the display's rate and drawing is cheap beside it, and off by ``--no-interpolation``.
Renders, benches and stills have none: they show every frame once.

The generator then works in a thread of its own on a CPU (its kernels release Python's lock) and on its stream on
a GPU; the main thread alone owns GL and CUDA.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, Protocol

SLOWER = 1.25  # display periods from which on a generated frame takes too long for the display
STILL = 1.05  # of them, down to which it goes on once it has begun
CHEAP = 0.3  # of a display period that drawing may take: more would take the generator's own time
RECENT = 12  # frames that both are judged by
POLL = 0.0005  # seconds between two looks at a GPU


class Work(Protocol):
    """A frame under way."""

    def done(self) -> bool:
        """Whether it is finished."""
        ...

    def wait(self, seconds: float) -> None:
        """Come back when it is, or after ``seconds``."""
        ...

    def result(self) -> Any:
        """Return the frame; whatever went wrong is raised here."""
        ...


class InThread:
    """A frame that a CPU makes in another thread."""

    def __init__(self, generate: Callable[[], Any], pool: ThreadPoolExecutor) -> None:
        self._future = pool.submit(generate)
        self.done, self.result = self._future.done, self._future.result

    def wait(self, seconds: float) -> None:
        """See Work."""
        wait((self._future,), timeout=seconds)


class OnStream:
    """A frame that a GPU makes while the main thread goes on. Not run on a GPU yet."""

    def __init__(self, generate: Callable[[], Any]) -> None:
        import torch

        self._frame = generate()
        self._event: Any = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._event.record()
        self.done: Callable[[], bool] = self._event.query

    def wait(self, seconds: float) -> None:
        """See Work."""
        end = time.perf_counter() + seconds
        while not self.done() and time.perf_counter() < end:
            time.sleep(POLL)

    def result(self) -> Any:
        """See Work."""
        return self._frame


class Between:
    """Runs the generator; shows pictures in between until it is done. ``share`` is of the newest frame, 0..1."""

    def __init__(self, period: float, show: Callable[[float], None], always: bool = False) -> None:
        """``period``: the display's, seconds; ``show(share)`` draws and presents one picture in between.

        ``always`` asks for it however dear drawing is.
        """
        self.period, self._show, self._always = period, show, always
        self.share = 1.0
        self.on = False
        self._pool: ThreadPoolExecutor | None = None
        self._took: deque[float] = deque(maxlen=RECENT)  # seconds of generating a frame
        self._drew: deque[float] = deque(maxlen=RECENT)  # seconds of drawing one
        self._arrived: deque[float] = deque(maxlen=RECENT)  # when frames came

    def drawn(self, seconds: float) -> None:
        """Note what drawing a picture took."""
        self._drew.append(seconds)

    def __call__(self, generate: Callable[[], Any], on_gpu: bool = False, seconds: float | None = None) -> Any:
        """Return the frame that ``generate`` makes; ``seconds``, where known, is what one lately took on its device."""
        self.on = self._wanted()
        start = time.perf_counter()
        if self.on:
            work = OnStream(generate) if on_gpu else InThread(generate, self._thread())
            self._meanwhile(work, start)
            frame = work.result()
        else:
            frame = generate()
        now = time.perf_counter()
        self._took.append(max(now - start, seconds or 0.0))
        self._arrived.append(now)
        self.share = self._share(now) if self.on else 1.0
        return frame

    def _wanted(self) -> bool:
        if len(self._took) < RECENT // 2:
            return False
        slow = middle(self._took) > (STILL if self.on else SLOWER) * self.period
        return slow and (self._always or middle(self._drew) <= CHEAP * self.period)

    def _thread(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="generate")
        return self._pool

    def _meanwhile(self, work: Work, start: float) -> None:
        """Keep the display going until ``work`` is done. The last refresh before that belongs to the new frame."""
        last = start + middle(self._took) - 0.5 * self.period
        due = start + self.period
        while not work.done():
            now = time.perf_counter()
            if now >= last:
                work.wait(self.period)
            elif now < due:
                work.wait(min(due, last) - now)
            else:
                self.share = self._share(now)
                self._show(self.share)
                due = max(due + self.period, now + 0.5 * self.period)

    def _share(self, now: float) -> float:
        """Return how much of the newest frame a picture drawn ``now`` has: all of it when the next one is due."""
        if len(self._arrived) < 2:
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
