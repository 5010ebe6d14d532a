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
from engine.show.projector import Placed, Projector


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
    ) -> None:
        """``model`` is the one that plays, ``model_name`` its file."""
        self._projector, self._window, self._path, self._notify = projector, window, path, notify
        self._model, self._model_name, self._assume = model, model_name, assume
        self._last: tuple[NDArray[np.float32], Placed] | None = None

    def attend(self, moment: Moment) -> None:
        """Take what was dropped or has arrived, and let the next place that was found join."""
        wall = self._window.wall
        came = [*(map(Path, wall.dropped()) if wall is not None else ()), *self._projector.arrived()]
        for picture in came:
            self._notify(f"{picture.name}: its place is looked for")
            self._projector.take(picture, self._model_name(), self._assume)
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
        state = self._projector.state()
        return (state,) if state else ()

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
            self._notify(f"{placed.picture.name}: joins the path, kept as {placed.ws}")
        else:
            self._notify(Trouble(f'{placed.picture.name}: {placed.ws} is kept; a path with space = "z" takes no w'))
