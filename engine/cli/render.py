"""``vj render``: a song, or a performance played again, to a video; every frame is rendered, however long it takes.

With ``--frames`` some frames of the film are rendered to a part, exactly as they are in the whole film.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

from engine.audio.songs.film_ears import FilmEars
from engine.audio.songs.heard import Heard, folder_of
from engine.audio.songs.song import AnySong, remarks
from engine.borders.contracts import Window
from engine.borders.errors import UserError
from engine.borders.made import Before
from engine.borders.options import ShowOptions, size_of
from engine.borders.sound import Sound
from engine.borders.tick import Tick
from engine.cli import arguments
from engine.cli.made_from import kind_of, made_from
from engine.cli.say import drawing, say, voice
from engine.cli.stretch import Film, Stretch, check_output, parse_frames, render_stretch, surveyed
from engine.control.hands.keyboard import Keyboard
from engine.control.routing.desk import Desk
from engine.gesture.players import Proof
from engine.loop import perform
from engine.rig import assemble
from engine.show.clock import FixedClock
from engine.show.meter import Meter
from engine.show.open_video import SeeingHands, open_film_in, video_of
from engine.show.open_window import VIDEO_SIZE, fill_wall
from engine.show.opening import find_preset, open_meter, open_model, open_song
from engine.show.parts import Parts
from engine.show.room import room
from engine.show.table import playing_table, table_of
from engine.stage.operator.notices import Notices
from engine.stage.recording.codecs import ALPHA, Codec, with_alpha
from engine.stage.recording.part import Part
from engine.stage.windows.headless import HeadlessWindow
from engine.stage.windows.video_file import VideoWindow

FPS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions(ShowOptions):
    """The options of a render."""

    output: Path
    fit: str = "crop"
    song: str | None = None
    replay: Path | None = None  # the gesture log to render again
    frames: tuple[int, int] | None = None  # the first one and the one behind the last; None: the whole film
    ray: bool = False  # over a cluster
    ray_address: str | None = None
    codec: str | None = None  # of a film with alpha, by its name in codecs.ALPHA


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
    parser.add_argument(
        "--frames",
        type=parse_frames,
        metavar="A:B",
        help="only frames A (the first is 0) to B (not included), to a part PART.mkv: vj join makes the film",
    )
    parser.add_argument("--ray", action="store_true", help="over the machines of a Ray cluster, or over this one's")
    parser.add_argument("--ray-address", metavar="A", help="the address of a running cluster; implies --ray")
    listed = "; ".join(f"{name}: {codec.help}" for name, codec in ALPHA.items())
    parser.add_argument("--codec", choices=ALPHA, help=f"of a film with --alpha ({listed})")
    parser.add_argument("--video-in", metavar="FILM", help="a film's file, read by the show's clock: as in a show")
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
    console = Console(file=drawing())
    if options.replay is None and options.song is None:
        raise UserError("vj render: name a SONG, or a gesture log with --replay")
    alpha_of(options)  # what cannot be written is refused before anything is opened
    if options.frames is not None:
        check_output(options.output)
    if options.ray or options.ray_address:
        from engine.cli.render_farm import render_on_farm

        if options.frames is not None:
            raise UserError("--frames and --ray: a farm makes the whole film; leave one of the two out")
        return render_on_farm(options, args.words, vars(args))
    voice.begin(foreign=True)
    with progress.Progress(*columns, console=console) as bar:

        def track(clock: Iterable[Tick], frames: int | None) -> Iterable[Tick]:
            return bar.track(clock, total=frames, description=f"render {options.output}")

        @functools.cache
        def heard() -> Heard:
            return open_heard(options)

        def opener(stretch: Stretch | None) -> Film[Proof | None]:
            if options.replay is not None:
                return replay.open_replay(options, options.replay, track, say, stretch)
            return open_render(options, track, heard, stretch)

        if options.frames is not None:
            film = render_stretch(options.frames, options.output, options.flash_guard, opener, say)
        else:
            film = opener(None)
            with film.rig, room(lambda: film.rig.picture.model):
                perform(film.rig)
    rig, proof = film.rig, film.proof
    if proof is not None:
        say(f"{proof.same} of {proof.frames} frames have the latents of the performance")
    say(f"{options.output}: {rig.meter.frames} frames, {1e3 / max(rig.meter.frame_ms()['p50'], 1e-3):.1f} fps")
    return 0


def film_of(options: RenderOptions, song: AnySong) -> tuple[int, float, dict[str, str]]:
    """Return how many frames the film of ``song`` has, how many a second, and what its parts are made from."""
    preset = find_preset(options, table_of(options.shaders, say))
    fps, size = options.fps or FPS, size_of(options, VIDEO_SIZE)
    song.measure()
    clock = FixedClock(fps, min(options.seconds or song.duration, song.duration))
    rate = str(Fraction(fps).limit_denominator(1001))
    made = made_from(fill_wall(options, size), [preset], rate, size, song=song.path, video=video_of(options))
    return clock.frames or 0, fps, made


def open_heard(options: RenderOptions) -> Heard:
    """Open the song, of which much may be heard already."""
    song = open_song(options.song)
    for line in remarks(song):
        say(line)
    return Heard(song, folder_of(song))


def open_render(
    options: RenderOptions, progress: Progress, hear: Callable[[], Heard], stretch: Stretch | None = None
) -> Film[Proof | None]:
    """Open a song by ``hear``, and a video file. ``progress(clock, frames)`` passes the ticks on.

    ``stretch`` None is the whole film.
    """
    alpha = alpha_of(options)
    table = table_of(options.shaders, say)
    preset, heard = find_preset(options, table), hear()
    song = heard.song
    fps, size = options.fps or FPS, size_of(options, VIDEO_SIZE)
    song.measure()
    seconds = min(options.seconds or song.duration, song.duration)
    ticks: Sequence[Tick] = tuple(FixedClock(fps, seconds))
    whole, before = len(ticks), Before()
    if stretch is not None:
        ticks, before = stretch.split(ticks)
    with contextlib.ExitStack() as stack:
        window = open_film(options.output, size, fps, stretch, song, frames=len(ticks), alpha=alpha)
        stack.push(finish_or_abort(window))
        options, video = fill_wall(options, size), open_film_in(options)
        if video is not None:
            stack.callback(video.close)
        model = open_model(options, preset) if stretch is None or stretch.model is None else stretch.model
        model.settle()  # one backend from the first frame to the last
        part = None
        if stretch is not None:
            rate = str(Fraction(fps).limit_denominator(1001))
            part = Part(
                frames=(stretch.begin, stretch.end),
                of=whole,
                fps=rate,
                made_from=made_from(options, [preset], rate, size, song=song.path, video=video_of(options)),
                kind=kind_of(model, window),
                sound={"song": options.song or "demo"},
            )
            if isinstance(window, VideoWindow):
                window.tag(part.tags())
        keyboard = Keyboard(window.keys)
        rig = assemble(
            Parts(
                options=options,
                preset=preset,
                table=table,
                model=model,
                window=window,
                ears=FilmEars(heard),
                hands=keyboard if video is None else SeeingHands(keyboard, video),
                desk=Desk(preset, playing_table(table, options.shaders, model, preset), options.seed or 0),
                clock=progress(ticks, len(ticks)),
                before=before,
                meter=open_film_meter(options, window, stretch),
                notices=Notices(say),
                film=True,
                video=video,
                stack=stack.pop_all(),
            )
        )
        return Film(rig, None, part)


def open_film(
    path: Path,
    size: tuple[int, int],
    fps: float,
    stretch: Stretch | None,
    sound: Sound | None,
    begins: int = 0,
    frames: int = 0,
    ends: Sequence[float] | None = None,
    alpha: Codec | None = None,
) -> HeadlessWindow:
    """Return the window of a film or of a part, which has no sound; see VideoWindow. A survey writes nothing."""
    if stretch is None:
        return VideoWindow(path, size, fps, sound, begins, ends=ends, seconds=frames / fps, alpha=alpha)
    if stretch.made is None:
        return surveyed()
    return VideoWindow(path, size, fps, ends=ends, seconds=frames / fps)


def open_film_meter(options: RenderOptions, window: Window, stretch: Stretch | None) -> Meter:
    """Return the meter of a film, whose trace numbers a part's pictures as the whole film does."""
    if stretch is None:
        return open_meter(options, window)
    if stretch.made is None:
        return Meter()
    return open_meter(options, window, first=stretch.begin)


def alpha_of(options: RenderOptions) -> Codec | None:
    """Return what a film with alpha is encoded by; None for an opaque one. UserError where none fits."""
    if options.codec is not None and not options.alpha:
        raise UserError(f"--codec {options.codec}: it is for films with --alpha")
    if options.alpha and (options.frames is not None or options.ray or options.ray_address is not None):
        raise UserError("--alpha: such a film is rendered whole and here: leave --frames and --ray away")
    return with_alpha(options.output, options.codec) if options.alpha else None


def finish_or_abort(
    window: HeadlessWindow,
) -> Callable[[type[BaseException] | None, BaseException | None, TracebackType | None], None]:
    """Return an exit callback: a finished video is kept, a broken one leaves what was there before."""

    def leave(kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        if kind is None:
            window.close()
        else:
            window.abort()

    return leave
