"""``vj rehearse``: a song through the speakers, the picture in sync with it."""

from __future__ import annotations

import argparse
import contextlib
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine.audio.songs import song as songs
from engine.audio.songs.edited import EditedSong
from engine.audio.songs.player import open_player
from engine.audio.songs.song_ears import SongEars
from engine.audio.songs.soundtrack import SongTrack
from engine.audio.songs.transport import Transport, clock
from engine.borders.errors import UserError
from engine.borders.options import StageOptions
from engine.cli import arguments, remembered
from engine.cli.conclusion import goes_on, play
from engine.cli.say import say, voice
from engine.rig import Rig, assemble
from engine.show.arrivals import Arrivals
from engine.show.clock import LiveClock, SongClock
from engine.show.meter import Events
from engine.show.open_corners import open_corners
from engine.show.open_doors import open_doors
from engine.show.open_inputs import open_inputs
from engine.show.open_outputs import begin_log, open_bus, open_log
from engine.show.open_video import seen_as
from engine.show.open_window import fill_wall, open_window, rate_of, tell_first
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
    begin: float = 0.0  # s; of the song, where it begins


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``vj rehearse`` takes."""
    parser.add_argument("song", help="a sound file, or 'demo'")
    parser.add_argument("--mute", action="store_true", help="no sound device: a silent clock")
    parser.add_argument(
        "--from", dest="begin", type=moment, metavar="TIME", help="begin there: seconds, m:ss or h:mm:ss"
    )
    arguments.add_hands(parser)
    arguments.add_video_in(parser)
    arguments.add_show(parser)
    arguments.add_window(parser)
    arguments.add_keeping(parser)
    remembered.add_forget(parser)


def moment(text: str) -> float:
    """Return the seconds of 90, 1:30 or 1:02:03.5."""
    match = re.fullmatch(r"(?:(?:(\d{1,3}):)?(\d{1,4}):(?=\d\d(?:\D|$)))?(\d{1,7}(?:\.\d{1,9})?)", text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write seconds, m:ss or h:mm:ss")
    hours, minutes, seconds = (float(part or 0.0) for part in match.groups())
    if match[2] and (seconds >= 60.0 or (match[1] and minutes >= 60.0)):
        raise argparse.ArgumentTypeError(f"{text!r} is no time: seconds and minutes end at 59")

    return hours * 3600.0 + minutes * 60.0 + seconds


def run(args: argparse.Namespace) -> int:
    """Perform, and say how it went."""
    voice.begin(foreign=True)
    options = arguments.options_of(args, RehearseOptions)
    with start_ahead.fetching(partial(songs.load_ahead, find_song(options.song))):
        opened = open_rehearsal(options, say)
    return play(opened)


def open_rehearsal(options: RehearseOptions, notify: Callable[[str], None]) -> Rig:
    """Open a song, its player and a window; the picture follows the playback position."""
    if options.timecode not in (None, "mtc"):
        raise UserError(
            f"--timecode {options.timecode}: a rehearsal hears no input; its cues stand at the song's times"
        )
    with contextlib.ExitStack() as stack:
        events = Events()
        notices = Notices(notify, events.tell)
        stack.enter_context(voice.foreign.told_to(notices.post))
        full = not options.windowed and options.display is not None
        # Before the song is waited for: one thread reads it, another one imports torch.
        window = open_window(options, Path(options.setlist or options.preset).stem, full, notices.post)
        stack.callback(window.close)
        song = open_song(options.song)
        if options.begin >= song.duration:
            raise UserError(f"--from {clock(options.begin)}: {song.path.name} ends at {clock(song.duration)}")
        sound = EditedSong(song, options.begin)
        inputs = open_inputs(options, notices, stack, place=sound.place)
        preset = inputs.setlist.preset
        fps = rate_of(window, options)
        log = open_log(options, notices.post, stack)
        bus = open_bus(options, window, fps, SongTrack(sound), log, notices.post, stack)
        options = fill_wall(options, window.size)
        model = open_model(options, preset)
        table = playing_table(inputs.table, options.shaders, model, preset)
        begin_log(log, options, "rehearse", options.song, song.samplerate, preset, model)
        player, notice = open_player(sound, options.mute, options.begin)
        stack.callback(player.close)
        meter = open_meter(
            options, window, 1.0 / fps, events, player, outputs=True, tell=notices.post, place=sound.place
        )
        pace = LiveClock(fps, running=lambda: goes_on(window) and not player.finished)
        ears = SongEars(sound, ahead=AHEAD_SECONDS, begin=sound.begin)
        transport = Transport(sound, player, ears, notices.post, None if log is None else log.passage)
        show_clock = SongClock(player, pace, options.seconds, meter.work_seconds, options.begin, meter.draw_seconds)
        rig = assemble(
            Parts(
                options=options,
                stage=options,
                preset=preset,
                table=inputs.table,
                model=model,
                window=window,
                ears=ears,
                hands=inputs.hands(window, table, transport),
                desk=inputs.desk(options, table),
                setlist=inputs.setlist,
                clock=show_clock,
                now=show_clock.time,
                arrivals=None if window.paced else Arrivals(threading.Event(), inputs.waiting(window)),
                meter=meter,
                notices=notices,
                bus=bus,
                video=inputs.video,
                corners=open_corners(inputs.table, window, notices.post, stack),
                doors=open_doors(options, inputs, window, meter, stack),
                song=transport.line,
                log=log,
                stack=stack.pop_all(),
            )
        )
        tell_first(window, options, notify)
        remembered.remember_show(rig, options, seen=seen_as(inputs.video))
        for line in [*([notice] if notice else []), *songs.remarks(song)]:
            notices.post(line)
        player.start()
        return rig
