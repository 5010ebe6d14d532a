"""Where everything on one MIDI controller stands, from its messages. What kind a control is, its profile says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from engine.control.hands.kinds import BUTTONS, fine_address, steps, told
from engine.control.hands.midi_messages import Message
from engine.control.hands.pairs import Pair
from engine.control.hands.parameter_numbers import ParameterNumbers
from engine.control.hands.profile import Profile

DETENT = 1 / 127  # of a knob's way; an encoder's step
START = 0.5  # where an encoder stands that nobody has turned
MODES = 120  # from this CC on a message concerns the channel: it is no control
SOUND_OFF, RESET, NOTES_OFF = 120, 121, 123  # and 124 to 127, which end notes as well
PEDALS = range(64, 70)  # what CC 121 puts back to 0 (MIDI's RP-015), with the modulation wheel, CC 1
RESETS = {1: 0.0, 11: 1.0, **dict.fromkeys(PEDALS, 0.0)}


class Moved(NamedTuple):
    """A control that moved: where to, 0..1, and how far an encoder was turned, in ways of a knob."""

    address: str
    value: float
    turned: float | None = None


class Controller:
    """Values 0..1 by address (``cc.1.21``, ``nrpn.1.300``, ``note.10.36``, ``bend.1``), channels counted from 1."""

    def __init__(self, profile: Profile | None = None) -> None:
        """``profile`` declares kinds; without it a CC is a knob of 7 bits and a note a button."""
        self.values: dict[str, float] = {}
        self.learn(profile or Profile(""))

    def learn(self, profile: Profile) -> None:
        """Go by the kinds of another profile from now on."""
        self._profile = profile
        self.told: dict[str, str] = {}  # encoders that have given their encoding away since, and their kind
        self._addresses = profile.addresses()
        self._kinds: dict[str, str] = {}
        self._pairs: dict[str, Pair] = {}
        self._numbers: dict[int, ParameterNumbers] = {}
        self._fine = {fine_address(a): a for a in self._addresses if self._is_pair(a)}
        self._numbered = {int(a.split(".")[1]) for a in self._addresses if a.startswith("nrpn.")}

    def hear(self, message: Message, time: float) -> tuple[Moved, ...]:
        """Take a message that came at ``time`` (seconds); return what it moved."""
        moved = tuple(self._moved(message, time))
        self.values.update((each.address, each.value) for each in moved)
        return moved

    def settle(self, time: float) -> tuple[Moved, ...]:
        """Return the controls whose second byte has not come until ``time``."""
        late = [(address, pair.settle(time)) for address, pair in self._pairs.items()]
        moved = tuple(Moved(address, value) for address, value in late if value is not None)
        self.values.update((each.address, each.value) for each in moved)
        return moved

    def release(self, channel: int | None = None) -> tuple[str, ...]:
        """Let go of what is held, because the controller cannot any more; knobs stay. Return what was let go of.

        With a ``channel`` only its notes are.
        """
        held = tuple(
            name
            for name, value in self.values.items()
            if value > 0.0
            and self.kind(name) in ("momentary", "touch")
            and (channel is None or name.startswith(f"note.{channel}."))
        )
        self.values |= dict.fromkeys(held, 0.0)
        if channel is None:
            self._pairs, self._numbers = {}, {}
        return held

    def kind(self, address: str) -> str:
        """Return the kind of an address."""
        kind = self._kinds.get(address)
        if kind is None:
            kind = self._kinds[address] = self.told.get(address) or self._profile.kind(address)
        return kind

    def is_mode(self, channel: int, control: int) -> bool:
        """Return whether a CC concerns its whole channel; a profile can make a control of it all the same."""
        return control >= MODES and f"cc.{channel}.{control}" not in self._addresses

    def replaces(self, kind: str, channel: int, number: int) -> bool:
        """Return whether the next message of this kind and number makes this one void."""
        if kind == "cc":
            address = f"cc.{channel}.{number}"
            if number >= MODES or address in self._fine:
                return False
            if channel in self._numbered and number in ParameterNumbers.CONTROLS:
                return False
            return self.kind(address) == "7-bit"
        return kind in ("bend", "pressure", "aftertouch")

    def _is_pair(self, address: str) -> bool:
        return address.startswith("cc.") and self._profile.kind(address).startswith("14-bit")

    def _moved(self, message: Message, time: float) -> Iterator[Moved]:
        kind, channel, data = message.kind, message.channel, message.data
        if kind == "cc":
            yield from self._turned(channel, data[0], data[1], time)
        elif kind in ("note_on", "note_off"):
            yield self._pressed(f"note.{channel}.{data[0]}", data[1] if kind == "note_on" else 0)
        elif kind == "aftertouch":
            yield Moved(f"aftertouch.{channel}.{data[0]}", data[1] / 127)
        elif kind == "bend":
            bend = data[0] | data[1] << 7
            # The centre, 8192, is a little off the middle of 0..16383; a bender at rest must read one half.
            yield Moved(f"bend.{channel}", bend / 16384 if bend <= 8192 else 0.5 + (bend - 8192) / 16382)
        elif kind in ("program", "pressure"):
            yield Moved(f"{kind}.{channel}", data[0] / 127)

    def _turned(self, channel: int, control: int, value: int, time: float) -> Iterator[Moved]:
        address = f"cc.{channel}.{control}"
        if self.is_mode(channel, control):
            yield from self._mode(channel, control)
            return
        if channel in self._numbered:
            numbers = self._numbers.setdefault(channel, ParameterNumbers(channel))
            if (chosen := numbers.take(control, value)) is not None:
                yield from self._half(*chosen, value, time)
                return
            if control in ParameterNumbers.CONTROLS:
                return
        kind = self.kind(address)
        if kind.startswith("relative"):
            yield self._stepped(address, kind, value)
        elif kind.startswith("14-bit"):
            yield from self._half(address, "coarse", value, time)
        elif address in self._fine:
            yield from self._half(self._fine[address], "fine", value, time)
        elif kind in BUTTONS:
            yield self._pressed(address, value)
        else:
            yield Moved(address, value / 127)

    def _half(self, address: str, part: str, value: int, time: float) -> Iterator[Moved]:
        """Take a byte of a control that has two."""
        kind = self.kind(address)
        if kind == "nrpn-7-bit":
            if part == "coarse":
                yield Moved(address, value / 127)
            return
        at = self._pairs.setdefault(address, Pair(kind)).take(part, value, time)
        if at is not None:
            yield Moved(address, at)

    def _stepped(self, address: str, kind: str, value: int) -> Moved:
        """Take what an encoder sent; its place ends at 0 and 1, how far it was turned does not."""
        now = told(kind, value)
        if now != kind:
            self.told[address] = self._kinds[address] = now
        turned = steps(now, value) * DETENT
        return Moved(address, min(max(self.values.get(address, START) + turned, 0.0), 1.0), turned)

    def _pressed(self, address: str, value: int) -> Moved:
        return Moved(address, float(value >= 1) if self.kind(address) == "toggle" else value / 127)

    def _mode(self, channel: int, control: int) -> Iterator[Moved]:
        """Understand all sound off, reset all controllers, all notes off."""
        if control == RESET:
            self._numbers.pop(channel, None)
            yield from self._reset(channel)
        elif control == SOUND_OFF or control >= NOTES_OFF:
            yield from (Moved(address, 0.0) for address in self.release(channel))

    def _reset(self, channel: int) -> Iterator[Moved]:
        """Put back what has a place of rest; a knob that the profile names stays where the hand has left it."""
        rest = {f"bend.{channel}": 0.5, f"pressure.{channel}": 0.0}
        rest |= {f"cc.{channel}.{n}": v for n, v in RESETS.items() if f"cc.{channel}.{n}" not in self._addresses}
        rest |= {name: 0.0 for name in self.values if name.startswith(f"aftertouch.{channel}.")}
        for address, value in rest.items():
            if self.values.get(address, value) != value:
                yield Moved(address, value)
