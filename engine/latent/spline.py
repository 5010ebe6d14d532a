"""A closed Catmull-Rom spline: it passes through its points and comes home without a jolt.

Uniform Catmull-Rom (Catmull and Rom, "A class of local interpolating splines", 1974), C1-continuous
everywhere because every index wraps, the seam included.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class ClosedSpline:
    """A loop through ``points`` [n, ...], sampled by t in 0..1 where 0 and 1 are the first point."""

    def __init__(self, points: NDArray[np.floating]) -> None:
        """``points`` [n, ...] with n >= 1, kept in float64. ValueError when empty or not finite."""
        self.points = np.asarray(points, dtype=np.float64)
        if self.points.ndim < 1 or len(self.points) == 0 or not np.isfinite(self.points).all():
            raise ValueError("a spline needs at least one point, all of them finite")

    def __call__(self, t: float) -> NDArray[np.float64]:
        """Return the point at ``t`` [...]; t wraps, so 1.25 is 0.25."""
        n = len(self.points)
        at = (t % 1.0) * n
        i = int(at) % n
        u = at - int(at)
        p0, p1, p2, p3 = (self.points[(i + k) % n] for k in (-1, 0, 1, 2))
        return np.asarray(
            p1
            + 0.5 * u * (p2 - p0)
            + u * u * (p0 - 2.5 * p1 + 2.0 * p2 - 0.5 * p3)
            + u * u * u * (1.5 * (p1 - p2) + 0.5 * (p3 - p0))
        )

    def velocity(self, t: float) -> NDArray[np.float64]:
        """Return the derivative by t at ``t`` [...], per loop."""
        n = len(self.points)
        at = (t % 1.0) * n
        i = int(at) % n
        u = at - int(at)
        p0, p1, p2, p3 = (self.points[(i + k) % n] for k in (-1, 0, 1, 2))
        slope = (
            0.5 * (p2 - p0)
            + u * (2.0 * p0 - 5.0 * p1 + 4.0 * p2 - p3)
            + u * u * (4.5 * (p1 - p2) + 1.5 * (p3 - p0))
        )
        return np.asarray(n * slope)
