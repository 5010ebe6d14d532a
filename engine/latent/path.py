"""The way through latent space: where the performer is on the loop, and the ws of the frame."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from engine.clock import Tick
from engine.control.params import Params
from engine.latent.spline import ClosedSpline


class Path:
    """Travels a closed spline through W at the speed the routing asks for.

    ``t`` is the position on the loop, 0..1.
    """

    def __init__(self, points: NDArray[np.floating], w_avg: NDArray[np.floating], t: float = 0.0) -> None:
        """``points`` [n, num_ws, w_dim], untruncated; ``w_avg`` [w_dim]."""
        self._spline = ClosedSpline(points)
        self._w_avg = np.asarray(w_avg, dtype=np.float64)
        self.t = t % 1.0

    def __call__(self, params: Params, tick: Tick) -> NDArray[np.float32]:
        """Move on by speed x dt and return the truncated ws [num_ws, w_dim]."""
        self.t = (self.t + params["speed"] * tick.dt) % 1.0
        w = self._spline(self.t)  # [num_ws, w_dim]
        return np.asarray(self._w_avg + params["truncation_psi"] * (w - self._w_avg), dtype=np.float32)


def digest(ws: NDArray[np.float32]) -> str:
    """Return a short hex digest of the exact bits of ``ws``."""
    return hashlib.blake2b(np.ascontiguousarray(ws).tobytes(), digest_size=8).hexdigest()
