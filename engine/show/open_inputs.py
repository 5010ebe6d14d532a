"""Opens what a show is played with beside the window: MIDI, OSC, controller profiles and the evening's setlist.

``vj live`` and ``vj rehearse`` open the same, so what was practised is what is played.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.borders.contracts import Window
from engine.borders.errors import Trouble, UserError
from engine.borders.options import StageOptions
from engine.borders.params import Table
from engine.borders.preset import Preset
from engine.control.hands.hands import Hands
from engine.control.hands.keyboard import Keyboard
from engine.control.hands.osc import Osc
from engine.control.hands.profiles import Profiles
from engine.control.hands.search import Search
from engine.control.hands.song_control import SongControl
from engine.control.lights.dmx_in import DmxIn, parse
from engine.control.presets import setlist as setlists
from engine.control.presets.listing import whole_evening
from engine.control.presets.setlist import Entry, Setlist
from engine.control.routing.beat import Beat
from engine.control.routing.desk import Desk
from engine.control.timing.link import LinkTempo
from engine.control.timing.show_timecode import NoTimecode, SentTimecode, ShowTimecode, SongTimecode
from engine.control.timing.stage_time import StageTime
from engine.show.latch import drawn
from engine.show.open_video import open_video
from engine.show.opening import preset_folders
from engine.show.table import table_of
from engine.stage.operator.notices import Notices
from engine.stage.video.video_in import VideoIn
from engine.system import resources, user_folders
from engine.system.network import own_address
from engine.system.quiet import quiet_stderr

if TYPE_CHECKING:
    from engine.control.hands.midi import Midi


@dataclass(frozen=True, slots=True)
class Inputs:
    """The setlist and everything hands touch, before there is a window; ``hands`` needs its keys."""

    table: Table  # the rows of every preset
    setlist: Setlist
    beat: Beat
    midi: Midi | None
    osc: Osc | None
    profiles: Profiles
    timecode: ShowTimecode
    link: LinkTempo | None
    dmx: DmxIn | None
    video: VideoIn | None
    notify: Callable[[str], None]

    def hands(self, window: Window, table: Table, song: SongControl | None = None) -> Hands:
        """Return the hands on ``window``'s keys and on all the rest, for the rows of ``table``, and on a ``song``."""
        keyboard = Keyboard(window.keys, Search(self.setlist.at_hand, self.setlist.go))
        given = (self.midi, self.osc, self.profiles, song, self.timecode, self.link, self.dmx, self.video)
        return Hands(keyboard, self.setlist, self.notify, table, *given)

    def desk(self, options: StageOptions, table: Table, preset: Preset | None = None) -> Desk:
        """Return a desk that plays ``preset``, None: the setlist's first, with the rows of ``table``."""
        return Desk(preset or self.setlist.preset, table, options.seed or 0, options.takeover, self.beat, drawn)

    def waiting(self, window: Window) -> tuple[Callable[[], bool], ...]:
        """Return what tells whether a key, a message or a packet has come that nobody has read."""
        given = (self.midi, self.osc, window)
        return tuple(part.waiting for part in given if part is not None)


def open_inputs(
    options: StageOptions,
    notices: Notices,
    stack: contextlib.ExitStack,
    comes_back: bool = False,
    place: Callable[[float], float] | None = None,
) -> Inputs:
    """Open what ``options`` ask for, to be closed with ``stack``; UserError names what is wrong or not there.

    Where the show ``comes_back``, nothing waits for a sound server: its MIDI comes a moment later. ``place`` returns
    the place in a rehearsal's song at a time of the show: the setlist runs by it where no sender is asked for.
    """
    beat, table = Beat(), table_of(options.shaders, notices.post)
    stage = StageTime()
    timecode = open_timecode(options, notices.post, stage, place)
    setlist = open_setlist(options, table, notices.post, beat, timecode)
    profiles = open_profiles(table, notices.post)
    stack.callback(profiles.close)
    midi = open_midi(options, notices.post, comes_back)
    if midi is not None:
        stack.callback(midi.close)
    osc = open_osc(options, notices.post)
    if osc is not None:
        stack.callback(osc.close)
    link = LinkTempo(options.link_lead, notices.post, stage) if options.link or options.link_lead else None
    if link is not None:
        stack.callback(link.close)
    dmx = open_dmx(options, notices.post, stack)
    video = open_video(options, notices.post, stack)
    return Inputs(table, setlist, beat, midi, osc, profiles, timecode, link, dmx, video, notices.post)


