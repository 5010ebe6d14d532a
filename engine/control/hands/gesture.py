"""What a hand moved, judged by everything that the controller sent: the control's address and its kind.

A touch-sensitive fader sends a note around its bends, an encoder sends steps, a fine knob sends two bytes, a pad sends
pressure with its note. So no single message tells what was moved, and the last one least.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.control.hands.controller import MODES
from engine.control.hands.encodings import encoding_of, is_button, pair_of
from engine.control.hands.kinds import FINE
from engine.control.hands.midi_messages import Message
from engine.control.hands.parameter_numbers import ParameterNumbers

MOVED = 3  # steps of 127; what moves less while something else moves more is noise of a neighbour


class Heard(NamedTuple):
    """A message, when it came (seconds), and its number in the order of all."""

    message: Message
    time: float
    at: int


class Recognised(NamedTuple):
    """A control that a hand moved. ``sure``: the gesture shows its kind. ``touches`` are notes of the hand on it."""

    address: str
    kind: str
    at: int
    strong: bool
    sure: bool
    touches: tuple[str, ...] = ()


@dataclass(slots=True)
class Track:
    """All that one address has sent, and when."""

    values: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    fine: bool = False  # a numbered parameter with a fine byte

    def add(self, value: int, heard: Heard) -> None:
        """Take one more value."""
        self.values.append(value)
        self.times.append(heard.time)
        self.places.append(heard.at)

    def holds(self) -> list[tuple[int, int | None]]:
        """Return when it was pressed and when let go of, in places; None: not yet."""
        spans: list[tuple[int, int | None]] = []
        for value, at in zip(self.values, self.places, strict=True):
            if value and (not spans or spans[-1][1] is not None):
                spans.append((at, None))
            elif not value and spans and spans[-1][1] is None:
                spans[-1] = (spans[-1][0], at)
        return spans


def recognise(messages: Iterable[Heard], numbers: dict[int, ParameterNumbers]) -> Recognised | None:
    """Return what was moved last, None where nothing was; ``numbers`` has the parameters chosen on each channel."""
    tracks = _tracks(messages, numbers)
    found = [*_knobs(tracks), *_derived(tracks)]
    switches = {a: track for a, track in tracks.items() if a.startswith("note.") or _is_switch(a, track, tracks)}
    moves = sorted(place for each in found for place in tracks[each.address].places)
    pressed = []
    for address, track in switches.items():
        spans = [(on, off) for on, off in track.holds() if not _encloses(on, off, moves)]
        if spans and len(spans) == len(track.holds()):  # what was held around a move is a touch, at all times
            kind = "toggle" if spans[-1][1] is None else "momentary"
            pressed.append(Recognised(address, kind, spans[-1][0], strong=True, sure=len(track.values) > 1))
    best = max((*found, *pressed), key=lambda each: (each.strong, each.at), default=None)
    if best is None or best in pressed:
        return best
    own = tracks[best.address].places
    around = [
        a for a, t in switches.items() if any(off is not None and _encloses(on, off, own) for on, off in t.holds())
    ]
    return best._replace(touches=tuple(around))


def _tracks(messages: Iterable[Heard], numbers: dict[int, ParameterNumbers]) -> dict[str, Track]:
    """Sort messages by what sent them. CCs that choose a numbered parameter are no controls beside it."""
    tracks: dict[str, Track] = defaultdict(Track)
    for heard in messages:
        kind, channel, data = heard.message.kind, heard.message.channel, heard.message.data
        if kind == "cc":
            _take_cc(tracks, numbers.setdefault(channel, ParameterNumbers(channel)), heard)
        elif kind in ("note_on", "note_off"):
            tracks[f"note.{channel}.{data[0]}"].add(data[1] if kind == "note_on" else 0, heard)
        elif kind == "aftertouch":
            tracks[f"aftertouch.{channel}.{data[0]}"].add(data[1], heard)
        elif kind == "bend":
            tracks[f"bend.{channel}"].add(data[1], heard)
        elif channel:
            tracks[f"{kind}.{channel}"].add(data[0], heard)
    numbered = {address.split(".")[1] for address in tracks if address.startswith("nrpn.")}
    for address in [f"cc.{channel}.{control}" for channel in numbered for control in ParameterNumbers.CONTROLS]:
        tracks.pop(address, None)
    return tracks


def _take_cc(tracks: dict[str, Track], numbers: ParameterNumbers, heard: Heard) -> None:
    channel, (control, value) = heard.message.channel, heard.message.data
    chosen = numbers.take(control, value)
    if chosen is not None:
        address, part = chosen
        if part == "coarse":
            tracks[address].add(value, heard)
        else:
            tracks[address].fine = True
    elif control < MODES:
        tracks[f"cc.{channel}.{control}"].add(value, heard)


def _knobs(tracks: dict[str, Track]) -> list[Recognised]:
    """Return every control that is turned or pushed, with its kind."""
    found, fine = [], set()
    for address, track in tracks.items():
        group, channel, *number = address.split(".")
        if group == "nrpn" and track.values:
            found.append(_knob(address, "nrpn" if track.fine else "nrpn-7-bit", track, sure=True))
        elif group == "bend":
            found.append(_knob(address, "14-bit", track, sure=True))
        elif group == "cc" and int(number[0]) < FINE:
            below = f"cc.{channel}.{int(number[0]) + FINE}"
            other = tracks.get(below)
            if other is not None and (kind := pair_of(track, other)):
                fine.add(below)
                found.append(
                    _knob(address, kind, track, sure=True)._replace(
                        at=max(track.places[-1], other.places[-1]), strong=True
                    )
                )
    known = {each.address for each in found} | fine
    for address, track in tracks.items():
        if address.startswith("cc.") and address not in known and not is_button(track.values):
            encoding = encoding_of(track.values)
            knob = _knob(address, encoding or "7-bit", track, sure=encoding is not None or len(set(track.values)) > 2)
            found.append(knob._replace(strong=knob.strong or encoding is not None))
    return found


def _knob(address: str, kind: str, track: Track, *, sure: bool) -> Recognised:
    span = max(track.values) - min(track.values)
    return Recognised(address, kind, track.places[-1], span >= MOVED, sure)


def _derived(tracks: dict[str, Track]) -> list[Recognised]:
    """Return pressure and programs; pressure that comes with a note is the pad's, and the pad is what was hit."""
    struck = {address.split(".")[1] for address in tracks if address.startswith("note.")}
    return [
        Recognised(address, "7-bit", track.places[-1], False, True)
        for address, track in tracks.items()
        if address.startswith("program.")
        or (address.startswith(("pressure.", "aftertouch.")) and address.split(".")[1] not in struck)
    ]


def _is_switch(address: str, track: Track, tracks: dict[str, Track]) -> bool:
    return address.startswith("cc.") and is_button(track.values) and not _is_fine(address, tracks)


def _is_fine(address: str, tracks: dict[str, Track]) -> bool:
    _, channel, number = address.split(".")
    coarse = tracks.get(f"cc.{channel}.{int(number) - FINE}")
    return coarse is not None and pair_of(coarse, tracks[address]) is not None


def _encloses(on: int, off: int | None, moves: Sequence[int]) -> bool:
    return any(on < place and (off is None or place < off) for place in moves)
