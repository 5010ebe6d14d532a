"""One traveller: a curve through w, and where on it somebody is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.latent.spline import ArcLength, ClosedSpline

Array = NDArray[np.float64]

TURN = 0.1  # of a way forth: how long a ping-pong takes to turn round
LENGTH_SAMPLES = 48  # of arc length, per point
MOST_GLIDES = 16  # under way at once; of more, the oldest hardly shows


@dataclass(frozen=True, slots=True)
class Travel:
    """How a path is travelled.

    ``spline``: one of `spline.KINDS`. ``constant_speed``: a unit of speed is the same length of W everywhere.
    ``ping_pong``: from the first point to the last and back, instead of round.
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
        """``points`` [n, ...]; ``to_w`` turns a place on the spline into ws [num_ws, w_dim] (None: it is one)."""
        self._spline = ClosedSpline(points, travel.spline)
        self._to_w = to_w
        self._arc = ArcLength(self._curve, LENGTH_SAMPLES * len(points)) if travel.constant_speed else None
        self._ping_pong = travel.ping_pong and len(points) > 1
        knots = self._spline.knots
        self.stops = [self._arc.share(float(k)) for k in knots] if self._arc else [float(k) for k in knots]
        self._phase = t % 1.0
        self._glides: list[_Glide] = []

    @property
    def t(self) -> float:
        """Return the position on the loop 0..1 (of its length, at constant speed)."""
        return self._place(self._phase)

    def advance(self, loops: float, dt: float) -> Array:
        """Move on by ``loops`` in ``dt`` seconds; return ws [num_ws, w_dim]."""
        self._phase = self._step(self._phase, loops)
        for glide in self._glides:
            glide.phase = self._step(glide.phase, loops)
            glide.elapsed += dt
        landed = [i for i, glide in enumerate(self._glides) if glide.elapsed >= glide.seconds]
        self._glides = self._glides[landed[-1] + 1 :] if landed else self._glides
        places = [glide.phase for glide in self._glides] + [self._phase]
        w = self._at(places[0])
        for glide, place in zip(self._glides, places[1:], strict=True):
            w = w + _ease(glide.elapsed / glide.seconds) * (self._at(place) - w)
        return w

    def jump(self, point: int, seconds: float) -> None:
        """Go to a point (0 the first; wraps) in ``seconds``, from wherever w is; 0 cuts.

        The way there is a crossfade between two travellers, the one that goes on as before (itself gliding,
        perhaps) and the one that sets out from the point: nothing jolts at either end.
        """
        if seconds > 0.0:
            self._glides = [*self._glides[1 - MOST_GLIDES :], _Glide(self._phase, seconds)]
        else:
            self._glides = []
        self._phase = self._phase_of(self.stops[point % len(self.stops)])

    def next(self, seconds: float) -> None:
        """Jump to the point after the last one passed."""
        passed = sum(stop <= self.t + 1e-9 for stop in self.stops)
        self.jump(passed, seconds)

    def _curve(self, t: float) -> Array:
        place = self._spline(t)
        return place if self._to_w is None else np.asarray(self._to_w(place), dtype=np.float64)

    def _at(self, phase: float) -> Array:
        place = self._place(phase)
        return self._curve(place if self._arc is None else self._arc(place))

    def _step(self, phase: float, loops: float) -> float:
        return (phase + loops) % (2.0 if self._ping_pong else 1.0)

    def _place(self, phase: float) -> float:
        """Return the position on the loop; a ping-pong's phase runs 0..2, forth and back."""
        if not self._ping_pong:
            return phase
        x = phase if phase <= 1.0 else 2.0 - phase
        end = min(x, 1.0 - x)
        if end < TURN:  # brake and set off again instead of bouncing
            rounded = 0.5 * TURN + 0.5 * end * end / TURN
            x = rounded if x < 0.5 else 1.0 - rounded
        return self.stops[-1] * (x - 0.5 * TURN) / (1.0 - TURN)

    def _phase_of(self, place: float) -> float:
        """Return the phase, on the way forth, that is at ``place``."""
        if not self._ping_pong:
            return place
        x = place / self.stops[-1] * (1.0 - TURN) + 0.5 * TURN
        end = min(x, 1.0 - x)
        if end < TURN:
            straight = math.sqrt(max(2.0 * TURN * (end - 0.5 * TURN), 0.0))
            x = straight if x < 0.5 else 1.0 - straight
        return x


@dataclass
class _Glide:
    """A jump on its way: where the place that it leaves has got to."""

    phase: float
    seconds: float
    elapsed: float = 0.0


def _ease(x: float) -> float:
    """Return a step from 0 to 1 without speed or acceleration at its ends."""
    return x * x * x * (10.0 + x * (6.0 * x - 15.0))
