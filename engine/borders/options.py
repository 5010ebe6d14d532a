"""What the command line asks for, once it has been read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from engine.borders.errors import UserError

WIDEST = 4  # times as wide as high, or the other way round
FILLS = ("mirror", "tile", "stretch")  # what lies beside a square model's own picture: see generator.aspect
FITS = ("letterbox", "crop")


@dataclass(frozen=True, slots=True)
class Options:
    """The flags that commands share; a field a command does not have stays at its default."""

    command: str
    song: str | None = None
    preset: str = "default"
    model: str | None = None
    resolution: int | None = None  # pixels the generator renders
    calibration: bool = True  # a reduced picture looks like the whole model's
    size: tuple[int, int] | None = None  # pixels of the window or the video
    aspect: Fraction | None = None  # width / height of what the generator paints; None is the model's own
    fill: str = "mirror"  # one of FILLS
    fit: str = "letterbox"  # one of FITS
    fps: float | None = None
    seconds: float | None = None
    frames: int | None = None
    trace: Path | None = None
    trace_pictures: bool = False  # every line of the trace has a digest of the picture
    output: Path | None = None
    seed: int | None = None
    device: str | None = None
    backend: str = "auto"
    precision: str = "auto"
    display: str | None = None
    windowed: bool = False
    headless: bool = False
    operator: str | None = None  # the operator's window: on this display, "" for wherever there is room
    flash_guard: bool = True
    mute: bool = False
    audio_in: str | None = None  # a part of the input's name, or "default"
    midi: str | None = None  # a part of the port's name
    osc_port: int | None = None
    osc_host: str = "127.0.0.1"
    setlist: Path | None = None
    record: Path | None = None  # a recording made while performing
    outputs: tuple[str, ...] = ()  # of stage.outputs.output.OUTPUTS
    log: Path | None = None  # the gesture log to write
    replay: Path | None = None  # the gesture log to render again
    governor: bool = True  # renders smaller while frames keep coming late
    interpolation: bool | None = None  # pictures between two frames: where they cost little, always, or never
    takeover: str = "pickup"  # one of control.takeover.MODES


def parse_aspect(text: str) -> Fraction:
    """Return width / height of "16:9"; UserError when it is not that, or beyond 4:1."""
    match = re.fullmatch(r"(\d{1,4}):(\d{1,4})", text.strip())
    if not match or 0 in (int(match[1]), int(match[2])):
        raise UserError(f"--aspect {text}: write it as width:height, such as 16:9 or 9:16")
    aspect = Fraction(int(match[1]), int(match[2]))
    if not Fraction(1, WIDEST) <= aspect <= WIDEST:
        raise UserError(f"--aspect {text}: at most {WIDEST}:1 or 1:{WIDEST}")
    return aspect


def size_of(options: Options, usual: tuple[int, int]) -> tuple[int, int]:
    """Return the pixels of the window or the video: as asked, or ``usual`` brought to the aspect, sides even."""
    if options.size is not None or options.aspect is None:
        return options.size or usual
    short = min(usual)
    wide, high = max(options.aspect, Fraction(1)), max(1 / options.aspect, Fraction(1))
    return 2 * round(short * wide / 2), 2 * round(short * high / 2)
