"""The keyboard as a controller: held keys are values, presses are edges."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import MappingProxyType

from engine.borders.contracts import Hands
from engine.borders.controls import Controls, Searched
from engine.borders.tick import Tick
from engine.control.hands.search import Search


class Keyboard(Hands):
    """Turns a window's key edges into Controls."""

    def __init__(self, keys: Callable[[], Iterable[tuple[str, str]]], search: Search | None = None) -> None:
        """``keys`` returns the (name, "press" | "release" | "type") edges since it was last called.

        What is typed for ``search`` plays nothing.
        """
        self._keys, self._search = keys, search
        self._held: dict[str, float] = {}

    @property
    def searching(self) -> Searched | None:
        """Return what is typed to find a preset, None while nothing is."""
        return self._search.state if self._search is not None else None

    def read(self, tick: Tick) -> Controls:
        """Return every key seen so far as ``key.NAME`` (1 held, 0 not), and the presses since last time."""
        edges = []
        for name, action in self._keys():
            if action == "type" or self.searching is not None:
                if self._search is not None:
                    self._search.take(name, action)
                if (name, action) == ("?", "type") and self.searching is None:
                    edges.append("key.QUESTION")
                if action != "release":
                    continue
            self._held[f"key.{name}"] = 1.0 if action == "press" else 0.0
            if action == "press":
                edges.append(f"key.{name}")
        return Controls(MappingProxyType(dict(self._held)), tuple(edges))
