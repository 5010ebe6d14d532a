"""The command line's arguments: what every command takes, each with one line of help."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn

from engine import __version__
from engine.borders.errors import UserError
from engine.borders.options import FILLS, FITS, Options, parse_aspect

BACKENDS = "eager, native, openvino, inductor, graph, tensorrt, plain"


class _Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{self.prog}: {message}; see {self.prog} --help")


def _positive(text: str) -> float:
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} must be more than 0")
    return value


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and 16 <= int(width) <= 16384 and 16 <= int(height) <= 16384):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 1280x720")
    return int(width), int(height)


def _port(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 1 to 65535")
    return int(text)


_positive.__name__, _size.__name__, _port.__name__ = "number", "size", "port"


def _resolution_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--resolution", type=int, help="pixels the generator renders (8, 16, … the model's own)")
    parser.add_argument(
        "--no-calibration", dest="calibration", action="store_false",
        help="show at a reduced resolution what the layers so far have painted, as it is",
    )


def _show_flags(parser: argparse.ArgumentParser) -> None:
    """Add what every command that shows takes."""
    parser.add_argument("--preset", default="default", help="a shipped name or a .toml file")
    parser.add_argument("--model", help="a shipped name or a checkpoint; the preset's own by default")
    _resolution_flags(parser)
    parser.add_argument("--fps", type=_positive, help="frames per second")
    parser.add_argument("--seconds", type=_positive, help="stop after so long")
    parser.add_argument("--trace", type=Path, metavar="F.jsonl", help="write one JSON line per frame")
    parser.add_argument("--trace-pictures", action="store_true",
                        help="with --trace: add picture_hash, a digest of the pixels as they were presented")
    parser.add_argument("--seed", type=int, help="draw other points for the path, the same for the same number")
    parser.add_argument("--size", type=_size, metavar="WxH", help="pixels of the window or the video")
    _aspect_flags(parser)
    parser.add_argument("--fit", choices=FITS, help="in a window of another shape: bars, or cut off to fill it")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="where the generator runs")
    parser.add_argument("--backend", default="auto", metavar="NAME", help="auto, or one of " + BACKENDS)
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16", "fp16"), default="auto")
    parser.add_argument("--no-flash-guard", dest="flash_guard", action="store_false", default=True,
                        help="show flashes that can trigger seizures: only where you know your audience")


def _aspect_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--aspect", type=parse_aspect, metavar="W:H", help="paint wider or higher, such as 16:9")
    parser.add_argument("--fill", choices=FILLS, help="what --aspect puts beside the model's square (mirror)")


def _live_flags(parser: argparse.ArgumentParser) -> None:
    """Add what says where sound, hands and the evening's presets come from."""
    parser.add_argument("--audio-in", metavar="NAME", help="part of the input device's name, or 'default'")
    _hands_flags(parser)


def _hands_flags(parser: argparse.ArgumentParser) -> None:
    """Add what says where hands and the evening's presets come from."""
    parser.add_argument("--midi", metavar="NAME", help="part of the MIDI port's name; all ports without it")
    parser.add_argument("--osc-port", type=_port, metavar="PORT", help="listen for OSC on this UDP port")
    parser.add_argument("--osc-host", metavar="HOST", help="the address to listen on (127.0.0.1: this machine only)")
    parser.add_argument("--setlist", type=Path, metavar="FILE", help="a .toml of [[cues]] instead of one preset")
    parser.add_argument("--takeover", choices=("pickup", "scaled", "jump"), help="how knobs take over after a cue")


def _window_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--display", metavar="N", help="fullscreen on this display, by number or name")
    parser.add_argument("--windowed", action="store_true", help="in a window even when a display is named")
    parser.add_argument("--headless", action="store_true", help="no window: draw offscreen")
    parser.add_argument("--no-governor", dest="governor", action="store_false", default=True,
                        help="never render smaller because frames come late")
    parser.add_argument("--interpolation", action=argparse.BooleanOptionalAction, default=None,
                        help="crossfade between generated frames where the display is faster than the generator "
                             "(without either: where drawing is cheap)")
    parser.add_argument("--operator", nargs="?", const="", metavar="N",
                        help="a second window, for you (key O); N: on this display")


def _keeping_flags(parser: argparse.ArgumentParser) -> None:
    """Add what a show leaves behind, and where else it goes."""
    parser.add_argument("--record", type=Path, metavar="FILE.mp4", help="record with sound (key R starts and stops)")
    parser.add_argument("--log", type=Path, metavar="F.jsonl", help="write a gesture log, for vj render --replay F")
    parser.add_argument("--output", action="append", dest="outputs", metavar="NAME",
                        help="also show it as: virtual-camera, ndi, spout, syphon; repeatable")


def _live(sub: argparse.ArgumentParser) -> None:
    _live_flags(sub)
    _show_flags(sub)
    _window_flags(sub)
    _keeping_flags(sub)


