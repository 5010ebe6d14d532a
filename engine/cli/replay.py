"""The opening of ``vj render --replay``: a gesture log performed again, offline, at any size and frame rate.

With the ticks of the log every frame has the very latents it had; with another frame rate the sound's hops come
at their own times, the hands and the cues at the first tick that is not before theirs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from engine.audio.songs import song as songs
from engine.audio.songs.edited import EditedSong
from engine.borders.contracts import Model
from engine.borders.errors import UserError
from engine.borders.made import Before
from engine.borders.options import ShowOptions, size_of
from engine.borders.params import Table
from engine.borders.sound import Sound
from engine.borders.tick import Tick
from engine.cli.made_from import kind_of, made_from
from engine.cli.render import Progress, RenderOptions, alpha_of, finish_or_abort, open_film, open_film_meter
from engine.cli.stretch import Film, Stretch
from engine.control.routing.desk import Desk
from engine.gesture.players import ExactEars, LogClock, LogCues, LogEars, LogHands, LogJoins, Proof
from engine.gesture.reader import Performance, read
from engine.rig import assemble
from engine.show.latch import drawn
from engine.show.open_video import open_film_in, video_of
from engine.show.open_window import VIDEO_SIZE, fill_wall
from engine.show.opening import find_model, open_model, open_song
from engine.show.parts import Parts
from engine.show.table import playing_table, table_of
from engine.stage.operator.notices import Notices
from engine.stage.recording.part import Part
from engine.stage.windows.video_file import VideoWindow
from engine.system.files import fingerprint, is_file, media


def film_of(options: RenderOptions, performance: Performance) -> tuple[int, float, dict[str, str]]:
    """Return how many frames the film of ``performance`` has, how many a second, and what its parts are made from."""
    clock = LogClock(performance.frames, options.fps, options.seconds)
    fps, size = options.fps or _usual_rate(clock), size_of(options, VIDEO_SIZE)
    rate = str(Fraction(fps).limit_denominator(1001))
    presets = [performance.preset, *(cue.preset for cue in performance.cues)]
    given = fill_wall(_options(options, performance), size)
    return clock.frames, fps, made_from(given, presets, rate, size, log=performance.path, video=video_of(options))


def open_replay(
    options: RenderOptions,
    log: Path,
    progress: Progress,
    notify: Callable[[str], None],
    stretch: Stretch | None = None,
) -> Film[Proof | None]:
    """Open a gesture log, its model and a video file; the proof is there where the ticks are the log's own.

    ``stretch`` None is the whole film. UserError names what is missing.
    """
    alpha, table = alpha_of(options), table_of(options.shaders, notify)
    performance = read(log, table)
    frames, given = performance.frames, _options(options, performance)
    clock = LogClock(frames, options.fps, options.seconds)
    sound, begins = open_sound(options, performance, notify)
    fps, size = options.fps or _usual_rate(clock), size_of(options, VIDEO_SIZE)
    ticks: Sequence[Tick] = tuple(clock)
    ends, before = None if options.fps else clock.ends, Before()
    if stretch is not None:
        ticks, before = stretch.split(ticks)
    with contextlib.ExitStack() as stack:
        own = ends if stretch is None or ends is None else _own_ends(ends, stretch)
        window = open_film(options.output, size, fps, stretch, sound, begins, len(ticks), own, alpha)
        stack.push(finish_or_abort(window))
        given, video = fill_wall(given, size), open_film_in(options)
        if video is not None:
            stack.callback(video.close)
        model = open_model(given, performance.preset) if stretch is None or stretch.model is None else stretch.model
        playing = _check_rows(given, performance, table, model)
        model.settle()  # one backend from the first frame to the last
        _compare_models(given, performance, notify)
        part = None
        if stretch is not None:
            rate = str(Fraction(fps).limit_denominator(1001))
            presets = [performance.preset, *(cue.preset for cue in performance.cues)]
            part = Part(
                frames=(stretch.begin, stretch.end),
                of=clock.frames,
                fps=rate,
                made_from=made_from(given, presets, rate, size, log=log, video=video_of(options)),
                kind=kind_of(model, window),
                sound={"replay": str(log.absolute())} | ({"song": options.song} if options.song else {}),
                ends=None if ends is None else ends[stretch.begin : stretch.end],
            )
            if isinstance(window, VideoWindow):
                window.tag(part.tags())
        exact = not options.fps
        proof = Proof(frames) if exact else None
        then = performance.head["options"]
        rig = assemble(
            Parts(
                options=given,
                preset=performance.preset,
                table=table,
                model=model,
                window=window,
                ears=ExactEars(frames) if exact else LogEars(frames),
                hands=LogHands(frames, exact),
                desk=Desk(performance.preset, playing, given.seed or 0, then["takeover"], drawn=drawn),
                logged=frames if exact else (),
                clock=progress(ticks, len(ticks)),
                before=before,
                meter=open_film_meter(options, window, stretch),
                past=partial(LogCues, performance.cues, frames, exact),
                joined=partial(LogJoins, performance.joins, frames, exact),
                watch=None if proof is None else proof.watch,
                notices=Notices(notify),
                attended=False,
                film=True,
                video=video,
                stack=stack.pop_all(),
            )
        )
        return Film(rig, proof, part)


def _own_ends(ends: Sequence[float], stretch: Stretch) -> list[float]:
    """Return when the frames of a stretch end, in seconds from its beginning."""
    begins = ends[stretch.begin - 1] if stretch.begin else 0.0
    return [end - begins for end in ends[stretch.begin : stretch.end]]


def open_sound(
    options: RenderOptions, performance: Performance, notify: Callable[[str], None]
) -> tuple[Sound | None, int]:
    """Return the sound of SONG if given, else what was played or recorded then, and its sample at the first frame."""
    begin = performance.frames[0].tick.time
    if options.song is not None:
        song = open_song(options.song)
        return song, round(_head_start(options, performance) * song.samplerate)
    if performance.head.get("song"):
        song = open_song(performance.head["song"])
        edited = EditedSong(song)
        for passage in performance.passages:
            edited.edit(passage)
        return edited if performance.passages else song, round(begin * song.samplerate)
    for path, at in performance.recordings:
        if is_file(path):
            song = songs.load(path)
            return song, round((begin - at + _first_picture(path)) * song.samplerate)
    notify("no sound was recorded with this log: the film is silent; name a SONG to give it one")
    return None, 0


def _head_start(options: RenderOptions, performance: Performance) -> float:
    """Return the second of the song at which the first frame was: a rehearsal's own song began before it."""
    same = options.song is not None and options.song == performance.head.get("song")
    return performance.frames[0].tick.time if same else 0.0


