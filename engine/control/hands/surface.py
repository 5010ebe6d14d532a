"""One MIDI controller on one port: its profile's names over where its controls stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.control.hands.controller import Controller, Moved
from engine.control.hands.kinds import BUTTONS, PRESSED_NAMES
from engine.control.hands.midi_messages import CHANNEL_KINDS, Message, Running, messages
from engine.control.hands.profile import Profile, octets_of

PRESSED = 0.5  # of its way; from here on a button that sends CC is down


@dataclass(frozen=True, slots=True)
class Move:
    """A control that moved: its address, its name if the profile has one, where to, and whether that pressed it.

    ``turned`` is how far an encoder was turned, in ways of a knob. ``latched``: the button itself remembers whether it
    is on. ``bound`` is what a learned binding calls it.
    """

    address: str
    name: str | None
    value: float
    pressed: bool
    turned: float | None = None
    latched: bool = False
    bound: str | None = None

    @property
    def source(self) -> str:
        """Return what a route would call it."""
        return f"midi.{self.name or self.address}"

    @property
    def keys(self) -> tuple[str, ...]:
        """Return every name its value goes by in Controls."""
        keys: tuple[str, ...] = (f"midi.{self.address}",)
        if self.name is not None:
            keys = (*keys, f"midi.{self.name}", self.name)
        return keys if self.bound is None else (*keys, self.bound)


class Light(NamedTuple):
    """A light: its name, the value that it follows, and the bytes of the message that lights it."""

    name: str
    toggle: str
    status: int
    number: int
    lit: int


class Surface:
    """Turns a port's bytes into moves; system messages come out as they are."""

    def __init__(self, port: str, profile: Profile) -> None:
        """``profile`` names the controls of the controller on ``port``."""
        self.port = port
        self._running = Running()
        self._controller = Controller(profile)
        self._stood: dict[str, float] = {}  # where each control stood before its move
        self._lit: dict[str, bool] = {}
        self._replaced: dict[tuple[int, int], bool] = {}
        self._started = False
        self.learn(profile)

    def learn(self, profile: Profile) -> None:
        """Go by another profile from now on."""
        self.profile = profile
        self._names = profile.names()
        self._controller.learn(profile)
        self._replaced = {}
        self._lights = [self._light(name, *address.split(".")) for name, address in profile.leds.items()]
        self.bindings = {target: self._source(address) for target, address in profile.bindings.items()}
        self._bound = {address: self._source(address) for address in profile.bindings.values()}

    def hear(self, octets: Sequence[int], time: float) -> Iterator[Move | Message]:
        """Yield what the bytes that came at ``time`` (seconds) mean."""
        for message in self._messages(octets):
            if message.channel == 0:
                yield message
                continue
            if message.kind == "program":
                yield message
            yield from map(self._move, self._controller.hear(message, time))

    def _messages(self, octets: Sequence[int]) -> Iterable[Message]:
        """Return the messages that ``octets`` complete; a whole one, as drivers give them, has a short way."""
        if len(octets) == 3 and max(octets[1:]) < 0x80 <= octets[0] < 0xF0:
            status = octets[0]
            kind, count = CHANNEL_KINDS[status >> 4]
            if count == 2:
                self._running.status, self._running.data = status, ()
                return (Message(kind, (status & 0x0F) + 1, tuple(octets[1:])),)
        return messages(octets, self._running)

    def settle(self, time: float) -> Iterator[Move]:
        """Yield the moves of controls whose second byte has not come until ``time``."""
        yield from map(self._move, self._controller.settle(time))

    def stands(self) -> dict[str, float]:
        """Return where the learned controls stand, by what their bindings call them; an encoder stands nowhere."""
        controller = self._controller
        return {
            source: controller.values[address]
            for address, source in self._bound.items()
            if address in controller.values and not controller.kind(address).startswith("relative")
        }

    def told(self) -> dict[str, str]:
        """Return {address: kind} of encoders that have given their encoding away under this profile."""
        return self._controller.told

    def key(self, octets: tuple[int, ...]) -> tuple[int, int] | None:
        """Return what a message has in common with those that it makes void, None where it makes none void."""
        if len(octets) < 2 or not 0x80 <= octets[0] < 0xF0:
            return None
        status, number = octets[0], octets[1] if octets[0] & 0xE0 == 0xA0 else 0  # aftertouch and CC have a number
        key = (status, number)
        if key not in self._replaced:
            kind = CHANNEL_KINDS[status >> 4][0]
            self._replaced[key] = self._controller.replaces(kind, (status & 0x0F) + 1, number)
        return key if self._replaced[key] else None

    def unplug(self) -> list[Move]:
        """Return the release of everything that is held; knobs stay where they are."""
        self._running, self._lit, self._started = Running(), {}, False
        released = self._controller.release()
        self._stood |= dict.fromkeys(released, 0.0)
        return [self._move(Moved(address, 0.0)) for address in released]

    def lights(self, values: Mapping[str, float]) -> Iterator[tuple[int, ...]]:
        """Yield the messages that light what has its toggle on in ``values``; nothing for lights that are right.

        A controller that has just come gets its profile's first messages before.
        """
        if not self._started:
            self._started = True
            yield from map(octets_of, self.profile.start)
        for name, toggle, status, number, lit in self._lights:
            state = values.get(toggle, 0.0) > 0.0
            if self._lit.get(name) is not state:
                self._lit[name] = state
                yield (status, number, lit * state)

    def _light(self, name: str, kind: str, channel: str, number: str) -> Light:
        status = (0x90 if kind == "note" else 0xB0) | (int(channel) - 1)
        return Light(name, f"midi.{name}.toggle", status, int(number), self.profile.value_lit(name))

    def _source(self, address: str) -> str:
        """Return what a learned binding calls a control: no other controller has a source of that name."""
        name = self._names.get(address, address)
        if self._controller.kind(address) in BUTTONS and not name.startswith((*PRESSED_NAMES, "note.")):
            name = f"switch.{address}"
        return f"midi.{name}@{self.port}"

    def _move(self, moved: Moved) -> Move:
        address, value = moved.address, moved.value
        before = self._stood.get(address, 0.0)
        kind = self._controller.kind(address)
        if kind == "toggle":
            pressed = self._stood.get(address) != value
        elif address.startswith("note."):
            pressed = kind == "momentary" and value > 0.0
        else:
            pressed = kind == "momentary" and value >= PRESSED > before
        self._stood[address] = value
        bound = self._bound.get(address)
        return Move(address, self._names.get(address), value, pressed, moved.turned, kind == "toggle", bound)
