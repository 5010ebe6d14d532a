"""One MIDI controller on one port: its profile's names over where its controls stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.control.hands.controller import Controller, is_momentary
from engine.control.hands.midi_messages import Message, Parser
from engine.control.hands.profile import Profile

PRESSED = 0.5  # of its way; from here on a button that sends CC is down
BUTTONS = ("button_", "pad_", "key_")


@dataclass(frozen=True, slots=True)
class Move:
    """A control that moved: its address, its name if the profile has one, where to, and whether that pressed it."""

    address: str
    name: str | None
    value: float
    pressed: bool

    @property
    def source(self) -> str:
        """Return what a route would call it."""
        return f"midi.{self.name or self.address}"

    @property
    def keys(self) -> tuple[str, ...]:
        """Return every name its value goes by in Controls."""
        address = f"midi.{self.address}"
        return (address,) if self.name is None else (address, f"midi.{self.name}", self.name)


class Surface:
    """Turns a port's bytes into moves; system messages come out as they are."""

    def __init__(self, port: str, profile: Profile) -> None:
        """``profile`` names the controls of the controller on ``port``."""
        self.port = port
        self._parser = Parser()
        self._controller = Controller()
        self._stood: dict[str, float] = {}  # where each control stood before its move
        self._lit: dict[str, bool] = {}
        self.learn(profile)

    def learn(self, profile: Profile) -> None:
        """Go by another profile from now on."""
        self.profile = profile
        self._names = profile.names()

    def hear(self, octets: tuple[int, ...], time: float) -> Iterator[Move | Message]:
        """Yield what the bytes that came at ``time`` (seconds) mean."""
        for message in self._parser(octets):
            if message.channel == 0:
                yield message
                continue
            if message.kind == "program":
                yield message
            moved = self._controller.hear(message, time)
            if moved is not None:
                address, value = moved
                yield self._move(address, value, self._stood.get(address, 0.0))
                self._stood[address] = value

    def unplug(self) -> list[Move]:
        """Return the release of every held note; knobs stay where they are."""
        self._parser, self._lit = Parser(), {}
        return [Move(address, self._names.get(address), 0.0, False) for address in self._controller.release()]

    def lights(self, on: dict[str, bool]) -> Iterator[tuple[int, ...]]:
        """Yield the messages that bring the profile's lights to ``on``, by name; nothing for lights that are right."""
        for name, address in self.profile.leds.items():
            state = on.get(name, False)
            if self._lit.get(name) is not state:
                self._lit[name] = state
                kind, channel, number = address.split(".")
                status = (0x90 if kind == "note" else 0xB0) | (int(channel) - 1)
                yield (status, int(number), 127 * state)

    def _move(self, address: str, value: float, before: float) -> Move:
        name = self._names.get(address)
        if is_momentary(address):
            pressed = value > 0.0
        else:
            button = (name or "").startswith(BUTTONS) or address in self.profile.commands
            pressed = button and value >= PRESSED > before
        return Move(address, name, value, pressed)
