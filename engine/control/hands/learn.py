"""MIDI learn: choose a parameter, move a knob, keep it."""

from __future__ import annotations

from typing import NamedTuple

from engine.borders.params import Table
from engine.control.hands.gesture import Heard, Recognised, recognise
from engine.control.hands.midi_messages import Running, messages
from engine.control.hands.parameter_numbers import ParameterNumbers

LONGEST = 1024  # messages of a port; of a longer gesture the beginning is forgotten
OTHER_WAY = "turn it the other way as well"


class Binding(NamedTuple):
    """A control, by port, address and kind, for a parameter.

    ``sure``: the gesture has shown the kind. ``touches`` are the addresses of notes that only say that a hand is there.
    """

    port: str
    address: str
    target: str
    kind: str = "7-bit"
    sure: bool = False
    touches: tuple[str, ...] = ()


class Learn:
    """``toggle`` begins; a parameter is stepped to or selected; the next ``toggle`` binds the last control moved.

    Which one that was is decided from all that came since ``toggle``, not from the last message.
    """

    def __init__(self, table: Table) -> None:
        """``table`` has the parameters that can be learned for."""
        self._names = tuple(table)
        self._index = 0
        self._watched: dict[str, Watched] = {}
        self._last: str | None = None  # the port that was heard last
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
        return f"learn {self.target} (up, down): {self._moved()}"

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
        found = self._found() if self.active else None
        self._forget()
        self.active = not self.active
        if found is None:
            return None
        port, control = found
        return Binding(port, control.address, self.target, control.kind, control.sure, control.touches)

    def step(self, by: int) -> None:
        """Go to another parameter of the table."""
        if self.active:
            self._index = (self._index + by) % len(self._names)

    def select(self, target: str) -> Binding | None:
        """Learn for ``target``, as when it is clicked on the overlay; a knob already moved is bound at once."""
        if target in self._names:
            self._index = self._names.index(target)
            if self.active and self._found() is not None:
                return self.toggle()
        return None

    def hear(self, port: str, octets: tuple[int, ...], time: float = 0.0) -> None:
        """Take the bytes that came on a port at ``time`` (seconds). While not active, it needs what `chooses` alone."""
        self._watched.setdefault(port, Watched()).hear(octets, time, keep=self.active)
        if self.active:
            self._last = port

    def cancel(self) -> None:
        """Leave without keeping anything."""
        self.active = False
        self._forget()

    def _forget(self) -> None:
        self._last = None
        for watched in self._watched.values():
            watched.begin()

    def _found(self) -> tuple[str, Recognised] | None:
        """Return the control that was moved last, and its port."""
        found = [(port, control) for port, watched in self._watched.items() if (control := watched.recognised())]
        return max(
            found,
            key=lambda each: (each[1].strong, self._watched[each[0]].time(each[1].at), each[0] == self._last),
            default=None,
        )

    def _moved(self) -> str:
        found = self._found()
        if found is None:
            return "move a knob"
        port, control = found
        more = f"; {OTHER_WAY}" if control.kind in ("relative-1", "relative-65") else ""
        return f"{control.address} on {port}, {control.kind}{more}: M keeps it"


class Watched:
    """What one port has sent since learn began."""

    def __init__(self) -> None:
        self._running = Running()
        self._numbers: dict[int, ParameterNumbers] = {}  # chosen now, by channel
        self._chosen: dict[int, ParameterNumbers] = {}  # chosen before the first message that is kept
        self._heard: list[Heard] = []
        self._at = 0
        self._found: tuple[int, Recognised | None] = (0, None)

    def begin(self) -> None:
        """Forget what came; which numbered parameters are chosen stays known."""
        self._heard, self._found = [], (self._at, None)
        self._chosen = {channel: numbers.copy() for channel, numbers in self._numbers.items()}

    def hear(self, octets: tuple[int, ...], time: float, *, keep: bool) -> None:
        """Take bytes; ``keep`` them for ``recognised``."""
        for message in messages(octets, self._running):
            if message.kind == "cc":
                numbers = self._numbers.setdefault(message.channel, ParameterNumbers(message.channel))
                numbers.take(*message.data)
            if keep and message.channel:
                self._heard.append(Heard(message, time, self._at))
                self._at += 1
        if len(self._heard) > LONGEST:
            for message, *_ in self._heard[: LONGEST // 2]:
                if message.kind == "cc":
                    self._chosen.setdefault(message.channel, ParameterNumbers(message.channel)).take(*message.data)
            del self._heard[: LONGEST // 2]

    def recognised(self) -> Recognised | None:
        """Return what was moved, None where nothing was."""
        if self._found[0] != self._at:
            chosen = {channel: numbers.copy() for channel, numbers in self._chosen.items()}
            self._found = (self._at, recognise(self._heard, chosen))
        return self._found[1]

    def time(self, at: int) -> float:
        """Return when the message with that number came."""
        return self._heard[at - self._heard[0].at].time if self._heard else 0.0
