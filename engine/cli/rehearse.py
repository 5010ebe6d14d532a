"""``vj rehearse``: a song through the speakers, the picture in sync with it."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from engine.audio.songs import song as songs
from engine.audio.songs.player import open_player
from engine.audio.songs.song_ears import SongEars
from engine.audio.songs.soundtrack import SongTrack
from engine.borders.options import StageOptions
from engine.cli import arguments, remembered
from engine.cli.conclusion import goes_on, play
from engine.cli.say import say, voice
from engine.rig import Rig, assemble
from engine.show.clock import LiveClock, SongClock
from engine.show.meter import Events
from engine.show.open_inputs import open_inputs
from engine.show.open_outputs import begin_log, open_bus, open_log
from engine.show.open_window import open_window, rate_of, tell_of_one_display
from engine.show.opening import find_song, open_meter, open_model, open_song
from engine.show.parts import Parts
from engine.show.table import playing_table
from engine.stage.operator.notices import Notices
from engine.system import start_ahead

AHEAD_SECONDS = 5.0  # s of the song that are heard before they are due: longer than a machine stalls


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearseOptions(StageOptions):
    """The options of a rehearsal."""

    song: str | None = None
    mute: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``vj rehearse`` takes."""
    parser.add_argument("song", help="a sound file, or 'demo'")
    parser.add_argument("--mute", action="store_true", help="no sound device: a silent clock")
    arguments.add_hands(parser)
    arguments.add_show(parser)
    arguments.add_window(parser)
    arguments.add_keeping(parser)
    remembered.add_forget(parser)


def run(args: argparse.Namespace) -> int:
    """Perform, and say how it went."""
    voice.begin()
    options = arguments.options_of(args, RehearseOptions)
    with start_ahead.fetching(partial(songs.load_ahead, find_song(options.song))):
        opened = open_rehearsal(options, say)
    return play(opened)


def open_rehearsal(options: RehearseOptions, notify: Callable[[str], None]) -> Rig:
    """Open a song, its player and a window; the picture follows the playback position."""
    song = open_song(options.song)
    with contextlib.ExitStack() as stack:
        events = Events()
        notices = Notices(notify, events.tell)
        inputs = open_inputs(options, notices, stack)
        preset = inputs.setlist.preset
        full = not options.windowed and options.display is not None
        window = open_window(options, preset.name, full, notices.post)
        stack.callback(window.close)
        tell_of_one_display(window, options, notify)
        fps = rate_of(window, options)
        log = open_log(options, notices.post, stack)
        bus = open_bus(options, window, fps, SongTrack(song), log, notices.post, stack)
        model = open_model(options, preset)
        table = playing_table(inputs.table, options.shaders, model, preset)
        begin_log(log, options, "rehearse", options.song, song.samplerate, preset, model)
        player, notice = open_player(song, options.mute)
        stack.callback(player.close)
        meter = open_meter(options, window, 1.0 / fps, events, player, outputs=True, tell=notices.post)
        pace = LiveClock(fps, running=lambda: goes_on(window) and not player.finished)
        rig = assemble(
            Parts(
                options=options,
                stage=options,
                preset=preset,
                table=inputs.table,
                model=model,
                window=window,
                ears=SongEars(song, ahead=AHEAD_SECONDS),
                hands=inputs.hands(window, table),
                desk=inputs.desk(options, table),
                setlist=inputs.setlist,
                clock=SongClock(player, pace, options.seconds, meter.work_seconds),
                meter=meter,
                notices=notices,
                bus=bus,
                log=log,
                stack=stack.pop_all(),
            )
        )
        remembered.remember_show(rig, options)
        for line in [*([notice] if notice else []), *songs.remarks(song)]:
            notices.post(line)
        player.start()
        return rig
