"""``vj live``: opens the input, the controllers and the window, and puts them in a rig."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import Any

from engine import resources, settings
from engine.audio.capture import LiveEars
from engine.audio.inputs import DEFAULT
from engine.audio.portaudio import quiet_stderr
from engine.awake import Awake
from engine.clock import LiveClock
from engine.control import setlist as setlists
from engine.control.beat import Beat
from engine.control.desk import Desk
from engine.control.hands import Hands
from engine.control.keyboard import Keyboard
from engine.control.profiles import Profiles
from engine.control.setlist import Entry, Setlist
from engine.errors import UserError
from engine.meter import Meter
from engine.opening import headless, open_model
from engine.options import Options
from engine.rig import Rig, assemble
from engine.stage.notices import Notices

# Python hands its lock on this often: the ears must not wait five milliseconds for a busy loop.
SWITCH_SECONDS = 0.001
WINDOW_SIZE = (960, 960)
USUAL_FPS = 60.0


def open_live(options: Options, notify: Callable[[str], None]) -> Rig:
    """Open everything a show needs. UserError names what is not there; ``notify`` gets lines for the performer."""
    sys.setswitchinterval(SWITCH_SECONDS)
    with contextlib.ExitStack() as stack:
        meter = Meter(options.trace)
        notices = Notices(notify, meter.event)
        beat = Beat()
        setlist = Setlist(entries(options), resources.resource("presets"), notices.post, beat, options.setlist)
        preset = setlist.preset
        ears = open_ears(options, notices.post)
        stack.callback(ears.close)
        profiles = _kept(stack, open_profiles(notices.post))
        midi = _kept(stack, open_midi(options, notices.post))
        osc = _kept(stack, open_osc(options, notices.post))
        window = _kept(stack, open_window(options, preset.name))
        _kept(stack, Awake())
        hands = Hands(Keyboard(window.keys), setlist, notices.post, midi, osc, profiles)
        _leave_a_core()
        model = open_model(options, preset)
        fps = options.fps or getattr(window, "refresh_rate", 0.0) or USUAL_FPS
        meter.period = 1.0 / fps
        clock = LiveClock(fps, options.seconds, running=lambda: not window.closed)
        desk = Desk(preset, options.seed or 0, options.takeover, beat)
        return assemble(options, preset, model, window, ears, clock, meter, stack, desk, hands, setlist, notices)


def _leave_a_core() -> None:
    """Keep torch off one core: its threads wait for each other, and with the ears' among them all of them wait."""
    import torch

    torch.set_num_threads(max(1, min(torch.get_num_threads(), (os.cpu_count() or 2) - 1)))


def _kept(stack: contextlib.ExitStack, part: Any) -> Any:
    """Return ``part``, to be closed with the show."""
    if part is not None:
        stack.callback(part.close)
    return part


def entries(options: Options) -> tuple[Entry, ...]:
    """Return the evening's cues: the setlist's, or the one preset."""
    return setlists.load(options.setlist) if options.setlist is not None else (Entry(options.preset),)


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


def open_midi(options: Options, notify: Callable[[str], None]) -> Any:
    """Open the MIDI ports asked for, or all; None where RtMidi is not installed."""
    try:
        from engine.control.midi import Midi
    except ImportError as error:
        if options.midi is not None:
            raise UserError(f"--midi {options.midi!r}: python-rtmidi is not installed ({error})") from error
        return None
    with quiet_stderr():  # JACK's library writes there when there is no server
        midi = Midi(options.midi, notify)
    if midi.ports:
        notify(f"MIDI: {', '.join(midi.ports)}")
    return midi


def open_osc(options: Options, notify: Callable[[str], None]) -> Any:
    """Listen for OSC, if asked to."""
    if options.osc_port is None:
        return None
    from engine.control.osc import Osc

    osc = Osc(options.osc_host, options.osc_port)
    notify(f"OSC: listening on {options.osc_host}:{osc.port}")
    return osc


def open_profiles(notify: Callable[[str], None]) -> Profiles:
    """Read the shipped controller profiles and the user's own."""
    shipped, own = resources.resource("presets", "controllers"), settings.folder("controllers")
    return Profiles(shipped, own, settings.save, notify)


def open_window(options: Options, name: str) -> Any:
    """Open the window, on the whole display unless asked otherwise, or none."""
    if options.headless:
        return headless(options)
    from engine.stage.window import GlfwWindow

    return GlfwWindow(options.size or WINDOW_SIZE, f"latentvj: {name}", not options.windowed, options.display)
