"""Closed Catmull-Rom splines: loops that pass through their points.

They are uniform (Catmull and Rom, "A class of local interpolating splines", 1974) or centripetal (Yuksel, Schaefer
and Keyser, "On the parameterization of Catmull-Rom curves", 2009). The centripetal kind makes no loops or cusps
between unevenly spaced points. Both are C1-continuous everywhere, the seam included, because every index wraps.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.borders.preset import KINDS

Array = NDArray[np.float64]


class ClosedSpline:
    """A loop through points [n, ...], a function of t in 0..1; both 0 and 1 are the first point."""

    def __init__(self, points: NDArray[np.floating], kind: str = "uniform") -> None:
        """``points`` [n, ...] with n >= 1 are kept in float64; ``kind`` is one of `borders.preset.KINDS`.

        Raises ValueError when there are no points, when they are not finite, and for another kind.
        """
        self.points = np.asarray(points, dtype=np.float64)
        if self.points.ndim < 1 or len(self.points) == 0 or not np.isfinite(self.points).all():
            raise ValueError("a spline needs at least one point, all of them finite")
        if kind not in KINDS:
            raise ValueError(f"a spline is one of {', '.join(KINDS)}, not {kind!r}")
        n = len(self.points)
        self._widths = np.full(n, 1.0 / n)
        if kind == "centripetal":
            steps = np.roll(self.points, -1, axis=0) - self.points
            roots = np.sqrt(np.linalg.norm(steps.reshape(n, -1), axis=1))
            if roots.max() > 0.0:
                roots = np.maximum(roots, 1e-3 * roots.max())  # a point that comes twice is a pause: no division by 0
                self._widths = roots / roots.sum()
        self._starts = np.concatenate(([0.0], np.cumsum(self._widths)[:-1]))

    @property
    def knots(self) -> Array:
        """Return the t of every point [n]; the first is 0."""
        return np.array(self._starts)

    def __call__(self, t: float) -> Array:
        """Return the point [...] at ``t``; t wraps, so 1.25 is 0.25."""
        i, u = self._segment(t)
        p, m = self._hermite(i)
        return np.asarray(
            (2.0 * u - 3.0) * u * u * (p[0] - p[1]) + p[0] + u * (1.0 - u) * ((1.0 - u) * m[0] - u * m[1])
        )

    def velocity(self, t: float) -> Array:
        """Return the derivative [...] by t at ``t``, per loop."""
        i, u = self._segment(t)
        p, m = self._hermite(i)
        slope = 6.0 * u * (u - 1.0) * (p[0] - p[1]) + (1.0 - u) * (1.0 - 3.0 * u) * m[0] + u * (3.0 * u - 2.0) * m[1]
        return np.asarray(slope / self._widths[i])

    def _segment(self, t: float) -> tuple[int, float]:
        """Return the index of the segment with ``t``, and the position in it, 0..1."""
        at = t % 1.0
        i = min(int(np.searchsorted(self._starts, at, side="right")) - 1, len(self._starts) - 1)
        return i, min((at - self._starts[i]) / self._widths[i], 1.0)

    def _hermite(self, i: int) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Return segment i's end points and its tangents there; the tangents are per segment."""
        n = len(self.points)
        p0, p1, p2, p3 = (self.points[(i + k) % n] for k in (-1, 0, 1, 2))
        before, width, after = (self._widths[(i + k) % n] for k in (-1, 0, 1))

        def tangent(a: Array, b: Array, c: Array, left: float, right: float) -> Array:
            # The slope of the parabola through three points (Barry and Goldman, 1988), times the segment's width.
            return np.asarray(((b - a) / left * right + (c - b) / right * left) * (width / (left + right)))

        return (p1, p2), (tangent(p0, p1, p2, before, width), tangent(p1, p2, p3, width, after))


class ArcLength:
    """Gives a loop constant speed: it maps a share of the loop's length to t.

    The map is a monotone cubic (Fritsch and Carlson, 1980) through measured lengths, so the speed has no steps.
    """

    def __init__(self, curve: Callable[[float], Array], samples: int) -> None:
        """``curve`` is a closed curve, a function of t in 0..1; ``samples`` equal pieces of t are measured."""
        t = np.linspace(0.0, 1.0, samples + 1)
        # Two chords of a piece and the one across both, extrapolated (Richardson): the error is of the fourth order.
        fine = np.array([curve(at).ravel() for at in np.linspace(0.0, 1.0, 2 * samples + 1)[:-1]])
        fine = np.concatenate((fine, fine[:1]))
        short = np.linalg.norm(np.diff(fine, axis=0), axis=1)
        long = np.linalg.norm(fine[2::2] - fine[:-2:2], axis=1)
        pieces = short.reshape(-1, 2).sum(axis=1) * (4.0 / 3.0) - long / 3.0
        self.length = float(pieces.sum())
        if self.length <= 0.0:  # all points are the same
            pieces = np.ones(samples)
        self._share = np.concatenate(([0.0], np.cumsum(pieces / pieces.sum())))
        self._share[-1] = 1.0
        self._t = t
        self._slope = self._slopes()

    def _slopes(self) -> Array:
        """Return dt/dshare at every entry, limited so that t is monotone; both ends have the same."""
        h = np.maximum(np.diff(self._share), 1e-12)
        secant = np.diff(self._t) / h
        left, right = np.roll(secant, 1), secant
        before, after = np.roll(h, 1), h
        slope = (left * after + right * before) / (before + after)
        slope = np.minimum(slope, 3.0 * np.minimum(left, right))
        return np.append(slope, slope[0])

    def __call__(self, share: float) -> float:
        """Return the t at a ``share`` of the loop's length, 0..1; the share wraps."""
        at = share % 1.0
        i = min(int(np.searchsorted(self._share, at, side="right")) - 1, len(self._share) - 2)
        h = max(self._share[i + 1] - self._share[i], 1e-12)
        u = (at - self._share[i]) / h
        y0, y1 = self._t[i], self._t[i + 1]
        m0, m1 = h * self._slope[i], h * self._slope[i + 1]
        return float((2 * u - 3) * u * u * (y0 - y1) + y0 + u * (1 - u) * ((1 - u) * m0 - u * m1))

    def share(self, t: float) -> float:
        """Return the share of the length at ``t``: the inverse of the map, by bisection."""
        low, high = 0.0, 1.0
        for _ in range(50):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self(middle) < t % 1.0 else (low, middle)
        return 0.5 * (low + high) if t % 1.0 else 0.0
