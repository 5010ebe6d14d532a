"""What a route can call a MIDI control: an address, or a name that some controller's profile has."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from engine.control.hands.kinds import ADDRESS, TAKES, like_address
from engine.system import resources, user_folders

PREFIX = "midi."
TOGGLE = ".toggle"
FORMS = "midi.cc.CHANNEL.CONTROL, midi.note.CHANNEL.NOTE, midi.bend.CHANNEL, and the names in controllers' profiles"
NAMED = re.compile(rf"^\s*([a-z][a-z0-9_]*)\s*=\s*[\"'](?:{'|'.join(TAKES)})\.", re.MULTILINE)  # a row of [controls]


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
    found = like_address(plain) or next(iter(difflib.get_close_matches(plain, _by_number(), 1, 0.7)), None)
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
    for path in folder.glob("[!.]*.toml"):
        try:
            yield from NAMED.findall(path.read_text(encoding="utf-8-sig", errors="replace"))
        except OSError:
            continue


def _by_number() -> Iterable[str]:
    """Return the names in the order of their numbers: of two that are equally like, the first is meant."""
    return sorted(control_names(), key=lambda name: (len(name), name))