def open_dmx(options: StageOptions, notify: Callable[[str], None], stack: contextlib.ExitStack) -> DmxIn | None:
    """Listen for a light desk, if asked to."""
    if not options.dmx_in:
        if options.dmx_host != StageOptions().dmx_host:
            raise UserError(f"--dmx-host {options.dmx_host}: nothing listens there; say for what with --dmx-in")
        return None
    host = own_address("--dmx-host", options.dmx_host)
    dmx = DmxIn([parse(text) for text in options.dmx_in], host)
    stack.callback(dmx.close)
    where = ", ".join(f"{protocol} on {host}:{port}" for protocol, port in dmx.ports.items())
    notify(f"DMX: listening for {where}")
    return dmx


def open_timecode(
    options: StageOptions, notify: Callable[[str], None], stage: StageTime, place: Callable[[float], float] | None
) -> ShowTimecode:
    """Return what follows the sender asked for; in a rehearsal without one, its song."""
    if options.timecode is not None:
        return SentTimecode(options.timecode == "mtc", notify, stage)
    return NoTimecode(stage) if place is None else SongTimecode(place, stage)


def open_setlist(
    options: StageOptions,
    table: Table,
    notify: Callable[[str], None],
    beat: Beat,
    timecode: ShowTimecode,
) -> Setlist:
    """Return the evening's cues: the setlist's, or without one all presets, beginning with the one asked for."""
    folders, at = preset_folders(), timecode.at
    if options.setlist is not None:
        entries = setlists.load(options.setlist)
        if isinstance(timecode, NoTimecode) and any(entry.at is not None for entry in entries):
            notify(
                Trouble(f"{options.setlist}: its cues stand at times: give --timecode mtc or --timecode ltc:CHANNEL")
            )
        return Setlist(entries, folders, table, notify, beat, options.setlist, timecode=at)
    names, begin = whole_evening(options.preset, folders)
    return Setlist(tuple(Entry(name) for name in names), folders, table, notify, beat, begin=begin, timecode=at)


def open_midi(options: StageOptions, notify: Callable[[str], None], later: bool = False) -> Midi | None:
    """Open the MIDI ports asked for, or all; None where no library for MIDI is installed."""
    try:
        from engine.control.hands.midi import Midi
    except ImportError as error:
        if options.midi is not None:
            raise UserError(f"--midi {options.midi!r}: {error}") from error
        return None
    with quiet_stderr():  # JACK's library writes there when there is no server
        midi = Midi(options.midi, notify, must_exist="midi" not in options.recalled, later=later)
    if midi.ports:
        notify(f"MIDI: {', '.join(midi.ports)}")
    return midi


def open_osc(options: StageOptions, notify: Callable[[str], None]) -> Osc | None:
    """Listen for OSC, if asked to."""
    if options.osc_port is None:
        if options.osc_host != StageOptions().osc_host:
            raise UserError(f"--osc-host {options.osc_host}: nothing listens there; say on which port with --osc-port")
        return None
    osc = Osc(options.osc_host, options.osc_port)
    notify(f"OSC: listening on {options.osc_host}:{osc.port}")
    return osc


def open_profiles(table: Table, notify: Callable[[str], None]) -> Profiles:
    """Read the shipped controller profiles and the user's own."""
    shipped, own = resources.resource("presets", "controllers"), user_folders.folder("controllers")
    return Profiles(shipped, own, table, user_folders.save, notify)
