"""What the performer asks for that changes neither sound nor motion: keep this point, take a picture, record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.borders.controls import Controls
from engine.borders.params import Params
from engine.clock import Tick


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame that was just presented, with what made it."""

    tick: Tick
    controls: Controls
    params: Params
    ws: NDArray[np.float32]  # [num_ws, w_dim]
    frame: Any  # the generator's, uint8 [H, W, 4] on its device
    picture: Any  # the compositor's texture


class Service:
    """Carries out commands by name, and lets others watch every frame, after it was presented."""

    def __init__(self) -> None:
        self._actions: dict[str, Callable[[Moment], None]] = {}
        self._watchers: list[Callable[[Moment], None]] = []

    def on(self, command: str, action: Callable[[Moment], None]) -> None:
        """Do ``action`` whenever ``command`` (one of control.commands.COMMANDS) is asked for."""
        self._actions[command] = action

    def watch(self, watcher: Callable[[Moment], None]) -> None:
        """Show every moment to ``watcher``, in the order they were added."""
        self._watchers.append(watcher)

    def __call__(self, moment: Moment) -> None:
        """Serve one frame."""
        for command in moment.controls.commands:
            if action := self._actions.get(command):
                action(moment)
        for watcher in self._watchers:
            watcher(moment)
