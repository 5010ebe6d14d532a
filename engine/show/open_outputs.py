"""Where a show goes beside the wall: opens the recording, the screenshots, the outputs and the gesture log."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from engine import __version__
from engine.borders.contracts import Model, Window
from engine.borders.options import StageOptions
from engine.borders.preset import Preset
from engine.gesture.rows import about
from engine.gesture.writer import GestureLog
from engine.show.opening import find_model
from engine.stage.outputs.bus import Bus
from engine.stage.outputs.output import open_output
from engine.stage.recording.recording import Journal, Recording, Soundtrack
from engine.system import user_folders
from engine.system.files import fingerprint

GIVEN = ("model", "seed", "takeover", "resolution", "size", "fps", "backend", "precision", "device")


def open_bus(
    options: StageOptions,
    window: Window,
    fps: float,
    track: Soundtrack,
    journal: Journal | None,
    notify: Callable[[str], None],
    stack: contextlib.ExitStack,
) -> Bus:
    """Open what ``options`` ask for, to be closed with ``stack``; UserError names what cannot be.

    ``fps`` is what to expect of the show, ``track`` the sound that a recording gets; ``journal`` is told of it.
    """
    recording = Recording(window, fps, track, notify, user_folders.films(), journal)
    outputs = []
    with contextlib.ExitStack() as opened:
        for name in dict.fromkeys(options.outputs):
            outputs.append(open_output(name, window.size, fps))
            opened.callback(outputs[-1].close)
        if options.record is not None:
            recording.start(options.record)
        opened.pop_all()  # from here on the bus closes them
    bus = Bus(window, notify, recording, outputs, user_folders.pictures())
    stack.callback(bus.close)
    return bus


def open_log(options: StageOptions, notify: Callable[[str], None], stack: contextlib.ExitStack) -> GestureLog | None:
    """Return the gesture log, if one is asked for; ``begin_log`` opens it."""
    if options.log is None:
        return None
    log = GestureLog(options.log, notify)
    stack.callback(log.close)
    return log


def begin_log(
    log: GestureLog | None,
    options: StageOptions,
    command: str,
    song: str | None,
    samplerate: int | None,
    preset: Preset,
    model: Model,
) -> None:
    """Begin the gesture log with everything that the show was given; UserError where it cannot be written."""
    if log is None:
        return
    weights = find_model(options.model or preset.model)
    log.begin(
        {
            "engine": __version__,
            "command": command,
            "song": str(Path(song).absolute()) if song and Path(song).exists() else song,
            "samplerate": samplerate,
            "preset": about(preset),
            "model": {"path": str(weights.absolute()), "digest": fingerprint(weights), "num_ws": model.num_ws},
            "options": {name: value for name, value in asdict(options).items() if name in GIVEN},
        }
    )
