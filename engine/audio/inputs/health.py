"""The health of an input: sound, digital silence, a broken signal or none."""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

PATIENCE_SECONDS = 0.3  # of no samples, zeros, NaN or a constant level; then the input's state changes
RECOVERY_SECONDS = 0.05  # of valid signal before the input counts as recovered
STUCK = 1e-7  # peak to peak, less than a step of 24 bits; a signal below it is constant


class State(Enum):
    """What an input delivers."""

    SOUNDING = "sounding"
    ZEROS = "zeros"  # only zeros: the source is silent or no longer connected
    BROKEN = "broken"  # NaN or a constant level
    STALLED = "stalled"  # no samples at all


class Health:
    """Watches an input's samples; the state changes after PATIENCE_SECONDS of samples of another kind."""

    def __init__(self, now: float, state: State = State.SOUNDING) -> None:
        """``now`` is in monotonic seconds; ``state`` holds until there are enough samples."""
        self.state = self._kind = state
        self._since = now
        self._idle = 0.0

    def hear(self, samples: NDArray[np.float32], now: float) -> State:
        """Return the state after a block [n] or [n, channels] that arrived at ``now`` (monotonic seconds)."""
        kind = _kind(samples)
        if kind is not self._kind:
            self._kind, self._since = kind, now
        self._idle = 0.0
        settled = RECOVERY_SECONDS if kind is State.SOUNDING else PATIENCE_SECONDS
        if now - self._since >= settled:
            self.state = kind
        return self.state

    def wait(self, seconds: float) -> State:
        """Return the state after another ``seconds`` of listening without a block.

        Only the time spent listening counts, because a busy program does not listen either.
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
