"""A traveller: a curve through W, and a position that moves along it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.latent.spline import ArcLength, ClosedSpline

Array = NDArray[np.float64]

TURN_SHARE = 0.1  # of a ping-pong's one-way phase; it brakes and turns at each end within it
LENGTH_SAMPLES = 48  # per point; pieces that the arc length is measured in
MAX_GLIDES = 16  # running at once; a further one ends the oldest, which hardly shows by then


@dataclass(frozen=True, slots=True)
class Travel:
    """How a traveller moves.

    ``spline`` is one of `borders.preset.KINDS`. With ``constant_speed``, equal times cover equal lengths in W. With
    ``ping_pong``, the traveller moves from the first point to the last and back, instead of round the loop.
    """

    spline: str = "uniform"
    constant_speed: bool = False
    ping_pong: bool = False


class Traveller:
    """Moves along a closed spline through ``points``; its ``t`` is the position on the loop, 0..1."""

    def __init__(
        self,
        points: NDArray[np.floating],
        travel: Travel,
        t: float = 0.0,
        to_w: Callable[[Array], NDArray[np.floating]] | None = None,
    ) -> None:
        """``points`` are [n, ...]; ``to_w`` maps a point of the spline to ws [num_ws, w_dim]. None: points are ws."""
        self._spline, self._kind = ClosedSpline(points, travel.spline), travel.spline
        self._to_w, self._travel = to_w, travel
        self._arc = ArcLength(self._curve, LENGTH_SAMPLES * len(points)) if travel.constant_speed else None
        self._ping_pong = travel.ping_pong and len(points) > 1
        knots = self._spline.knots
        self.stops = [self._arc.share(float(k)) for k in knots] if self._arc else [float(k) for k in knots]
        self._phase = t % 1.0
        self._glides: list[_Glide] = []

    @property
    def t(self) -> float:
        """Return the position on the loop, 0..1; at constant speed it is a share of the loop's length."""
        return self._place(self._phase)

    @property
    def phase(self) -> float:
        """Return how far it has travelled: 0..1, of a ping-pong 0..2."""
        return self._phase

    def renew(self, points: NDArray[np.floating]) -> None:
        """Go on where it is on the curve through other points; one that has joined is not among them any more."""
        self._spline = ClosedSpline(points, self._kind)
        if len(points) != len(self.stops):
            self.stops = [float(knot) for knot in self._spline.knots]

    def with_point(self, point: NDArray[np.floating], *, replace: bool) -> Traveller:
        """Return a traveller that stands where this one does, on a curve with ``point`` as the next one.

        ``replace``: it takes the next one's place. Raises ValueError where the curve's points have another shape.
        """
        points, passed = self._spline.points, self._passed()
        if point.shape != points.shape[1:]:
            raise ValueError(f"a point of {point.shape} on a curve of {points.shape[1:]}")
        fresh = np.insert(points, passed, point, axis=0)
        if replace:
            fresh = np.array(points)
            fresh[passed % len(points)] = point
        other = Traveller(fresh, self._travel, 0.0, self._to_w)
        begin, end = ([*self.stops, 1.0][at] for at in (passed - 1, passed))
        low, high = ([*other.stops, 1.0][at] for at in (passed - 1, passed))
        share = (self.t - begin) / max(end - begin, 1e-12)
        other.stand(other._phase_of(low + min(max(share, 0.0), 1.0) * (high - low)))
        return other

    def _passed(self) -> int:
        """Return how many points it has passed: the number of the next one; 1 at the first."""
        return max(1, sum(stop <= self.t + 1e-9 for stop in self.stops))

    def stand(self, phase: float) -> None:
        """Take up where another traveller was."""
        self._phase, self._glides = self._step(phase, 0.0), []

    def advance(self, loops: float, dt: float) -> Array:
        """Move on by ``loops`` in ``dt`` seconds and return ws, float64 [num_ws, w_dim]."""
        self._phase = self._step(self._phase, loops)
        for glide in self._glides:
            glide.phase = self._step(glide.phase, loops)
            glide.elapsed += dt
        landed = [i for i, glide in enumerate(self._glides) if glide.elapsed >= glide.seconds]
        self._glides = self._glides[landed[-1] + 1 :] if landed else self._glides
        places = [glide.phase for glide in self._glides] + [self._phase]
        w = self._at(places[0])
        for glide, place in zip(self._glides, places[1:], strict=True):
            w = w + ease(glide.elapsed / glide.seconds) * (self._at(place) - w)
        return w

    def jump(self, point: int, seconds: float) -> None:
        """Go to ``point`` (0 is the first; it wraps) within ``seconds``; 0 cuts.

        A glide is a crossfade between two positions that both move on: the old one, which may itself be gliding,
        and the one that starts at the point. So the motion has no jolt at either end.
        """
        if seconds > 0.0:
            self._glides = [*self._glides[1 - MAX_GLIDES :], _Glide(self._phase, seconds)]
        else:
            self._glides = []
        self._phase = self._phase_of(self.stops[point % len(self.stops)])

    def next(self, seconds: float) -> None:
        """Jump to the next point on the loop, as `jump` does."""
        self.jump(self._passed(), seconds)

    def _curve(self, t: float) -> Array:
        place = self._spline(t)
        return place if self._to_w is None else np.asarray(self._to_w(place), dtype=np.float64)

    def _at(self, phase: float) -> Array:
        place = self._place(phase)
        return self._curve(place if self._arc is None else self._arc(place))

    def _step(self, phase: float, loops: float) -> float:
        return (phase + loops) % (2.0 if self._ping_pong else 1.0)

    def _place(self, phase: float) -> float:
        """Return the position on the loop for ``phase``; a ping-pong's phase is 0..1 forward and 1..2 back."""
        if not self._ping_pong:
            return phase
        x = phase if phase <= 1.0 else 2.0 - phase
        end = min(x, 1.0 - x)
        if end < TURN_SHARE:  # brake and accelerate again instead of bouncing
            rounded = 0.5 * TURN_SHARE + 0.5 * end * end / TURN_SHARE
            x = rounded if x < 0.5 else 1.0 - rounded
        return self.stops[-1] * (x - 0.5 * TURN_SHARE) / (1.0 - TURN_SHARE)

    def _phase_of(self, place: float) -> float:
        """Return the forward phase at a position on the loop: the inverse of `_place`."""
        if not self._ping_pong:
            return place
        x = place / self.stops[-1] * (1.0 - TURN_SHARE) + 0.5 * TURN_SHARE
        end = min(x, 1.0 - x)
        if end < TURN_SHARE:
            straight = math.sqrt(max(2.0 * TURN_SHARE * (end - 0.5 * TURN_SHARE), 0.0))
            x = straight if x < 0.5 else 1.0 - straight
        return x


@dataclass
class _Glide:
    """A running jump: the phase of the position that it fades out, and its length and age in seconds."""

    phase: float
    seconds: float
    elapsed: float = 0.0


def ease(x: float) -> float:
    """Return a smooth step from 0 to 1; speed and acceleration are 0 at both ends."""
    return x * x * x * (10.0 + x * (6.0 * x - 15.0))
