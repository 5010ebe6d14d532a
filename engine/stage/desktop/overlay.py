"""The overlay of the picture, as values: notices, the lines of two terminals, the clock. No GL here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.borders.faults import Faults
from engine.borders.tick import Tick
from engine.stage.desktop.glyphs import Line
from engine.stage.desktop.monitor import monitor
from engine.stage.desktop.terminal import Session
from engine.stage.operator.sheet import Sheet
from engine.system.telemetry import Machine

ROWS = 400  # lines that a terminal keeps; it shows the last ones, the others when it is scrolled


@dataclass(frozen=True, slots=True)
class Scene:
    """One frame's overlay: ``notices`` and ``panel`` are for the performer, the rest is the audience's desktop."""

    notices: tuple[str, ...] = ()
    terminal: tuple[Line, ...] = ()
    monitor: tuple[Line, ...] = ()
    clock: str = ""
    panel: Sheet | None = None  # over everything


class Overlay:
    """Makes the Scene of a frame from the frame's ws and the last telemetry."""

    def __init__(
        self,
        machine: Callable[[], Machine | None],
        notices: Callable[[Tick], tuple[str, ...]] = lambda tick: (),
        panel: Callable[[Tick], Sheet | None] = lambda tick: None,
        faults: Faults | None = None,
    ) -> None:
        """``machine`` returns Telemetry's ``latest``; ``notices`` and ``panel`` return what the performer sees.

        In a live show a part that fails stays as it was in the last frame; ``faults`` decides that.
        """
        self._machine, self._notices, self._performers = machine, notices, panel
        self._session = Session(ROWS)
        self._seen: Machine | None = None
        self._panel = tuple(monitor(None))
        self._faults, self._scene = faults or Faults(), Scene()
        self._written = False  # whether the terminals have lines

    def __call__(self, tick: Tick, ws: NDArray[np.float32], params: Mapping[str, float], t: float = 0.0) -> Scene:
        """Return the Scene over the frame of ``ws`` [num_ws, w_dim]; ``t`` is its position on the path, 0..1."""
        if params["desktop.mode"] >= 1.0 or self._written:
            self._faults.attempt("the desktop's text", self._write, tick, ws, params, t)
        self._faults.attempt("the panel", self._write_panel, tick)
        self._faults.attempt("the notices", self._write_notices, tick)
        return self._scene

    def _write_panel(self, tick: Tick) -> None:
        panel = self._performers(tick)
        if panel is not self._scene.panel:
            self._scene = replace(self._scene, panel=panel)

    def _write_notices(self, tick: Tick) -> None:
        notices = self._notices(tick)
        if notices != self._scene.notices:
            self._scene = replace(self._scene, notices=notices)

    def _write(self, tick: Tick, ws: NDArray[np.float32], params: Mapping[str, float], t: float) -> None:
        """Update the lines of the desktop's terminals, or remove them where there is no desktop."""
        self._written = params["desktop.mode"] >= 1.0
        if not self._written:
            self._scene = replace(self._scene, terminal=(), monitor=(), clock="")
            return
        self._session.see(ws, tick.time, tick.index, params["desktop.rate"], params["desktop.typing"], t=t)
        machine = self._machine()
        if machine is not None and machine is not self._seen:
            self._seen, self._panel = machine, tuple(monitor(machine))
        clock = machine.clock if machine is not None else ""
        terminal = tuple(self._session.lines(ROWS))
        self._scene = replace(self._scene, terminal=terminal, monitor=self._panel, clock=clock)
