"""The keyboard as a controller: held keys are values, presses are edges."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import MappingProxyType

from engine.borders.contracts import Hands
from engine.borders.controls import Controls
from engine.borders.tick import Tick


class Keyboard(Hands):
    """Turns a window's key edges into Controls."""

    def __init__(self, keys: Callable[[], Iterable[tuple[str, str]]]) -> None:
        """``keys`` returns the (name, "press" | "release") edges since it was last called."""
        self._keys = keys
        self._held: dict[str, float] = {}

    def read(self, tick: Tick) -> Controls:
        """Return every key seen so far as ``key.NAME`` (1 held, 0 not), and the presses since last time."""
        edges = []
        for name, action in self._keys():
            self._held[f"key.{name}"] = 1.0 if action == "press" else 0.0
            if action == "press":
                edges.append(f"key.{name}")
        return Controls(MappingProxyType(dict(self._held)), tuple(edges))
