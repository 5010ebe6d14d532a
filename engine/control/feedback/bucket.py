"""A limit on rate: so many at once, so many a second."""

from __future__ import annotations


class Bucket:
    """Lets through at most ``rate`` a second and ``burst`` at once: within any second at most their sum."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, float(burst)
        self._left, self._at = float(burst), float("-inf")

    def take(self, now: float) -> bool:
        """Return whether one more may go at ``now`` (seconds)."""
        self._left = min(self._burst, self._left + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
