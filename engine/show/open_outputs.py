"""Where a show goes beside the wall: opens the recording, the screenshots and the outputs that were asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine import __version__
from engine.borders.options import Options
from engine.borders.preset import Preset
from engine.gesture.rows import about
from engine.gesture.writer import GestureLog
from engine.show.opening import find_model
from engine.show.service import Service
from engine.stage.outputs.bus import Bus
from engine.stage.outputs.output import open_output
from engine.stage.recording.recording import Recording, Soundtrack
from engine.system import user_folders as settings
from engine.system.files import fingerprint

GIVEN = ("model", "seed", "takeover", "resolution", "size", "fps", "backend", "precision", "device")


def open_bus(
    options: Options, window: Any, fps: float, track: Soundtrack, notify: Callable[[str], None],
    stack: contextlib.ExitStack,
) -> Bus:
    """Open what ``options`` ask for, to be closed with ``stack``; UserError names what cannot be.

    ``fps`` is what to expect of the show, ``track`` the sound that a recording gets.
    """
    recording = Recording(window, fps, track, notify, settings.films())
    outputs = []
    with contextlib.ExitStack() as opened:
        for name in dict.fromkeys(options.outputs):
            outputs.append(open_output(name, window.size, fps))
            opened.callback(outputs[-1].close)
        if options.record is not None:
            recording.start(options.record)
        opened.pop_all()  # from here on the bus closes them
    bus = Bus(window, notify, recording, outputs, settings.pictures())
    stack.callback(bus.close)
    return bus


def open_log(
    options: Options, preset: Preset, model: Any, ears: Any, bus: Bus, notify: Callable[[str], None],
    stack: contextlib.ExitStack,
) -> GestureLog | None:
    """Begin the gesture log, if one is asked for, recordings by ``bus`` in it; UserError where it cannot be written."""
    if options.log is None:
        return None
    weights = find_model(options.model or preset.model)
    song = options.song
    head = {
        "engine": __version__,
        "command": options.command,
        "song": str(Path(song).absolute()) if song and Path(song).exists() else song,
        "samplerate": getattr(getattr(ears, "device", None) or ears, "samplerate", None),
        "preset": about(preset),
        "model": {"path": str(weights.absolute()), "digest": fingerprint(weights), "num_ws": model.num_ws},
        "options": {name: getattr(options, name) for name in GIVEN},
    }
    log = GestureLog(options.log, head, notify)
    stack.callback(log.close)
    bus.recording.begun, bus.recording.placed = log.recording, log.placed
    return log


def serve(service: Service, bus: Bus) -> None:
    """Let the performer start and stop recordings and keep pictures."""
    service.on("record", lambda moment: bus.record())
    service.on("screenshot", lambda moment: bus.screenshot())
