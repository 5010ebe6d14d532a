"""What MIDI ports are called: names that stay while the system's own change at every plug."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence

OURS = re.compile(r"latentvj(-\d+)?:out ")  # the ports that we light lights through; JACK numbers the clients
ECHO = "Midi Through"  # ALSA's own port is no controller
# What a system adds to a name and changes at every plug: ALSA's "20:0", a2jmidid's "[20]".
CHANGING = re.compile(r" \d+:\d+$| \[\d+\](?= \((?:capture|playback)\))")
COUNTER = re.compile(r" \d+$")  # RtMidi's own on Windows: the port's number of the moment
NUMBERED = re.compile(r"-\d\d(?=:)")  # JACK's, of the second client of a name


def ears(label: str) -> re.Pattern[str]:
    """Return how JACK's name of our own input begins that is called ``label``; libremidi names its ports itself."""
    return re.compile(rf"latentvj(-\d+)?:{re.escape(label)}|libremidi client")


class PortNames:
    """Gives every port a name. Of two controllers called the same, one keeps its name while the other is unplugged."""

    def __init__(self, *, counted: bool = False) -> None:
        """``counted``: the API puts the port's number behind every name."""
        self._counted = counted
        self._named: dict[tuple[str, int], str] = {}

    def __call__(self, listed: Sequence[str]) -> dict[str, tuple[str, int]]:
        """Return {name that stays: (name of the moment, which of those called so, from 0)}."""
        keys = [(full, listed[:index].count(full)) for index, full in enumerate(listed)]
        named = {key: self._named[key] for key in keys if key in self._named}
        for key in keys:
            if key not in named:
                named[key] = free_name(self._plain(key[0]), named.values())
        self._named = named
        return {named[key]: key for key in keys}

    def _plain(self, full: str) -> str:
        return COUNTER.sub("", full) if self._counted else plain(full)


def plain(full: str) -> str:
    """Return a name without what changes at every plug."""
    return CHANGING.sub("", full)


def twin(full: str) -> str:
    """Return what the two ports of one controller have in common: JACK's bridges say capture and playback."""
    return plain(full).replace("playback", "capture")


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return ``name``, numbered if two controllers are called the same."""
    held: Container[str] = set(taken)
    count, free = 1, name
    while free in held:
        count += 1
        free = f"{name} ({count})"
    return free


def alike(name: str, ports: Mapping[str, str]) -> str | None:
    """Return a line that tells apart the controllers that are like ``name``, None where there is one of them.

    ``ports`` is {name that stays: name of the moment}.
    """
    kind = NUMBERED.sub("", plain(ports[name]))
    of_a_kind = [each for each, full in ports.items() if NUMBERED.sub("", plain(full)) == kind]
    if len(of_a_kind) < 2:
        return None
    told = [each if each == ports[each] else f"{each} is {ports[each]}" for each in of_a_kind]
    return f"MIDI: {len(of_a_kind)} controllers are alike: {', '.join(told)}; what is learned on one is its own"
