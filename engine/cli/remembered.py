"""What a show remembers of its flags for the next one: taken up, told, kept and forgotten here and nowhere else.

Only what a flag has chosen is kept, and the preset that was gone to by hand. Display, size and operator's window belong
to a window: a show without one neither keeps nor takes them. A preset and a setlist are one choice: either goes over
the other. What is given again goes over what is remembered.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from engine.borders.contracts import Window
from engine.borders.errors import UserError
from engine.borders.options import TAKEOVERS, ShowOptions, StageOptions
from engine.borders.preset import Preset
from engine.borders.standing import GIVEN
from engine.control.presets import preset as presets
from engine.rig import Rig
from engine.show.opening import preset_folders
from engine.system import resources, user_folders
from engine.system.files import is_file
from engine.system.watch import attached, life_of

# Options by their name, and what the performer calls them.
CHOICES: Mapping[str, str] = MappingProxyType(
    {
        "audio_in": "input",
        "video_in": "video",
        "midi": "MIDI",
        "takeover": "takeover",
        "display": "display",
        "size": "size",
        "operator": "operator's window",
        "preset": "preset",
        "setlist": "setlist",
    }
)
OF_WINDOWS = ("display", "size", "operator")
PROGRAMME = ("preset", "setlist")
FORGET = "--forget starts without"


def add_forget(parser: argparse.ArgumentParser) -> None:
    """Add the flag that forgets."""
    parser.add_argument("--forget", action="store_true", help="forget what earlier shows have chosen by their flags")


def recall(args: argparse.Namespace) -> None:
    """Complete the arguments of a show by what is remembered; other commands get their preset only.

    The lines about it are said by the show once it is open: what is refused gets one line.
    """
    if "preset" in vars(args) and "forget" not in vars(args):
        args.preset = args.preset or ShowOptions().preset
    if "preset" not in vars(args) or "forget" not in vars(args):
        return
    again = life_of(attached()) > 0  # the show died and comes back: all of this was said and done before
    if args.forget and not again:
        user_folders.forget()
    chosen = {name for name in CHOICES if vars(args).get(name) is not None}
    kept = _fitting(args, chosen, again)
    lines = [f"remembered: {spoken(kept)}; {FORGET}"] if kept else []
    for name in PROGRAMME:
        if name in kept and not _there(name, kept[name]):
            lines.append(f"{kept.pop(name)}: the remembered {CHOICES[name]} is gone; --{name} NAME chooses another")
    for name, text in kept.items():
        setattr(args, name, _value(name, text))
    args.chosen, args.recalled, args.remembered = frozenset(chosen), frozenset(kept), [] if again else lines
    args.preset = args.preset or ShowOptions().preset


def explained(args: argparse.Namespace, error: UserError) -> UserError:
    """Return what a show was refused for, with a hint where nobody gave the file that it names."""
    files = [str(vars(args)[name]) for name in PROGRAMME if name in args.recalled]
    return UserError(f"{error}; it is remembered, {FORGET}") if any(file in str(error) for file in files) else error


def remember_show(rig: Rig, options: StageOptions, heard: str | None = None, seen: str | None = None) -> None:
    """Remember what the flags of a show have chosen, now that it is open, and at its end the preset that plays."""
    desk = rig.parts.desk
    remember(options, rig.window, heard, seen)
    if rig.parts.chased is not None:
        return  # its presets are those of another evening
    rig.parts.stack.callback(lambda began: remember_preset(options, began, desk.preset), desk.preset)


def remember(options: StageOptions, window: Window, heard: str | None = None, seen: str | None = None) -> None:
    """Remember what flags have chosen, of an open show; ``heard`` is its input's name, ``seen`` its video's."""
    wall = window.wall
    found = {
        "audio_in": heard,
        "video_in": seen,
        "midi": options.midi,
        "takeover": options.takeover,
        "preset": _name_of(options.preset) if "preset" in options.chosen else None,
        "setlist": _own(options.setlist),
    }
    if wall is not None:
        found["display"] = wall.display
        found["operator"] = _display_of(options.operator) if "operator" in options.chosen else None
        found["size"] = None if options.size is None else "{}x{}".format(*options.size)
    kept = {name: value for name, value in found.items() if name in options.chosen and value is not None}
    _keep(kept)


def _own(setlist: Path | None) -> str | None:
    """Return a setlist to remember; the demo's is not the performer's."""
    if setlist is None or resources.resource("presets") in setlist.absolute().parents:
        return None
    return str(setlist.absolute())


def remember_preset(options: StageOptions, began: Preset, ended: Preset) -> None:
    """Remember the preset that a show without a setlist was brought to by hand."""
    if options.setlist is None and ended.path is not None and ended.path != began.path:
        _keep({"preset": _name_of(str(ended.path))})


def spoken(kept: Mapping[str, str]) -> str:
    """Return in one line what is remembered."""
    return ", ".join(f"{CHOICES[name]} {text}".rstrip() for name, text in kept.items())


def kept() -> dict[str, str]:
    """Return what is remembered, in the order of CHOICES; what no show could take is left out."""
    found = user_folders.remembered()
    return {name: found[name] for name in CHOICES if name in found and _takes(name, found[name])}


def _keep(values: Mapping[str, str]) -> None:
    other = {"preset": "setlist", "setlist": "preset"}
    gone = {other[name]: None for name in PROGRAMME if name in values}
    user_folders.remember({**gone, **values})


def _fitting(args: argparse.Namespace, chosen: set[str], again: bool) -> dict[str, str]:
    """Return what is remembered and fits a show with these arguments."""
    without = set(chosen)
    if chosen.intersection(PROGRAMME):
        without.update(PROGRAMME)
    if again or vars(args).get("resume"):  # the journal knows
        without.update(GIVEN, PROGRAMME)
    if args.headless:
        without.update(OF_WINDOWS)
    return {name: text for name, text in kept().items() if name not in without and name in vars(args)}


def _there(name: str, text: str) -> bool:
    if name == "setlist":
        return is_file(text)
    try:
        return is_file(presets.find_file(text, preset_folders()))
    except UserError:
        return False


def _name_of(preset: str) -> str:
    """Return how a preset is found again from any folder: by its name, or by the whole path of its file."""
    path = presets.find_file(preset, preset_folders())
    return path.stem if path.parent in preset_folders() and _is_first(path) else str(path.absolute())


def _display_of(operator: str | None) -> str | None:
    """Return the whole name of the display that the operator's window was asked for on; numbers change."""
    if not operator:
        return operator
    from engine.stage.windows.displays import find, name_of

    return name_of(find(operator))


def _is_first(path: Path) -> bool:
    return presets.find_file(path.stem, preset_folders()) == path


def _takes(name: str, text: str) -> bool:
    if name == "size":
        sides = re.fullmatch(r"([1-9]\d{1,4})x([1-9]\d{1,4})", text)
        return sides is not None and all(16 <= int(side) <= 16384 for side in sides.groups())
    return text in TAKEOVERS if name == "takeover" else bool(text) or name == "operator"


def _value(name: str, text: str) -> object:
    if name == "size":
        width, _, height = text.partition("x")
        return int(width), int(height)
    return Path(text) if name == "setlist" else text
