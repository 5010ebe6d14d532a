"""What kind of control an address is: how its messages are read. A profile declares it, or MIDI learn finds it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from types import MappingProxyType

CHANNEL = r"([1-9]|1[0-6])"
DATA = r"(\d|[1-9]\d|1[01]\d|12[0-7])"  # 0..127
WIDE = r"(\d|[1-9]\d{1,3}|1[0-5]\d{3}|16[0-2]\d\d|163[0-7]\d|1638[0-3])"  # 0..16383
ADDRESS = re.compile(
    rf"(cc|note|aftertouch)\.{CHANNEL}\.{DATA}|nrpn\.{CHANNEL}\.{WIDE}|(bend|pressure|program)\.{CHANNEL}"
)
WIDEST: Mapping[str, int] = MappingProxyType(
    {"cc": 127, "note": 127, "aftertouch": 127, "nrpn": 16383}
)  # the largest number behind a channel
FINE = 32  # the fine byte of CC n comes on CC n + 32, for n below 32

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "7-bit": "0 to 127: a knob or a fader",
        "14-bit": "a coarse byte on CC n and a fine one on CC n + 32, whichever comes first",
        "14-bit-coarse-first": "the same, the coarse byte always first",
        "14-bit-fine-first": "the same, the fine byte always first",
        "nrpn": "a numbered parameter: CC 99 and 98 choose it, CC 6 and 38 are its coarse and fine byte",
        "nrpn-7-bit": "the same without a fine byte",
        "relative-twos-complement": "an endless encoder: 1, 2 … to the right, 127, 126 … to the left",
        "relative-binary-offset": "an endless encoder: 65, 66 … to the right, 63, 62 … to the left",
        "relative-sign-magnitude": "an endless encoder: 1, 2 … to the right, 65, 66 … to the left",
        "relative-1": "an endless encoder that has sent 1; what it sends to the other side tells its encoding",
        "relative-65": "an endless encoder that has sent 65; what it sends to the other side tells its encoding",
        "momentary": "a button that sends its press and its release",
        "toggle": "a button that remembers: on at one press, off at the next",
        "touch": "says whether a hand lies on a fader: no button",
    }
)
BUTTONS = ("momentary", "toggle", "touch")  # have no place of their own: nothing waits for them
TAKES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cc": tuple(kind for kind in KINDS if not kind.startswith("nrpn")),
        "note": BUTTONS,
        "nrpn": ("nrpn", "nrpn-7-bit"),
        "bend": ("14-bit",),
        "aftertouch": ("7-bit",),
        "pressure": ("7-bit",),
        "program": ("7-bit",),
    }
)
PRESSED_NAMES = ("button_", "pad_", "key_")  # what a profile calls so is a button unless it says more


def usual(address: str, name: str = "") -> str:
    """Return the kind of an address that nobody has declared: notes are buttons, and so is what is named like one."""
    group = address.split(".")[0]
    if group == "cc" and name.startswith(PRESSED_NAMES):
        return "momentary"
    return TAKES[group][0]


def refusal(address: str, kind: str) -> str | None:
    """Say why ``address`` cannot be of this kind, or None where it can."""
    group = address.split(".")[0]
    if kind not in TAKES[group]:
        return f"{address} cannot be {kind!r}; it can be {', '.join(TAKES[group])}"
    if group == "cc" and kind.startswith("14-bit") and int(address.split(".")[2]) >= FINE:
        return f"{address} cannot be {kind!r}: the coarse byte of a pair is CC 0 to 31"
    return None


def fine_address(address: str) -> str:
    """Return where the fine byte of a pair comes, by the address of its coarse one."""
    _, channel, control = address.split(".")
    return f"cc.{channel}.{int(control) + FINE}"


def steps(kind: str, value: int) -> int:
    """Return how many steps an encoder of this kind was turned, to the right above 0; ``value`` is 0..127."""
    if kind in ("relative-binary-offset", "relative-65"):
        return value - 64
    if kind == "relative-sign-magnitude":
        return 64 - value if value > 64 else value & 0x3F
    return value - 128 if value >= 64 else value


def told(kind: str, value: int) -> str:
    """Return the encoding that ``value`` gives away of an encoder that has turned to one side only until now."""
    if kind == "relative-1" and value > 64:
        return "relative-sign-magnitude" if value < 96 else "relative-twos-complement"
    if kind == "relative-65" and 0 < value < 64:
        return "relative-sign-magnitude" if value < 32 else "relative-binary-offset"
    return kind


def agrees(declared: str, seen: str) -> bool:
    """Return whether a gesture that looked like ``seen`` can be that of a control declared as ``declared``."""
    if declared.startswith(("14-bit", "nrpn")):
        return declared.split("-bit")[0] == seen.split("-bit")[0]
    if seen == "relative-1":
        return declared in ("relative-twos-complement", "relative-sign-magnitude")
    if seen == "relative-65":
        return declared in ("relative-binary-offset", "relative-sign-magnitude")
    return declared == seen or {declared, seen} <= {"momentary", "toggle"}


def like_address(plain: str) -> str | None:
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
