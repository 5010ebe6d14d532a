"""``vj live``: opens the input, the controllers and the window, and puts them in a rig."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import Any

from engine.audio.inputs.capture import LiveEars
from engine.audio.inputs.inputs import DEFAULT
from engine.audio.songs.soundtrack import LiveTrack
from engine.borders.options import Options, size_of
from engine.rig import Rig, assemble
from engine.show.arrivals import Arrivals
from engine.show.clock import LiveClock
from engine.show.meter import Meter
from engine.show.open_inputs import Console, open_console
from engine.show.open_outputs import open_bus
from engine.show.opening import headless, open_model
from engine.stage.operator.notices import Notices
from engine.system import user_folders as settings
from engine.system.awake import Awake

# Python hands its lock on this often: the ears must not wait five milliseconds for a busy loop.
SWITCH_SECONDS = 0.001
WINDOW_SIZE = (960, 960)
USUAL_FPS = 60.0


def open_live(options: Options, notify: Callable[[str], None]) -> Rig:
    """Open everything a show needs. UserError names what is not there; ``notify`` gets lines for the performer."""
    sys.setswitchinterval(SWITCH_SECONDS)
    with contextlib.ExitStack() as stack:
        meter = Meter(options.trace, pictures=options.trace_pictures)
        notices = Notices(notify, meter.event)
        console = open_console(options, notices, stack)
        preset = console.setlist.preset
        ears = open_ears(options, notices.post)
        stack.callback(ears.close)
        window = _kept(stack, open_window(options, preset.name))
        _kept(stack, Awake())
        _leave_a_core()
        fps = options.fps or getattr(window, "refresh_rate", 0.0) or USUAL_FPS
        bus = open_bus(options, window, fps, LiveTrack(ears), notices.post, stack)
        model = open_model(options, preset)
        meter.period = 1.0 / fps
        # Where the swap waits for the display a frame that begins early is seen no sooner.
        listen = None if getattr(window, "paced", False) else _arrivals(ears, console, window).wait
        clock = LiveClock(fps, options.seconds, running=lambda: not window.closed, listen=listen)
        return assemble(options, preset, model, window, ears, clock, meter, stack, console.desk(options),
                        console.hands(window), console.setlist, notices, bus)


def _arrivals(ears: LiveEars, console: Console, window: Any) -> Arrivals:
    """Return what tells the clock that something has come."""
    inputs = (console.midi, console.osc, window)
    return Arrivals(ears.rang, [part.waiting for part in inputs if hasattr(part, "waiting")])


def _leave_a_core() -> None:
    """Keep torch off one core: its threads wait for each other, and with the ears' among them all of them wait."""
    import torch

    torch.set_num_threads(max(1, min(torch.get_num_threads(), (os.cpu_count() or 2) - 1)))


def _kept(stack: contextlib.ExitStack, part: Any) -> Any:
    """Return ``part``, to be closed with the show."""
    if part is not None:
        stack.callback(part.close)
    return part


def open_ears(options: Options, notify: Callable[[str], None]) -> LiveEars:
    """Open the input asked for, or the one of last time, or the system's default, and remember it by name."""
    if options.audio_in is None:
        # Not asked for: the input of last time may be plugged in later, so the show begins in silence.
        return LiveEars(settings.remembered("audio_in"), notify, must_exist=False)
    ears = LiveEars(options.audio_in, notify)
    if ears.device is not None:
        settings.remember("audio_in", DEFAULT if options.audio_in == DEFAULT else ears.device.name)
        kind = ", a loopback" if ears.device.loopback else ""
        notify(f"hearing {ears.device.name} ({ears.device.host_api}{kind})")
    return ears


def open_window(options: Options, name: str) -> Any:
    """Open the window, on the whole display unless asked otherwise, or none."""
    if options.headless:
        return headless(options)
    from engine.stage.windows.window import GlfwWindow

    return GlfwWindow(size_of(options, WINDOW_SIZE), f"latentvj: {name}", not options.windowed, options.display)
