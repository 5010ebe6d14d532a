"""What commands share of what their user asked for, as values. A command's own options are in its file (engine/cli)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from engine.borders.errors import UserError
from engine.borders.timecode import Mark, parse_mark

WIDEST = 4  # times as wide as high, or as high as wide; the most that --aspect takes
FILLS = ("mirror", "tile", "stretch")  # what lies beside a square model's own picture: see generator.aspect
LTC_CHANNEL = 2  # of the input: music on the left, timecode on the right
FITS = ("letterbox", "crop")
TAKEOVERS = ("pickup", "scaled", "jump")  # how a knob takes over after a cue: see routing.takeover


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """Which model paints, how large, and by what."""

    model: str | None = None  # a shipped name or a checkpoint; None: the preset's own
    assume: tuple[str, ...] = ()  # what a checkpoint does not say, "key=value": see checkpoints.answers
    resolution: int | None = None  # pixels the generator renders
    calibration: bool = True  # a reduced picture looks like the whole model's
    aspect: Fraction | None = None  # width / height of what the generator paints; None is the model's own
    fill: str = "mirror"  # one of FILLS
    wall: Fraction | None = None  # what a show fills: where no aspect is asked for, painted if the model can
    device: str | None = None
    backend: str = "auto"
    precision: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowOptions(ModelOptions):
    """What every command takes that plays a preset."""

    preset: str = "default"
    size: tuple[int, int] | None = None  # pixels of the window or the video
    fit: str = "letterbox"  # one of FITS
    fps: float | None = None
    seconds: float | None = None  # stops after that time
    seed: int | None = None
    trace: Path | None = None
    trace_pictures: bool = False  # every line of the trace has a digest of the picture
    flash_guard: bool = True
    video_in: str | None = None  # a film's file; in a show also a camera, a pipe or another program's picture
    alpha: bool = False  # a layer for other programs: without the model's background, and nothing behind it
    shaders: Path | None = None  # a folder of passes beside the shipped ones


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOptions(ShowOptions):
    """What a command takes that is played by hand, in front of people or alone."""

    fit: str = "crop"
    midi: str | None = None  # a part of the port's name
    osc_port: int | None = None
    osc_host: str = "127.0.0.1"
    osc_out: tuple[str, ...] = ()  # HOST:PORT, or a port of this machine
    setlist: Path | None = None
    dmx_in: tuple[str, ...] = ()  # "artnet:UNIVERSE" and "sacn:UNIVERSE"
    dmx_host: str = "127.0.0.1"
    artnet_out: tuple[str, ...] = ()  # HOST or HOST:UNIVERSE
    link: bool = False  # follow an Ableton Link session
    link_lead: bool = False  # and let taps propose its tempo
    replay: Path | None = None  # a gesture log that is performed under the show's clock
    replay_at: Mark | None = None  # the label where its show began
    timecode: str | None = None  # "mtc", or "ltc:CHANNEL" of the input, from 1
    takeover: str = TAKEOVERS[0]
    display: str | None = None
    windowed: bool = False
    headless: bool = False
    operator: str | None = None  # the operator's window: on this display, "" for wherever there is room
    notices: bool = False  # the wall shows the performer's lines as well
    governor: bool = True  # renders smaller while frames come late
    interpolation: bool | None = None  # pictures between two frames: None where they cost little, else always or never
    record: Path | None = None  # a recording made while performing
    outputs: tuple[str, ...] = ()  # of stage.outputs.output.OUTPUTS
    log: Path | None = None  # the gesture log to write
    inbox: Path | None = None  # pictures that come into this folder join the path
    chosen: frozenset[str] = frozenset()  # names of the options that flags gave
    recalled: frozenset[str] = frozenset()  # names of the options that are as an earlier show chose them
    remembered: tuple[str, ...] = ()  # lines about that, the first ones of the show


def parse_aspect(text: str) -> Fraction:
    """Return width / height of "16:9"; UserError when it is not that, or beyond 4:1."""
    match = re.fullmatch(r"(\d{1,4}):(\d{1,4})", text.strip())
    if not match or 0 in (int(match[1]), int(match[2])):
        raise UserError(f"--aspect {text}: write it as width:height, such as 16:9 or 9:16")
    aspect = Fraction(int(match[1]), int(match[2]))
    if not Fraction(1, WIDEST) <= aspect <= WIDEST:
        raise UserError(f"--aspect {text}: at most {WIDEST}:1 or 1:{WIDEST}")
    return aspect


def parse_timecode(text: str) -> str:
    """Return ``mtc`` or ``ltc:CHANNEL`` of those and ``ltc``; UserError for anything else."""
    match = re.fullmatch(r"(mtc)|ltc(?::([1-9][0-9]?))?", text.strip())
    if match is None:
        raise UserError(f"--timecode {text}: write mtc, or ltc:2 for timecode that is heard on the input's channel 2")
    return match[1] or f"ltc:{match[2] or LTC_CHANNEL}"


def parse_label(text: str) -> Mark:
    """Return a label of timecode; UserError for anything else."""
    mark = parse_mark(text)
    if mark is None:
        raise UserError(f"--replay-at {text}: write 01:02:03:04, 1:02:03.5 or seconds")
    return mark


def size_of(options: ShowOptions, usual: tuple[int, int]) -> tuple[int, int]:
    """Return the pixels of the window or the video: as asked, or ``usual`` brought to the aspect, sides even."""
    if options.size is not None or options.aspect is None:
        return options.size or usual
    short = min(usual)
    wide, high = max(options.aspect, Fraction(1)), max(1 / options.aspect, Fraction(1))
    return 2 * round(short * wide / 2), 2 * round(short * high / 2)
