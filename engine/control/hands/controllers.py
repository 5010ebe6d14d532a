"""Every MIDI controller that is plugged in: what it is called, what its controls did, what was learned on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from engine.control.hands.contracts import MidiPorts
from engine.control.hands.learn import Binding, Learn
from engine.control.hands.midi_messages import Message, Received
from engine.control.hands.parameter_numbers import chooses
from engine.control.hands.profile import Profile
from engine.control.hands.profiles import Profiles
from engine.control.hands.replaced import newest, next_of
from engine.control.hands.surface import Move, Surface

REPLACED = 1000  # values replaced by later ones; the first line tells of that many, each next of ten times more


class Did(NamedTuple):
    """What a controller did: a move or a message of the whole system, when (monotonic), and the command it asks for."""

    what: Move | Message
    time: float
    command: str | None = None


class Controllers:
    """The controllers on every open port."""

    def __init__(self, midi: MidiPorts, profiles: Profiles | None, learn: Learn, notify: Callable[[str], None]) -> None:
        """``profiles`` name the controls and keep what ``learn`` has found; None: addresses alone."""
        self._midi, self._profiles, self._learn, self._notify = midi, profiles, learn, notify
        self._surfaces: dict[str, Surface] = {}
        self._open: tuple[str, ...] = ()
        self._replaced = 0  # values that a later one made void before a frame could read them
        self._told = REPLACED
        self.bindings: Mapping[str, str] = MappingProxyType({})
        self._last: tuple[Move, str] | None = None  # the control that moved last, and its port
        self.last_heard: float | None = None  # in the last read, monotonic seconds

    @property
    def ports(self) -> tuple[str, ...]:
        """Return the names of the open ports."""
        return self._midi.ports

    @property
    def last_moved(self) -> str | None:
        """Return the control that moved last and where to, for people to read."""
        if self._last is None:
            return None
        move, port = self._last
        return f"{move.source} {move.value:.2f}" + (f" on {port}" if len(self._open) > 1 else "")

    def read(self, now: float | None) -> Iterator[Did]:
        """Yield what was done since the last call; ``now`` is the monotonic time of this frame, None: not known."""
        for port in self._midi.gone():
            if port in self._surfaces:
                yield from (Did(move, 0.0) for move in self._surfaces[port].unplug())
        if self._midi.ports != self._open:
            self._open = self._midi.ports
            for port in self._open:
                self._surface(port)
        for received in self._newest():
            surface = self._surface(received.port)
            for heard in surface.hear(received.octets, received.time):
                yield self._did(surface, heard, received.time)
            if surface.told():
                self._tell(surface)
        if now is not None:
            for surface in self._surfaces.values():
                yield from (self._did(surface, move, now) for move in surface.settle(now))
        self._count()

    def keep(self, learned: Binding) -> dict[str, float]:
        """Keep what was learned, for this show and the next; return where the learned controls of its port stand."""
        if self._profiles is None:
            return {}
        profile = self._profiles.bind(learned)
        for port, surface in self._surfaces.items():
            if port == learned.port or learned.target in surface.profile.bindings:
                surface.learn(self._profiles.find(port))
        self._bind()
        kind = profile.kind(learned.address)
        self._notify(f"learned: {learned.address} ({kind}) on {learned.port} is {learned.target}")
        return self._surface(learned.port).stands()

    def light(self, values: Mapping[str, float]) -> None:
        """Light the buttons whose toggle is on in ``values``, where the profile says how."""
        for surface in self._surfaces.values():
            if surface.port in self._open:
                for octets in surface.lights(values):
                    self._midi.send(surface.port, octets)

    def _newest(self) -> list[Received]:
        """Return the messages since the last call, of every control's values the last; learn gets what it needs."""
        came = list(self._midi.poll())
        self.last_heard = None
        for received in came:
            if self._learn.active or chooses(received.octets):
                self._learn.hear(received.port, received.octets, received.time)
            self.last_heard = received.time

        def key(received: Received) -> tuple[str, tuple[int, int]] | None:
            made_void = self._surface(received.port).key(received.octets)
            return None if made_void is None else (received.port, made_void)

        kept = newest(came, key)
        self._replaced += len(came) - len(kept)
        return kept

    def _did(self, surface: Surface, heard: Move | Message, time: float) -> Did:
        if isinstance(heard, Message):
            return Did(heard, time)
        self._last = (heard, surface.port)
        return Did(heard, time, surface.profile.commands.get(heard.address) if heard.pressed else None)

    def _surface(self, port: str) -> Surface:
        if port not in self._surfaces:
            self._surfaces[port] = Surface(port, self._profiles.find(port) if self._profiles else Profile(port))
            self._bind()
        return self._surfaces[port]

    def _tell(self, surface: Surface) -> None:
        """Keep the encoding that an encoder has given away by its first step to the other side."""
        kinds = dict(surface.told())
        if self._profiles is not None:
            surface.learn(self._profiles.tell(surface.port, kinds))
            self._bind()
            for address, kind in kinds.items():
                self._notify(f"learned: {address} on {surface.port} is {kind}")

    def _bind(self) -> None:
        """Collect {parameter: source} of every controller's learned bindings; the row of a parameter may be away."""
        found: dict[str, str] = {}
        for surface in self._surfaces.values():
            found |= surface.bindings
        self.bindings = MappingProxyType(found)

    def _count(self) -> None:
        replaced = self._replaced + self._midi.dropped()
        if replaced >= self._told:
            self._told = next_of(self._told, replaced)
            self._notify(f"MIDI: {replaced} values came faster than frames; the last of every control counts")
