"""What the performer plays on beside the window: MIDI, OSC, controller profiles and the evening's setlist.

``vj live`` and ``vj rehearse`` open the same console, so what was practised is what is played.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from engine.borders.errors import UserError
from engine.borders.moment import Moment
from engine.borders.options import Options
from engine.borders.params import Params
from engine.borders.preset import Preset
from engine.control.hands.hands import Hands
from engine.control.hands.keyboard import Keyboard
from engine.control.hands.profiles import Profiles
from engine.control.presets import preset_file
from engine.control.presets import setlist as setlists
from engine.control.presets.setlist import Entry, Setlist
from engine.control.routing.beat import Beat
from engine.control.routing.desk import Desk
from engine.show.opening import preset_folders
from engine.show.service import Service
from engine.show.table import STANDARD
from engine.stage.operator.notices import Notices
from engine.system import resources
from engine.system import user_folders as settings
from engine.system.quiet import quiet_stderr


@dataclass(frozen=True, slots=True)
class Console:
    """The setlist and everything hands touch, before there is a window; ``hands`` needs its keys."""

    setlist: Setlist
    beat: Beat
    midi: Any
    osc: Any
    profiles: Profiles
    notify: Callable[[str], None]

    def hands(self, window: Any) -> Hands:
        """Return the hands on ``window``'s keys and on all the rest."""
        return Hands(Keyboard(window.keys), self.setlist, self.notify, STANDARD, self.midi, self.osc, self.profiles)

    def desk(self, options: Options) -> Desk:
        """Return a desk that plays the setlist's first preset."""
        return Desk(self.setlist.preset, STANDARD, options.seed or 0, options.takeover, self.beat)


def open_console(options: Options, notices: Notices, stack: contextlib.ExitStack) -> Console:
    """Open what ``options`` ask for, to be closed with ``stack``; UserError names what is wrong or not there."""
    beat = Beat()
    setlist = Setlist(entries(options), preset_folders(), STANDARD, notices.post, beat, options.setlist)
    profiles, midi, osc = open_profiles(notices.post), open_midi(options, notices.post), None
    try:
        osc = open_osc(options, notices.post)
    finally:
        for part in (profiles, midi, osc):
            if part is not None:
                stack.callback(part.close)
    return Console(setlist, beat, midi, osc, profiles, notices.post)


def keep_presets(service: Service, desk: Desk, notify: Callable[[str], None], stack: contextlib.ExitStack) -> None:
    """Let ``preset.save`` write the knobs as they stand to the user's own folder, in a thread."""
    worker = ThreadPoolExecutor(1, "preset")
    stack.callback(worker.shutdown)

    def write(preset: Preset, held: Params) -> None:
        try:
            notify(f"saved: {preset_file.save(preset, held, held.table, settings.data('presets'), settings.save)}")
        except UserError as error:
            notify(f"{error}; the preset is not saved")

    def save(_moment: Moment) -> None:
        worker.submit(write, desk.preset, desk.held())

    service.on("preset.save", save)


def entries(options: Options) -> tuple[Entry, ...]:
    """Return the evening's cues: the setlist's, or the one preset."""
    return setlists.load(options.setlist) if options.setlist is not None else (Entry(options.preset),)


def open_midi(options: Options, notify: Callable[[str], None]) -> Any:
    """Open the MIDI ports asked for, or all; None where RtMidi is not installed."""
    try:
        from engine.control.hands.midi import Midi
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
    from engine.control.hands.osc import Osc

    osc = Osc(options.osc_host, options.osc_port)
    notify(f"OSC: listening on {options.osc_host}:{osc.port}")
    return osc


def open_profiles(notify: Callable[[str], None]) -> Profiles:
    """Read the shipped controller profiles and the user's own."""
    shipped, own = resources.resource("presets", "controllers"), settings.folder("controllers")
    return Profiles(shipped, own, STANDARD, settings.save, notify)
