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
        "transport.pause": "hold the song of a rehearsal, or let it go on",
        "transport.back": "5 s back in the song",
        "transport.forward": "5 s on in the song",
        "transport.far_back": "30 s back",
        "transport.far_forward": "30 s on",
        "transport.loop_from": "begin a loop of the song here",
        "transport.loop_to": "end the loop here, and go round",
        "transport.loop_clear": "go round no longer",
        "resolution.up": "render one size larger",
        "resolution.down": "render one size smaller",
        "learn": "MIDI learn: start, and keep what was learned",
        "learn.next": "the next parameter to learn for",
        "learn.previous": "the parameter before",
        "operator": "the operator's window: open, or close",
        "corners": "the corners of the wall's picture: drag them in the operator's window, or keep them",
        "corners.reset": "the wall's picture back to the corners of its display",
        "overlay": "the panel over the picture: show, or hide",
        "notices": "the last messages, small, over the picture: while the key is held, or for some seconds",
        "legend": "what the keys do and the figures mean: show, or hide",
        "feedback": "send everything to --osc-out once more",
        "learn.cancel": "leave MIDI learn without keeping anything",
        "portrait.now": "go to the picture that was projected last, at once",
        "portrait.next": "make the picture that was projected last the path's next point",
        "portrait.replace": "put the picture that was projected last in the place of the path's next point",
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
        "ENTER": "transport.pause",
        "J": "transport.back",
        "L": "transport.forward",
        "U": "transport.far_back",
        "I": "transport.far_forward",
        "Q": "transport.loop_from",
        "W": "transport.loop_to",
        "E": "transport.loop_clear",
        "RIGHT_BRACKET": "resolution.up",
        "LEFT_BRACKET": "resolution.down",
        "M": "learn",
        "DOWN": "learn.next",
        "UP": "learn.previous",
        "DELETE": "learn.cancel",
        "O": "operator",
        "H": "overlay",
        "N": "notices",
        "F1": "legend",
        "F10": "portrait.now",
        "F11": "portrait.next",
        "F12": "portrait.replace",
        "QUESTION": "legend",  # typed: the key is another one in every layout
    }
)

# What is printed on keys whose names are words.
PRINTED: Mapping[str, str] = MappingProxyType(
    {
        "BACKSPACE": "Backspace",
        "SPACE": "Space",
        "ENTER": "Enter",
        "PERIOD": ".",
        "COMMA": ",",
        "RIGHT": "right",
        "LEFT": "left",
        "PAGE_DOWN": "Page Down",
        "PAGE_UP": "Page Up",
        "RIGHT_BRACKET": "]",
        "LEFT_BRACKET": "[",
        "DOWN": "down",
        "UP": "up",
        "DELETE": "Delete",
        "QUESTION": "?",
    }
)


def legend() -> tuple[tuple[str, str], ...]:
    """Return the keys and what they do, in the order of the commands; the eight keys of cues are one row."""
    rows = [("/", "find a preset: letters of its name, up and down, Enter takes it, Escape leaves")]
    for command, does in COMMANDS.items():
        keys = ", ".join(PRINTED.get(key, key) for key, asked in KEYS.items() if asked == command)
        if command == "cue.1":
            rows.append(("F2 to F9", "the first eight cues of the setlist, or of all presets"))
        elif (keys and not command.startswith("cue.")) or command in ("cue.next", "cue.previous"):
            rows.append((keys, does))
    return (*rows, ("F", "fill the display, or not"), ("Esc", "end the show; in the operator's window: close it"))
