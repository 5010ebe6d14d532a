"""``vj render --ray``: what the farm needs to know of a film, its progress, and the film made of its parts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.borders.errors import UserError
from engine.borders.sound import Sound
from engine.cli import farm, farm_worker, join, own_files, replay
from engine.cli.ranges import Ranges
from engine.cli.render import RenderOptions, film_of
from engine.cli.say import drawing, say, voice
from engine.gesture.reader import read
from engine.show.opening import open_song
from engine.show.table import table_of
from engine.stage.recording import joined, part
from engine.system import resources
from engine.system.files import expanded

DROPPED = {"--ray": 1, "--ray-address": 2, "-o": 2, "--output": 2, "--trace": 2}  # words that a node does not get
NAMES = ("song", "preset", "model", "replay", "shaders", "video_in")  # the arguments whose files a node needs


@dataclass(frozen=True, slots=True)
class Film:
    """A film before it is made: its frames, what it is made from, its sound."""

    frames: int
    fps: float
    made_from: dict[str, str]
    sound: Sound | None
    begins: int  # the sample at the first frame


def render_on_farm(options: RenderOptions, words: Sequence[str], given: dict[str, object]) -> int:
    """Render by a cluster; return the exit code."""
    from rich import progress
    from rich.console import Console

    film = open_replayed(options, options.replay) if options.replay is not None else open_sung(options)
    folder = options.output.with_name(f"{options.output.name}.parts")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made ({error.strerror}): choose another place for the film") from error
    ranges = Ranges(film.frames, least=max(1, round(farm.LEAST_SECONDS * film.fps)))
    before = farm.made_before(folder, film.made_from, film.frames)
    ranges.made = {each.frames for _, each in before}
    if before:
        say(f"{folder}: {ranges.done} of {film.frames} frames are there already")
    if ranges.done < film.frames:
        voice.begin(foreign=True)
        ray = farm.load_ray(options.ray_address)
        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[left]}"),
        )
        try:
            with progress.Progress(*columns, console=Console(file=drawing())) as bar:
                shown = bar.add_task(f"render {options.output}", total=film.frames, completed=ranges.done, left="")

                def tell(done: int, left: float | None) -> None:
                    bar.update(shown, completed=done, left="" if left is None else f"{left:.0f} s left")

                files = _files(given)
                farm.Farm(
                    ray=ray,
                    ranges=ranges,
                    folder=folder,
                    words=_forwarded(words),
                    traced=options.trace is not None,
                    files={str(path): farm_worker.digest(path) for path in files},
                    expected=film.made_from,
                    tell=say,
                    progress=tell,
                    sent=ray.put({str(path): path.read_bytes() for path in files}),
                ).run()
        finally:
            ray.shutdown()
    return _complete(options, film, folder)


def _complete(options: RenderOptions, film: Film, folder: Path) -> int:
    """Join the parts to the film, and remove them."""
    made = farm.made_before(folder, film.made_from, film.frames)
    parts = join.in_order([(path, part.read(path)) for path, _ in made])
    for line in join.mixed(parts):
        say(line)
    if options.trace is not None:
        farm.join_traces(folder, [each.frames for _, each in parts], options.trace)
    frames = joined.join(parts, options.output, film.sound, film.begins)
    farm.clear(folder)
    say(f"{options.output}: {frames} frames of {len(parts)} parts")
    return 0


def open_sung(options: RenderOptions) -> Film:
    """Return the film of a song."""
    song = open_song(options.song)
    frames, fps, made = film_of(options, song)
    return Film(frames, fps, made, song, 0)


def open_replayed(options: RenderOptions, log: Path) -> Film:
    """Return the film of a performance."""
    performance = read(log, table_of(options.shaders, say))
    frames, fps, made = replay.film_of(options, performance)
    return Film(frames, fps, made, *replay.open_sound(options, performance, say))


def _forwarded(words: Sequence[str]) -> tuple[str, ...]:
    """Return the words that a node renders by: those of the command line, but for where the film goes."""
    kept: list[str] = []
    skip = 0
    for word in words:
        flag = word.partition("=")[0]
        if skip:
            skip -= 1
        elif flag in DROPPED:
            skip = 0 if "=" in word else DROPPED[flag] - 1
        else:
            path = not word.startswith("-") and bool({"/", os.sep, "."} & {*word}) and expanded(word).exists()
            kept.append(str(expanded(word).absolute()) if path else word)
    return tuple(kept)


def _files(given: dict[str, object]) -> list[Path]:
    """Return the files that a node needs and that do not come with the engine."""
    shipped = [resources.resource(folder).resolve() for folder in ("presets", "shaders")]
    named = own_files.named({name: given.get(name) for name in NAMES})
    found = dict.fromkeys(use.path.absolute() for use in named if use.path.is_file())
    return [path for path in found if not any(path.resolve().is_relative_to(folder) for folder in shipped)]
