"""The crossing from one path to the next: both move while one preset morphs into the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.borders.contracts import Path
from engine.borders.params import Params
from engine.borders.tick import Tick


class Crossing:
    """The present path, and during a morph also the previous one."""

    def __init__(self, path: Path, share: Callable[[], float]) -> None:
        """``share`` returns the share of the new preset in the morph, 0..1."""
        self.path = path
        self._share = share
        self._before: Path | None = None

    @property
    def t(self) -> float:
        """Return the position on the loop, 0..1."""
        return self.path.t

    @property
    def phases(self) -> tuple[float, ...]:
        """Return where the present path's travellers are: what `stand` takes."""
        return self.path.phases

    def stand(self, phases: Sequence[float], params: Params) -> None:
        """Take up where another show's path stood."""
        self.path.stand(phases, params)

    @property
    def point(self) -> NDArray[np.float32]:
        """Return the frame's untruncated w, float32 [num_ws, w_dim]: truncated as in this frame, it is this picture."""
        if self._before is None:
            return self.path.point
        return _interpolate(self._before.point, self.path.point, self._share())

    def join(self, point: NDArray[np.floating], *, replace: bool = False, now: bool = False) -> bool:
        """Make a point the present path's next one."""
        return self.path.join(point, replace=replace, now=now)

    def take(self, path: Path, *, cut: bool) -> None:
        """Make ``path`` the present one; without ``cut`` the previous one fades as the share grows."""
        self._before = None if cut or path is self.path else self.path
        self.path = path

    def travel(self, params: Params, tick: Tick) -> NDArray[np.float32]:
        """Move on to ``tick`` and return the ws, float32 [num_ws, w_dim]."""
        ws = np.asarray(self.path.travel(params, tick), dtype=np.float32)
        share = self._share()
        if self._before is None or share >= 1.0:
            self._before = None
            return ws
        before = np.asarray(self._before.travel(params, tick), dtype=np.float32)
        return _interpolate(before, ws, share)


def _interpolate(a: NDArray[np.float32], b: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    return np.asarray(a + np.float32(share) * (b - a), dtype=np.float32)
