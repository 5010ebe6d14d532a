"""The arguments that commands share, each with one line of help."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from engine.borders.errors import UserError
from engine.borders.options import FILLS, FITS, TAKEOVERS, ModelOptions, ShowOptions, parse_aspect, parse_timecode
from engine.generator.backends.table import BACKENDS, DEVICE_NAMES, PRECISIONS
from engine.generator.checkpoints.answers import FLAG, KEYS
from engine.stage.outputs.output import OUTPUTS
from engine.system.files import expanded

Asked = TypeVar("Asked", bound=ModelOptions)
Plain = TypeVar("Plain")
SLOWEST, FASTEST = 0.01, 1000.0  # frames a second; a film keeps no other, and a faster show would never end a second


class Parser(argparse.ArgumentParser):
    """An argument parser whose error is one line."""

    def error(self, message: str) -> NoReturn:
        """Raise UserError with the one line."""
        raise UserError(f"{self.prog}: {message}; see {self.prog} --help")


def positive(text: str) -> float:
    """Return a number above 0."""
    value = finite(text)
    if value <= 0.0:
        raise argparse.ArgumentTypeError(f"{text} must be more than 0")
    return value


def rate(text: str) -> float:
    """Return a number of frames a second that a film can have."""
    value = finite(text)
    if not SLOWEST <= value <= FASTEST:
        raise argparse.ArgumentTypeError(f"{text} is not between {SLOWEST:g} and {FASTEST:g} frames a second")
    return value


def size(text: str) -> tuple[int, int]:
    """Return width and height in pixels of 1280x720."""
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and 16 <= int(width) <= 16384 and 16 <= int(height) <= 16384):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 1280x720")
    return int(width), int(height)


def port(text: str) -> int:
    """Return the number of a UDP port."""
    if not (text.isdecimal() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 1 to 65535")
    return int(text)


def device(text: str) -> str:
    """Return the name of a device: its kind, and of CUDA's cards the number."""
    if not re.fullmatch(rf"{'|'.join(DEVICE_NAMES)}|cuda:[0-9]{{1,2}}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a device: choose one of {', '.join(DEVICE_NAMES)}, cuda:1")
    return text


def channels(text: str) -> tuple[int, ...]:
    """Return one or two channels of an input, counted from 1, of 3,4."""
    if not re.fullmatch(r"[1-9][0-9]{0,2}(,[1-9][0-9]{0,2})?", text):
        raise argparse.ArgumentTypeError(f"{text!r} are not one or two channels such as 3,4 (the first is 1)")
    return tuple(int(channel) for channel in text.split(","))


def path(text: str) -> Path:
    """Return a path; ``~`` is the home folder."""
    return expanded(text)


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return what takes a whole number from ``low`` to ``high``."""

    def number(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,20}", text.strip()) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return number


def finite(text: str) -> float:
    """Return any number but infinity and NaN."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number")
    return value


seed, count = whole(0, 2**32 - 1), whole(1, 10**9)
positive.__name__, rate.__name__, size.__name__, port.__name__ = "number", "number", "size", "port"


def add_assume(parser: argparse.ArgumentParser) -> None:
    """Add the flag for what a checkpoint does not say."""
    parser.add_argument(
        FLAG,
        action="append",
        metavar="KEY=VALUE",
        help=f"what a checkpoint does not say ({', '.join(KEYS)}); repeatable, over the TOML beside it",
    )


def add_resolution(parser: argparse.ArgumentParser) -> None:
    """Add the flags for the generator's resolution."""
    parser.add_argument("--resolution", type=int, help="pixels the generator renders (8, 16, … the model's own)")
    parser.add_argument(
        "--no-calibration",
        dest="calibration",
        action="store_false",
        help="show at a reduced resolution what the layers so far have painted, as it is",
    )


def add_show(parser: argparse.ArgumentParser) -> None:
    """Add the flags of every command that shows a picture."""
    parser.add_argument("--preset", help=f"a shipped name or a .toml file ({ShowOptions().preset})")
    parser.add_argument("--model", help="a shipped name or a checkpoint; the preset's own by default")
    add_assume(parser)
    add_resolution(parser)
    parser.add_argument("--fps", type=rate, help="frames per second")
    parser.add_argument("--seconds", type=positive, help="stop after this many seconds")
    parser.add_argument("--trace", type=path, metavar="F.jsonl", help="write one JSON line per frame")
    parser.add_argument(
        "--trace-pictures",
        action="store_true",
        help="with --trace: add picture_hash, a digest of the pixels as they were presented",
    )
    parser.add_argument("--shaders", type=path, metavar="DIR", help="your own passes, over the shipped ones")
    parser.add_argument("--seed", type=seed, help="draw other points for the path, the same for the same number")
    parser.add_argument("--size", type=size, metavar="WxH", help="pixels of the window or the video")
    parser.add_argument(
        "--alpha", action="store_true", help="a layer for other programs: the subject alone, the rest shows through"
    )
    add_aspect(parser)
    parser.add_argument("--fit", choices=FITS, help="in a window of another shape: bars, or cut off to fill it")
    add_device(parser)
    parser.add_argument("--backend", default="auto", metavar="NAME", help=f"auto, or one of {', '.join(BACKENDS)}")
    parser.add_argument("--precision", choices=("auto", *PRECISIONS), default="auto")
    parser.add_argument(
        "--no-flash-guard",
        dest="flash_guard",
        action="store_false",
        default=True,
        help="show flashes that can trigger seizures: only where you know your audience",
    )


