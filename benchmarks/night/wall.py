"""The audience's picture while things fail: frozen, it may not change, and no line may come onto it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.night.venue import Venue

LOOK_SECONDS = 0.1  # s; from one screenshot to the next
STILL_SECONDS = 3.0  # s; a frozen picture stands still by then
LINGER_SECONDS = 0.6  # s; after the fault the wall is looked at for as long
FAR = 24  # of 255; a pixel that differs by more is another one
SHARE = 0.004  # of all pixels; a line of text is more


@dataclass(frozen=True, slots=True)
class Seen:
    """The screenshots of one fault."""

    looks: int
    other: int  # that differ from the picture before the fault
    worst: float  # the largest share of pixels that differ
    empty: int  # of those, black ones: the desktop under Xvfb


class Frozen:
    """A frozen wall, looked at until `thaw`."""

    def __init__(self, venue: Venue) -> None:
        self._venue, self._looks = venue, list[NDArray[np.uint8]]()
        venue.ask("/command/freeze")
        self._before = self._still()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="wall", daemon=True)
        self._thread.start()
        self._shares: list[tuple[float, bool]] = []

    def _still(self) -> NDArray[np.uint8] | None:
        """Return the picture once it does not change any more; None where it goes on changing."""
        give_up, before = time.monotonic() + STILL_SECONDS, None
        while time.monotonic() < give_up:
            self._venue.plays(4)
            pixels = self._venue.pixels()
            if pixels is not None and before is not None and differs(before, pixels) == 0.0:
                return pixels
            before = pixels
        return None

    def _look(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            pixels = self._venue.pixels()
            if self._before is not None and pixels is not None:
                self._shares.append((differs(self._before, pixels), not pixels.any()))

    def thaw(self, stops: bool) -> Seen | None:
        """Let the picture go on; return what was seen. ``stops``: the process was another one meanwhile."""
        time.sleep(LINGER_SECONDS)
        self._stop.set()
        self._thread.join()
        self._venue.ask("/command/freeze")
        if self._before is None:
            return None
        other = [share for share, _ in self._shares if share > SHARE]
        return Seen(
            len(self._shares),
            len(other),
            round(max((share for share, _ in self._shares), default=0.0), 4),
            sum(empty for _, empty in self._shares),
        )


def differs(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Return the share of pixels that differ."""
    return float((np.abs(a.astype(np.int16) - b).max(-1) > FAR).mean()) if a.shape == b.shape else 1.0
