"""What the performer asks for that changes neither sound nor motion: keep this point, take a picture, record."""

from __future__ import annotations

from collections.abc import Callable

from engine.borders.moment import Moment


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
