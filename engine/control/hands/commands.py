"""The commands of the performer, by name. Keys, MIDI and OSC share the list."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "panic": "everything back to the preset",
        "blackout": "black, until asked again",
        "freeze": "hold the picture, until asked again",
        "keep": "keep the point of this picture as a file of w, with a thumbnail",
        "preset.save": "save the knobs as they stand as a preset of your own, found by its name",
        "record": "record to a file, until asked again",
        "screenshot": "keep the picture as a PNG",
        "tap": "tap the tempo",
        "tempo.double": "twice the tempo",
        "tempo.half": "half the tempo",
        "tempo.auto": "forget the taps: the tempo is heard again",
        "cue.next": "the next cue of the setlist",
        "cue.previous": "the cue before",
        "resolution.up": "render one size larger",
        "resolution.down": "render one size smaller",
        "learn": "MIDI learn: start, and keep what was learned",
        "learn.next": "the next parameter to learn for",
        "learn.previous": "the parameter before",
        "operator": "the operator's window: open, or close",
        "overlay": "the panel over the picture: show, or hide",
        "learn.cancel": "leave MIDI learn without keeping anything",
    }
)

# Keys by the window's names. All other keys are free for a preset's routes (key.A, key.A.toggle).
# These can be routed too, and still do their own work.
KEYS: Mapping[str, str] = MappingProxyType(
    {
        "BACKSPACE": "panic",
        "B": "blackout",
        "Z": "freeze",
        "K": "keep",
        "S": "preset.save",
        "R": "record",
        "P": "screenshot",
        "SPACE": "tap",
        "PERIOD": "tempo.double",
        "COMMA": "tempo.half",
        "T": "tempo.auto",
        "RIGHT": "cue.next",
        "LEFT": "cue.previous",
        "PAGE_DOWN": "cue.next",
        "PAGE_UP": "cue.previous",
        "RIGHT_BRACKET": "resolution.up",
        "LEFT_BRACKET": "resolution.down",
        "M": "learn",
        "DOWN": "learn.next",
        "UP": "learn.previous",
        "DELETE": "learn.cancel",
        "O": "operator",
        "H": "overlay",
    }
)
