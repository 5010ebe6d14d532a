"""``vj render``: a song, or a performance played again, to a video; every frame is rendered, however long it takes."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from engine.audio.songs.song import remarks
from engine.audio.songs.song_ears import SongEars
from engine.borders.errors import UserError
from engine.borders.options import ShowOptions, size_of
from engine.borders.tick import Tick
from engine.cli import arguments
from engine.cli.say import drawing, say, voice
from engine.control.hands.keyboard import Keyboard
from engine.control.routing.desk import Desk
from engine.gesture.players import Proof
from engine.loop import perform
from engine.rig import Rig, assemble
from engine.show.clock import FixedClock
from engine.show.open_window import VIDEO_SIZE, fill_wall
from engine.show.opening import find_preset, open_meter, open_model, open_song
from engine.show.parts import Parts
from engine.show.table import playing_table, table_of
from engine.stage.operator.notices import Notices
from engine.stage.windows.video_file import VideoWindow

FPS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions(ShowOptions):
    """The options of a render."""

    output: Path
    fit: str = "crop"
    song: str | None = None
    replay: Path | None = None  # the gesture log to render again


Progress = Callable[[Iterable[Tick], int | None], Iterable[Tick]]  # ticks and how many they are -> the same ticks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``vj render`` takes."""
    parser.add_argument(
        "song", nargs="?", help="a sound file, or 'demo'; with --replay: the sound to use instead of the log's"
    )
    parser.add_argument(
        "--replay", type=arguments.path, metavar="F.jsonl", help="a gesture log: the same performance again"
    )
    parser.add_argument("-o", "--output", type=arguments.path, required=True, metavar="OUT.mp4")
    arguments.add_show(parser)


def run(args: argparse.Namespace) -> int:
    """Render with a progress bar."""
    from rich import progress
    from rich.console import Console

    from engine.cli import replay

    options = arguments.options_of(args, RenderOptions)
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    proof: Proof | None = None
    console = Console(file=drawing())
    voice.begin(foreign=True)
    with progress.Progress(*columns, console=console) as bar, contextlib.ExitStack() as stack:

        def track(clock: Iterable[Tick], frames: int | None) -> Iterable[Tick]:
            return bar.track(clock, total=frames, description=f"render {options.output}")

        if options.replay is not None:
            opened, proof = replay.open_replay(options, options.replay, track, say)
        elif options.song is not None:
            opened = open_render(options, track)
        else:
            raise UserError("vj render: name a SONG, or a gesture log with --replay")
        rig = stack.enter_context(opened)
        perform(rig)
    if proof is not None:
        say(f"{proof.same} of {proof.frames} frames have the latents of the performance")
    say(f"{options.output}: {rig.meter.frames} frames, {1e3 / max(rig.meter.frame_ms()['p50'], 1e-3):.1f} fps")
    return 0


def open_render(options: RenderOptions, progress: Progress) -> Rig:
    """Open a song and a video file. ``progress(clock, frames)`` passes the ticks on."""
    table = table_of(options.shaders, say)
    preset, song = find_preset(options, table), open_song(options.song)
    for line in remarks(song):
        say(line)
    fps, size = options.fps or FPS, size_of(options, VIDEO_SIZE)
    song.measure()
    seconds = min(options.seconds or song.duration, song.duration)
    clock = FixedClock(fps, seconds)
    with contextlib.ExitStack() as stack:
        window = VideoWindow(options.output, size, fps, song, seconds=(clock.frames or 0) / fps)
        stack.push(finish_or_abort(window))
        options = fill_wall(options, size)
        model = open_model(options, preset)
        model.settle()  # one backend from the first frame to the last
        return assemble(
            Parts(
                options=options,
                preset=preset,
                table=table,
                model=model,
                window=window,
                ears=SongEars(song),
                hands=Keyboard(window.keys),
                desk=Desk(preset, playing_table(table, options.shaders, model, preset), options.seed or 0),
                clock=progress(clock, clock.frames),
                meter=open_meter(options, window),
                notices=Notices(say),
                film=True,
                stack=stack.pop_all(),
            )
        )


def finish_or_abort(
    window: VideoWindow,
) -> Callable[[type[BaseException] | None, BaseException | None, TracebackType | None], None]:
    """Return an exit callback: a finished video is kept, a broken one leaves what was there before."""

    def leave(kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        if kind is None:
            window.close()
        else:
            window.abort()

    return leave
