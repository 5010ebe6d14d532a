"""``vj join``: the parts of a film, made anywhere, to the film; the pictures are copied, not encoded again."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.audio.songs.song import AnySong
from engine.borders.errors import UserError
from engine.borders.sound import Sound
from engine.cli import arguments
from engine.cli.say import say
from engine.show.opening import open_song
from engine.show.table import table_of
from engine.stage.recording import joined, part
from engine.stage.recording.part import Part
from engine.system.files import fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinOptions:
    """The options of a join."""

    parts: tuple[Path, ...]
    output: Path
    song: str | None = None
    shaders: Path | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``vj join`` takes."""
    parser.add_argument(
        "parts", nargs="+", type=arguments.path, metavar="PART", help="what vj render --frames made, in any order"
    )
    parser.add_argument("-o", "--output", type=arguments.path, required=True, metavar="FILM")
    parser.add_argument("--song", metavar="SONG", help="where the film's song lies here, if it is not where it was")
    parser.add_argument("--shaders", type=arguments.path, metavar="DIR", help="as for the parts: your own passes")


def run(args: argparse.Namespace) -> int:
    """Check the parts, join them."""
    options = arguments.filled(args, JoinOptions, {"parts", "output", "song", "shaders"})
    if options.shaders is not None and not options.shaders.is_dir():
        raise UserError(f"--shaders {options.shaders}: there is no such folder")
    parts = in_order([(path, part.read(path)) for path in options.parts])
    for line in mixed(parts):
        say(line)
    sound, begins = open_sound(options, parts[0][1])
    frames = joined.join(parts, options.output, sound, begins)
    say(f"{options.output}: {frames} frames of {len(parts)} parts")
    return 0


def in_order(parts: Sequence[tuple[Path, Part]]) -> list[tuple[Path, Part]]:
    """Return the parts in the film's order; UserError where one is missing, is there twice or is of another film."""
    first = min(parts, key=lambda each: each[1].frames)
    for path, each in parts:
        others = sorted(
            what
            for what in {*first[1].made_from, *each.made_from}
            if first[1].made_from.get(what) != each.made_from.get(what)
        )
        if others or (each.of, each.fps) != (first[1].of, first[1].fps):
            why = f"made from another {' and another '.join(others)}" if others else "a film of another length"
            raise UserError(f"{path}: is of another render than {first[0]}, {why}: make it again")
    due, before = 0, first[0]
    found = sorted(parts, key=lambda each: each[1].frames)
    for path, each in found:
        begin, end = each.frames
        if begin > due:
            raise UserError(f"frames {due}:{begin} are missing before {path}: vj render … --frames {due}:{begin}")
        if begin < due:
            raise UserError(f"{path}: frames {begin}:{min(due, end)} are in {before} as well: leave one of the two out")
        due, before = end, path
    whole = first[1].of
    if due < whole:
        raise UserError(f"frames {due}:{whole} are missing after {before}: vj render … --frames {due}:{whole}")
    return found


def mixed(parts: Sequence[tuple[Path, Part]]) -> list[str]:
    """Return a line for everything in which the machines of the parts differ: their pictures may, too."""
    lines = []
    for what in {key: None for _, each in parts for key in each.kind}:
        found: dict[str, list[str]] = {}
        for path, each in parts:
            found.setdefault(each.kind.get(what, "unknown"), []).append(path.name)
        if len(found) > 1:
            listed = "; ".join(f"{value}: {', '.join(names)}" for value, names in found.items())
            lines.append(f"parts of different kinds, pictures may differ at their seams: {what} {listed}")
    return lines


def open_sound(options: JoinOptions, told: Part) -> tuple[Sound | None, int]:
    """Return the film's sound, and its sample at the first frame; UserError where it is another than then."""
    song = options.song or told.sound.get("song")
    if "replay" in told.sound:
        from engine.cli import replay
        from engine.cli.render import RenderOptions
        from engine.gesture.reader import read

        log = Path(told.sound["replay"])
        given = RenderOptions(output=options.output, song=song, replay=log, shaders=options.shaders)
        performance = read(log, table_of(options.shaders, say))
        _check("gesture log", log, told.made_from.get("log"))
        return replay.open_sound(given, performance, say)
    found: AnySong = open_song(song)
    _check("song", found.path, told.made_from.get("song"))
    return found, 0


def _check(what: str, path: Path, digest: str | None) -> None:
    if fingerprint(path) != digest:
        raise UserError(f"{path}: is another {what} than the one that the parts were made from")