def _soundcheck(sub: argparse.ArgumentParser) -> None:
    _live_flags(sub)
    _show_flags(sub)
    _window_flags(sub)


def _rehearse(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("song", help="a sound file, or 'demo'")
    sub.add_argument("--mute", action="store_true", help="no sound device: a silent clock")
    _hands_flags(sub)
    _show_flags(sub)
    _window_flags(sub)
    _keeping_flags(sub)


def _render(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("song", nargs="?", help="a sound file, or 'demo'; with --replay another sound than then")
    sub.add_argument("--replay", type=Path, metavar="F.jsonl", help="a gesture log: the same performance again")
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.mp4")
    _show_flags(sub)


def _bench(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    sub.add_argument("--frames", type=int, default=None, help="how many frames (120; of a sweep's cases 12)")
    sub.add_argument("--sweep", action="store_true", help="models x render sizes x backends x precisions")
    sub.add_argument("--models", metavar="A,B", help="of a sweep: names, checkpoints, config-f-1024, half-512, …")
    sub.add_argument("--resolutions", metavar="A,B", help="of a sweep: pixels; each model's own, half and a quarter")
    sub.add_argument("--backends", metavar="A,B", help="of a sweep: this machine's by default")
    sub.add_argument("--precisions", metavar="A,B", help="of a sweep: bf16,fp32 on a CPU, fp16,fp32 on a GPU")
    sub.add_argument("--plot", type=Path, metavar="F.png", help="of a sweep: draw it")
    sub.add_argument("--warps", action="store_true", help="also what each feature warp costs")
    _show_flags(sub)


def _image(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.png|OUT.npy")
    sub.add_argument("--model", default="fruit")
    given = sub.add_mutually_exclusive_group()
    given.add_argument("--seed", default="0", help="a number, or A..B for a contact sheet")
    given.add_argument("--z", type=Path, metavar="FILE.npy", help="z [z_dim]")
    given.add_argument("--ws", type=Path, metavar="FILE.npy", help="ws [num_ws, w_dim] or w [w_dim]")
    sub.add_argument("--psi", type=float, default=1.0, help="truncation (1: none)")
    sub.add_argument("--noise", choices=("const", "none", "random"), default="const")
    sub.add_argument("--label", type=int, help="class of a conditional model")
    sub.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="fp32")
    _resolution_flags(sub)
    _aspect_flags(sub)
    sub.add_argument("--device", choices=("cpu", "cuda"))


def _analyze(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("song", help="a sound file, or 'demo'")
    sub.add_argument("--json", type=Path, metavar="F", help="write onsets, beats and tempo")
    sub.add_argument("--plot", type=Path, metavar="F.png", help="draw them")


def _devices(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--json", action="store_true", help="as JSON")


def _model(sub: argparse.ArgumentParser) -> None:
    actions = sub.add_subparsers(dest="action", required=True, metavar="info|convert|compile")
    sub = actions.add_parser("info", help="what a checkpoint is")
    sub.add_argument("checkpoint", type=Path)
    sub.add_argument("--json", action="store_true")
    sub = actions.add_parser("convert", help="write it as safetensors")
    sub.add_argument("checkpoint", type=Path)
    sub.add_argument("-o", "--output", type=Path, required=True, metavar="X.safetensors")
    sub = actions.add_parser("compile", help="build its TensorRT engines ahead of the show")
    sub.add_argument("checkpoint", type=Path)
    sub.add_argument("--gpu", type=str.lower, metavar="SM", help="sm86, sm89, sm120, …; this machine's by default")
    sub.add_argument("--precision", choices=("fp16", "fp32"), default="fp16")


# name: what it does, and what adds its arguments
COMMANDS: Mapping[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = MappingProxyType(
    {
        "live": ("the show: live input, MIDI, window", _live),
        "soundcheck": ("half a minute that answers whether tonight will work", _soundcheck),
        "rehearse": ("play a song file with the picture in sync", _rehearse),
        "render": ("render a song to a video, frame-exact", _render),
        "bench": ("measure the loop without window or devices", _bench),
        "image": ("render one still, or a sheet of them", _image),
        "analyze": ("what the ears hear in a song", _analyze),
        "devices": ("audio inputs, MIDI ports, displays, GPU", _devices),
        "model": ("describe, convert or compile a checkpoint", _model),
    }
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = _Parser(prog="vj", description="Play a StyleGAN model like an instrument.")
    top.add_argument("--version", action="version", version=f"latentvj {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (does, add) in COMMANDS.items():
        add(commands.add_parser(name, help=does, description=does))
    return top


def options_of(args: argparse.Namespace) -> Options:
    """Return the arguments as Options, those that Options has."""
    given = {k: v for k, v in vars(args).items() if k in Options.__dataclass_fields__ and v is not None}
    if "outputs" in given:
        given["outputs"] = tuple(given["outputs"])
    return Options(**given)
