"""MIDI learn: choose a parameter, move a knob, keep it."""

from __future__ import annotations

from typing import NamedTuple

from engine.borders.params import Table


class Binding(NamedTuple):
    """A control, by port and address, for a parameter."""

    port: str
    address: str
    target: str


class Learn:
    """``toggle`` begins; a parameter is stepped to or selected; the next ``toggle`` binds the last knob moved."""

    def __init__(self, table: Table) -> None:
        """``table`` has the parameters that can be learned for."""
        self._names = tuple(table)
        self._index = 0
        self._heard: tuple[str, str] | None = None
        self.active = False

    @property
    def target(self) -> str:
        """Return the parameter to learn for."""
        return self._names[self._index]

    @property
    def line(self) -> str | None:
        """Return what the overlay says meanwhile."""
        if not self.active:
            return None
        moved = f"{self._heard[1]} on {self._heard[0]}: M keeps it" if self._heard else "move a knob"
        return f"learn {self.target} (up, down): {moved}"

    def take(self, table: Table) -> None:
        """Learn for the parameters of ``table``. A target that it lacks gives way to its nearest neighbour."""
        before, at = self._names, self._index
        self._names = tuple(table)
        places = {name: index for index, name in enumerate(self._names)}
        there = [index for index, name in enumerate(before) if name in places]
        nearest = min(there, key=lambda index: abs(index - at), default=None)
        self._index = 0 if nearest is None else places[before[nearest]]

    def toggle(self) -> Binding | None:
        """Begin; or end, returning what was learned, None where no knob was moved."""
        heard, self._heard = self._heard, None
        self.active = not self.active
        return Binding(*heard, self.target) if heard is not None and not self.active else None

    def step(self, by: int) -> None:
        """Go to another parameter of the table."""
        if self.active:
            self._index = (self._index + by) % len(self._names)

    def select(self, target: str) -> Binding | None:
        """Learn for ``target``, as when it is clicked on the overlay; a knob already moved is bound at once."""
        if target in self._names:
            self._index = self._names.index(target)
            if self.active and self._heard is not None:
                return self.toggle()
        return None

    def hear(self, port: str, address: str) -> None:
        """Take the last control that moved."""
        if self.active:
            self._heard = (port, address)

    def cancel(self) -> None:
        """Leave without keeping anything."""
        self.active, self._heard = False, None
