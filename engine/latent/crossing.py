"""From one path to the next: both travelled while one preset morphs into the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.clock import Tick
from engine.control.params import Params


class Travelled(Protocol):
    """What a crossing needs of a path."""

    @property
    def t(self) -> float: ...  # noqa: D102
    def __call__(self, params: Params, tick: Tick) -> NDArray[np.float32]: ...  # noqa: D102


class Crossing:
    """The path that is travelled, and for the length of a morph the one before it."""

    def __init__(self, path: Travelled, share: Callable[[], float]) -> None:
        """``share`` says how much of the coming preset there is, 0..1."""
        self.path = path
        self._share = share
        self._before: Travelled | None = None

    @property
    def t(self) -> float:
        """Return the position on the loop, 0..1."""
        return self.path.t

    def take(self, path: Travelled, *, cut: bool) -> None:
        """Travel ``path`` from now on; without ``cut`` the old one fades as the share grows."""
        self._before = None if cut or path is self.path else self.path
        self.path = path

    def __call__(self, params: Params, tick: Tick) -> NDArray[np.float32]:
        """Move on and return the ws [num_ws, w_dim]."""
        ws = self.path(params, tick)
        share = self._share()
        if self._before is None or share >= 1.0:
            self._before = None
            return ws
        before = self._before(params, tick)
        return np.asarray(before + np.float32(share) * (ws - before), dtype=np.float32)
