"""Where a show goes beside the wall: opens the recording, the screenshots and the outputs that were asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from engine import settings
from engine.options import Options
from engine.service import Service
from engine.stage.outputs.bus import Bus
from engine.stage.outputs.output import open_output
from engine.stage.recording import Recording, Soundtrack


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
    bus = Bus(window, notify, outputs, recording, settings.pictures())
    stack.callback(bus.close)
    return bus


def serve(service: Service, bus: Bus) -> None:
    """Let the performer start and stop recordings and keep pictures."""
    service.on("record", lambda moment: bus.record())
    service.on("screenshot", lambda moment: bus.screenshot())
