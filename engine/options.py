"""What the command line asks for, once it has been read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """The flags that commands share; a field a command does not have stays at its default."""

    command: str
    song: str | None = None
    preset: str = "default"
    model: str | None = None
    resolution: int | None = None  # pixels the generator renders
    size: tuple[int, int] | None = None  # pixels of the window or the video
    fps: float | None = None
    seconds: float | None = None
    frames: int | None = None
    trace: Path | None = None
    output: Path | None = None
    seed: int | None = None
    device: str | None = None
    backend: str = "auto"
    precision: str = "auto"
    display: str | None = None
    windowed: bool = False
    headless: bool = False
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
    takeover: str = "pickup"  # one of control.takeover.MODES
