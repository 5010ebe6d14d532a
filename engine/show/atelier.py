"""Pictures that join a show: dropped on a window or put into the inbox, projected, then the path's next point.

Nothing comes by network: neither a path nor a picture.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.borders import contracts
from engine.borders.contracts import Model, Window
from engine.borders.errors import Trouble, UserError
from engine.borders.moment import Moment
from engine.generator.points import load_one
from engine.gesture.writer import GestureLog
from engine.show.inbox import Inbox
from engine.show.projector import Placed, Projector
from engine.stage.operator.status import Portrait

KEYS = "F10 now, F11 next, F12 replace"


class Atelier:
    """Takes pictures, has them projected, and lets what was found join the path. `attend` serves a frame."""

    def __init__(
        self,
        projector: Projector,
        window: Window,
        path: contracts.Path,
        model: Callable[[], Model],
        model_name: Callable[[], str],
        notify: Callable[[str], None],
        assume: tuple[str, ...] = (),
        inbox: Inbox | None = None,
        log: GestureLog | None = None,
    ) -> None:
        """``model`` is the one that plays, ``model_name`` its file. ``log`` is told of every point that joins."""
        self._projector, self._window, self._path, self._notify = projector, window, path, notify
        self._model, self._model_name, self._assume = model, model_name, assume
        self._inbox, self._log = inbox, log
        self._last: tuple[NDArray[np.float32], Placed] | None = None
        self._shown = Portrait()

    def attend(self, moment: Moment) -> None:
        """Take what was dropped or has arrived, and let the next place that was found join."""
        wall = self._window.wall
        for picture in map(Path, wall.dropped()) if wall is not None else ():
            self._take(picture, watched=False)
        for picture in self._inbox.arrived() if self._inbox is not None else ():
            self._take(picture, watched=True)
        placed = self._projector.ready()
        if placed is not None:
            self._load(placed)

    def now(self, moment: Moment) -> None:
        """Go to the last picture at once."""
        self._join(now=True)

    def next(self, moment: Moment) -> None:
        """Make the last picture the next point."""
        self._join()

    def replace(self, moment: Moment) -> None:
        """Put the last picture in the next point's place."""
        self._join(replace=True)

    def states(self) -> tuple[str, ...]:
        """Say what is under way."""
        work, waiting = self._projector.work()
        more = f", {waiting} more" if waiting else ""
        return () if work is None else (f"projecting {work.picture.name} {work.progress:.0%}{more}",)

    def portrait(self) -> Portrait | None:
        """Return what the performer sees of the picture that is worked at, or else of the last; None before any."""
        work, waiting = self._projector.work()
        if work is not None:
            likeness = "" if work.psnr is None else f", {work.psnr:.1f} dB"
            line = f"{work.progress:.0%}{likeness}"
            self._shown = Portrait(work.picture.name, line, work.progress, waiting, work.photograph, work.answer)
        elif self._last is not None and self._shown.name == self._last[1].picture.name:
            self._shown = Portrait(self._shown.name, KEYS, 1.0, 0, self._shown.photograph, self._shown.answer)
        elif self._shown.line != KEYS:  # it was refused: a line says why
            self._shown = Portrait() if self._last is None else Portrait(self._last[1].picture.name, KEYS, 1.0)
        return self._shown if self._shown.name else None

    def _take(self, picture: Path, *, watched: bool) -> None:
        self._notify(f"{picture.name}: its place is looked for")
        self._projector.take(picture, self._model_name(), self._assume, watched)

    def _load(self, placed: Placed) -> None:
        model = self._model()
        if placed.model != self._model_name():
            self._notify(Trouble(f"{placed.picture.name}: {placed.ws} is kept, and another model plays by now"))
            return
        try:
            point = load_one(placed.ws, (model.num_ws, model.w_dim))[0]
        except UserError as error:
            self._notify(Trouble(error))
            return
        self._last = (point, placed)
        self._join()

    def _join(self, *, replace: bool = False, now: bool = False) -> None:
        if self._last is None:
            self._notify(Trouble("no picture was projected in this show: drop one on the window"))
            return
        point, placed = self._last
        if self._path.join(point, replace=replace, now=now):
            if self._log is not None:
                self._log.joined(point, replace=replace, now=now)
            self._notify(f"{placed.picture.name}: joins the path, kept as {placed.ws}")
        else:
            self._notify(Trouble(f'{placed.picture.name}: {placed.ws} is kept; a path with space = "z" takes no w'))