def add_aspect(parser: argparse.ArgumentParser) -> None:
    """Add the flags for the picture's shape."""
    parser.add_argument("--aspect", type=parse_aspect, metavar="W:H", help="paint wider or higher, such as 16:9")
    parser.add_argument("--fill", choices=FILLS, help="what --aspect puts beside the model's square (mirror)")


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the flag for what the generator plays on."""
    names = f"{', '.join(DEVICE_NAMES)}, or one of several cards as cuda:1"
    parser.add_argument("--device", type=device, metavar="NAME", help=f"where the generator runs: {names}")


def add_audio_in(parser: argparse.ArgumentParser) -> None:
    """Add the flag for the sound's input device."""
    parser.add_argument("--audio-in", metavar="NAME", help="part of the input device's name, or 'default'")
    parser.add_argument("--channels", type=channels, metavar="A,B", help="channels of the input that are heard (1,2)")


def add_video_in(parser: argparse.ArgumentParser) -> None:
    """Add the flag for what is seen."""
    parser.add_argument(
        "--video-in",
        metavar="NAME",
        help="a camera (part of its name, or its number), a film's file or a named pipe, ndi:NAME, spout:NAME, "
        "syphon:NAME; for backgrounds, masks, ISF and the sources video.motion and the like",
    )


def add_hands(parser: argparse.ArgumentParser) -> None:
    """Add the flags for MIDI, OSC and the setlist."""
    parser.add_argument("--midi", metavar="NAME", help="part of the MIDI port's name; all ports without it")
    parser.add_argument("--osc-port", type=port, metavar="PORT", help="listen for OSC on this UDP port")
    parser.add_argument("--osc-host", metavar="HOST", help="the address to listen on (127.0.0.1: this machine only)")
    parser.add_argument(
        "--osc-out",
        action="append",
        metavar="HOST:PORT",
        help="tell what changes by OSC, to a port of this machine or another's; repeatable",
    )
    parser.add_argument("--setlist", type=path, metavar="FILE", help="a .toml of [[cues]] instead of one preset")
    parser.add_argument(
        "--timecode",
        type=parse_timecode,
        metavar="SENDER",
        help="cues stand at times of a sender: mtc, or ltc:2, heard on the input's channel 2",
    )
    parser.add_argument(
        "--dmx-in",
        action="append",
        metavar="NAME",
        help="a light desk's universe becomes sources dmx.UNIVERSE.CHANNEL: artnet:0, sacn:1; repeatable",
    )
    parser.add_argument("--dmx-host", metavar="HOST", help="the address to listen on (127.0.0.1: this machine only)")
    parser.add_argument(
        "--artnet-out",
        action="append",
        metavar="HOST:UNIVERSE",
        help="tell a light desk level, beat and the picture's colours by Art-Net; repeatable",
    )
    parser.add_argument("--link", action="store_true", help="follow the tempo and the bars of an Ableton Link session")
    parser.add_argument("--link-lead", action="store_true", help="the same, and taps propose a tempo to the session")
    parser.add_argument("--takeover", choices=TAKEOVERS, help="how knobs take over after a cue")


def add_window(parser: argparse.ArgumentParser) -> None:
    """Add the flags for the window and its pace."""
    parser.add_argument("--display", metavar="N", help="fullscreen on this display, by number or name")
    parser.add_argument("--windowed", action="store_true", help="in a window even when a display is named")
    parser.add_argument("--headless", action="store_true", help="no window: draw offscreen")
    parser.add_argument("--notices", action="store_true", help="write messages on the wall as well (or hold key N)")
    parser.add_argument(
        "--no-governor",
        dest="governor",
        action="store_false",
        default=True,
        help="never render smaller because frames come late",
    )
    parser.add_argument(
        "--interpolation",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="crossfade between generated frames where the display is faster than the generator "
        "(without either: where drawing is cheap)",
    )
    parser.add_argument(
        "--operator", nargs="?", const="", metavar="N", help="a second window, for you (key O); N: on this display"
    )


def add_keeping(parser: argparse.ArgumentParser) -> None:
    """Add the flags for the recording, the gesture log and the outputs."""
    parser.add_argument("--record", type=path, metavar="FILE.mp4", help="record with sound (key R starts and stops)")
    parser.add_argument("--log", type=path, metavar="F.jsonl", help="write a gesture log, for vj render --replay F")
    parser.add_argument(
        "--inbox", type=path, metavar="DIR", help="pictures that come into this folder become points of the path"
    )
    parser.add_argument(
        "--output",
        action="append",
        dest="outputs",
        metavar="NAME",
        help=f"also show it as: {', '.join(OUTPUTS)}; repeatable",
    )


def options_of(args: argparse.Namespace, kind: type[Asked]) -> Asked:
    """Return the arguments that ``kind`` has as its options; what the user left out is at its default."""
    return filled(args, kind, {each.name for each in fields(kind)})


def filled(args: argparse.Namespace, kind: type[Plain], known: set[str]) -> Plain:
    """Return ``kind`` made of the arguments of these names that were given; lists become tuples."""
    given: dict[str, Any] = {name: value for name, value in vars(args).items() if name in known and value is not None}
    for name, value in given.items():
        if isinstance(value, list):
            given[name] = tuple(value)
    return kind(**given)
