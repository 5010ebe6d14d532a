"""Is that a signal? Tells sound, digital silence and a broken input apart."""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

PATIENCE_SECONDS = 0.3  # so long may an input deliver nothing, NaN or a stuck level
RECOVERY_SECONDS = 0.05  # so long must it sound right before it is believed again
STUCK = 1e-7  # peak to peak: less than a step of 24 bits


class State(Enum):
    """What an input is doing."""

    SOUNDING = "sounding"
    ZEROS = "zeros"  # nothing but zeros: a silent source, or one that is no longer connected
    BROKEN = "broken"  # NaN, or stuck at a level
    STALLED = "stalled"  # no samples at all


class Health:
    """Watches an input's samples and judges after ``PATIENCE_SECONDS`` of the same kind."""

    def __init__(self, now: float, state: State = State.SOUNDING) -> None:
        """``now`` in monotonic seconds; ``state`` is what is believed until the samples tell."""
        self.state = self._kind = state
        self._since = now
        self._idle = 0.0

    def hear(self, samples: NDArray[np.float32], now: float) -> State:
        """Judge a block [n] or [n, channels] that came at ``now``."""
        kind = _kind(samples)
        if kind is not self._kind:
            self._kind, self._since = kind, now
        self._idle = 0.0
        settled = RECOVERY_SECONDS if kind is State.SOUNDING else PATIENCE_SECONDS
        if now - self._since >= settled:
            self.state = kind
        return self.state

    def wait(self, seconds: float) -> State:
        """Judge that nothing came in another ``seconds`` of listening.

        Listening is what counts: while something else keeps the whole program busy nothing is heard either.
        """
        self._idle += seconds
        if self._idle >= PATIENCE_SECONDS - 1e-9:
            self.state = self._kind = State.STALLED
        return self.state


def _kind(samples: NDArray[np.float32]) -> State:
    low, high = float(samples.min()), float(samples.max())  # NaN anywhere makes both NaN
    if not (np.isfinite(low) and np.isfinite(high)):
        return State.BROKEN
    if high - low > STUCK:
        return State.SOUNDING
    return State.ZEROS if low == high == 0.0 else State.BROKEN
