"""The contracts of what hands reach for: the setlist, MIDI ports and OSC. None of them needs its library installed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from engine.borders.controls import Tempo
from engine.borders.tick import Tick
from engine.borders.timecode import Timecode
from engine.control.hands.midi_messages import Received

if TYPE_CHECKING:
    from engine.control.hands.osc import Asked, Refused


class CueList(Protocol):
    """The setlist, as far as hands reach."""

    def next(self) -> None:
        """Ask for the next cue."""
        ...

    def previous(self) -> None:
        """Ask for the cue before."""
        ...

    def go(self, cue: int | str) -> None:
        """Ask for a cue by number, from 0, or by name."""
        ...


class MidiPorts(Protocol):
    """MIDI: what came, which ports went, and a way to light lights."""

    @property
    def ports(self) -> tuple[str, ...]:
        """Return the names of the open ports."""
        ...

    def poll(self) -> Iterable[Received]:
        """Return what came since the last call."""
        ...

    def gone(self) -> Iterable[str]:
        """Return the ports that went since the last call."""
        ...

    def dropped(self) -> int:
        """Return how many values a later one has replaced before they could be polled."""
        ...

    def send(self, port: str, octets: tuple[int, ...]) -> None:
        """Send a message to the controller behind a port."""
        ...


class Timing(Protocol):
    """What takes MIDI timecode."""

    def hear(self, kind: str, data: Sequence[int], time: float) -> None:
        """Take a "time_code" or "sysex" message that came at ``time`` (monotonic seconds)."""
        ...

    @property
    def now(self) -> Timecode | None:
        """Where timecode was when it was last asked for; None before anything was understood."""
        ...


class Session(Protocol):
    """A session whose tempo several programs share."""

    def tempo(self, tick: Tick) -> Tempo | None:
        """Return its tempo and beats at ``tick``; None while nobody else is in it."""
        ...

    def propose(self, bpm: float) -> None:
        """Take a tempo that was tapped, beats a minute."""
        ...


class Channels(Protocol):
    """Channels of a light desk."""

    def poll(self) -> Mapping[str, float]:
        """Return those that have changed since the last call, 0..1 by their source's name."""
        ...


class OscPort(Protocol):
    """OSC: what was asked."""

    def poll(self) -> Iterable[Asked]:
        """Return what was asked since the last call, in order: of each address the last value."""
        ...

    def refused(self) -> Iterable[Refused]:
        """Return the messages since the last call that nothing answers to."""
        ...

    def dropped(self) -> int:
        """Return how many values a later one has replaced before a frame could read them."""
        ...
