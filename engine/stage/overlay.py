"""What stands over the picture, as values: notices, the two terminals' lines, the clock. No GL here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.clock import Tick
from engine.stage.glyphs import Line
from engine.stage.monitor import monitor
from engine.stage.sheet import Sheet
from engine.stage.telemetry import Machine
from engine.stage.terminal import Session

ROWS = 400  # kept; a terminal shows as many of the last as it has, the others when it is scrolled


@dataclass(frozen=True, slots=True)
class Scene:
    """One frame's overlay. ``notices`` are for the performer, the rest is the desktop the audience sees."""

    notices: tuple[str, ...] = ()
    terminal: tuple[Line, ...] = ()
    monitor: tuple[Line, ...] = ()
    clock: str = ""
    panel: Sheet | None = None  # the performer's, over everything


class Overlay:
    """Makes the Scene of a frame from the frame's own ws and the last look at the machine."""

    def __init__(
        self,
        machine: Callable[[], Machine | None],
        notices: Callable[[Tick], tuple[str, ...]] = lambda tick: (),
        panel: Callable[[Tick], Sheet | None] = lambda tick: None,
    ) -> None:
        """``machine`` is Telemetry's ``latest``; ``notices`` and ``panel`` say what the performer is shown."""
        self._machine, self._notices, self._performers = machine, notices, panel
        self._session = Session(ROWS)
        self._seen: Machine | None = None
        self._panel = tuple(monitor(None))

    def __call__(self, tick: Tick, ws: NDArray[np.float32], params: Mapping[str, float], t: float = 0.0) -> Scene:
        """Return what stands over the frame that ``ws`` [num_ws, w_dim] makes; ``t`` is its place on the path."""
        notices, panel = self._notices(tick), self._performers(tick)
        if params["desktop.mode"] < 1.0:
            return Scene(notices, panel=panel)
        self._session.see(ws, tick.time, tick.index, params["desktop.rate"], params["desktop.typing"], t=t)
        machine = self._machine()
        if machine is not None and machine is not self._seen:
            self._seen, self._panel = machine, tuple(monitor(machine))
        clock = machine.clock if machine is not None else ""
        return Scene(notices, tuple(self._session.lines(ROWS)), self._panel, clock, panel)
