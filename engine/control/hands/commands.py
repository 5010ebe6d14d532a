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
        "cue.1": "the first cue of the setlist, or the first of all presets",
        "cue.2": "the second cue",
        "cue.3": "the third cue",
        "cue.4": "the fourth cue",
        "cue.5": "the fifth cue",
        "cue.6": "the sixth cue",
        "cue.7": "the seventh cue",
        "cue.8": "the eighth cue",
        "resolution.up": "render one size larger",
        "resolution.down": "render one size smaller",
        "learn": "MIDI learn: start, and keep what was learned",
        "learn.next": "the next parameter to learn for",
        "learn.previous": "the parameter before",
        "operator": "the operator's window: open, or close",
        "overlay": "the panel over the picture: show, or hide",
        "notices": "the last messages, small, over the picture: while the key is held, or for some seconds",
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
        "F2": "cue.1",
        "F3": "cue.2",
        "F4": "cue.3",
        "F5": "cue.4",
        "F6": "cue.5",
        "F7": "cue.6",
        "F8": "cue.7",
        "F9": "cue.8",
        "RIGHT_BRACKET": "resolution.up",
        "LEFT_BRACKET": "resolution.down",
        "M": "learn",
        "DOWN": "learn.next",
        "UP": "learn.previous",
        "DELETE": "learn.cancel",
        "O": "operator",
        "H": "overlay",
        "N": "notices",
    }
)