def _first_picture(path: Path) -> float:
    """Return when a recording's first picture is seen, in seconds of the file: the encoder of its sound runs ahead."""
    import av

    with av.open(media(path)) as container:
        stream = container.streams.video[0] if container.streams.video else None
        if stream is None or stream.start_time is None or stream.time_base is None:
            return 0.0
        return float(stream.start_time * stream.time_base)


def _options(options: RenderOptions, performance: Performance) -> RenderOptions:
    """Return ``options`` with what the performance was given, where the command line does not say otherwise."""
    then = performance.head["options"]
    if options.preset != ShowOptions().preset:
        raise UserError(f"--preset {options.preset}: {performance.path} has its own presets; leave --preset away")
    return replace(
        options,
        model=options.model or then["model"],
        seed=options.seed if options.seed is not None else then["seed"],
    )


def _check_rows(options: RenderOptions, performance: Performance, base: Table, model: Model) -> Table:
    """Return the table of the first preset; UserError when a preset of the log names a row that nothing brings.

    Another model is opened for this only where a preset names rows beyond ``base``.
    """
    models = {options.model or performance.preset.model: model}
    try:
        for cue in performance.cues:
            wanted = cue.preset
            name = options.model or wanted.model
            if name not in models and base.keys() >= {*wanted.params, *(route.target for route in wanted.routes)}:
                continue
            if name not in models:
                models[name] = open_model(options, wanted)
            playing_table(base, options.shaders, models[name], wanted)
        return playing_table(base, options.shaders, model, performance.preset)
    except UserError as error:
        raise UserError(f"{performance.path}: a preset of this log cannot be played: {error}") from error


def _usual_rate(clock: LogClock) -> float:
    """Return the frames a second that the performance had, for the encoder."""
    gaps = np.diff([tick.time for tick in clock])
    middle = float(np.median(gaps)) if len(gaps) else 0.0
    return min(max(1.0 / middle, 1.0), 240.0) if middle > 0.0 else 30.0


def _compare_models(options: RenderOptions, performance: Performance, notify: Callable[[str], None]) -> None:
    """Say so when the model's file is another than then."""
    path = find_model(options.model or performance.preset.model)
    if fingerprint(path) != performance.head["model"]["digest"]:
        notify(f"{path}: is another model than the performance's: the pictures will be, too")
