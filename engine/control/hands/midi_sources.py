"""What a route can call a MIDI control: an address, or a name that some controller's profile has."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from engine.control.hands.kinds import ADDRESS, TAKES
from engine.system import resources, user_folders

PREFIX = "midi."
TOGGLE = ".toggle"
FORMS = "midi.cc.CHANNEL.CONTROL, midi.note.CHANNEL.NOTE, midi.bend.CHANNEL, and the names in controllers' profiles"
NAMED = re.compile(rf"^\s*([a-z][a-z0-9_]*)\s*=\s*[\"'](?:{'|'.join(TAKES)})\.", re.MULTILINE)  # a row of [controls]
WIDEST = {"cc": 127, "note": 127, "aftertouch": 127, "nrpn": 16383}  # the largest number behind a channel


def is_midi_source(source: str) -> bool:
    """Return whether ``source`` is a MIDI control that there can be: its name stands in some profile here."""
    control = source.removeprefix(PREFIX).removesuffix(TOGGLE)
    return bool(ADDRESS.fullmatch(control)) or control in control_names()


def nearest_midi(source: str) -> str:
    """Return a question with the MIDI source that is most like ``source``, or what forms there are."""
    rest = source.removeprefix(PREFIX)
    control, _, toggle = rest.rpartition(".")
    if difflib.get_close_matches(toggle, ["toggle"], 1, 0.7) and control:
        ending, rest = TOGGLE, control
    else:
        ending = ""
    plain = re.sub(r"[\s-]+", "_", rest.casefold())
    found = _address_like(plain) or next(iter(difflib.get_close_matches(plain, _by_number(), 1, 0.7)), None)
    return f"did you mean {PREFIX + found + ending!r}?" if found else f"known are {FORMS}"


def control_names() -> frozenset[str]:
    """Return the names of controls in the shipped profiles and in the user's own."""
    own = user_folders.folder("controllers")
    return _shipped(resources.resource("presets", "controllers")) | frozenset(_names(own))


@lru_cache(maxsize=2)
def _shipped(folder: Path) -> frozenset[str]:
    return frozenset(_names(folder))


def _names(folder: Path) -> Iterator[str]:
    """Yield the names in every profile of a folder. A profile that is broken is told of elsewhere."""
    for path in folder.glob("*.toml"):
        try:
            yield from NAMED.findall(path.read_text(encoding="utf-8-sig", errors="replace"))
        except OSError:
            continue


def _by_number() -> Iterable[str]:
    """Return the names in the order of their numbers: of two that are equally like, the first is meant."""
    return sorted(control_names(), key=lambda name: (len(name), name))


def _address_like(plain: str) -> str | None:
    """Return the address that is meant by one that has a number too large, too many, or none."""
    match = re.match(r"([a-z]+)[._]?(.*)", plain)
    if match is None:
        return None
    groups = difflib.get_close_matches(match[1], TAKES, 1, 0.75)
    numbers = [int(number) for number in re.findall(r"\d{1,6}", match[2])]
    if not groups or not numbers:
        return None
    group = groups[0]
    channel = min(max(numbers[0], 1), 16)
    if group not in WIDEST:
        return f"{group}.{channel}"
    if len(numbers) == 1:  # the channel was left out
        return f"{group}.1.{min(numbers[0], WIDEST[group])}"
    return f"{group}.{channel}.{min(numbers[1], WIDEST[group])}"
