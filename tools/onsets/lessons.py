"""Lessons for the ears: pieces of every instrument and rhythm, to develop them with.

usage: python -m tools.onsets.lessons FOLDER FIRST LAST      (seeds; the last is not included)

Writes SEED.wav and SEED.json as tools/onsets/songs.py does, about twelve seconds each. Rhythms,
kits, instruments, tempi and timing are drawn at random, so that the songs the ears are measured
with (tools/onsets/songs.py) have other styles than those they learned from.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence

from tools.onsets.songs import BAR, BEAT, DRUMS, STEP, Piece, add_seeds, render

SECONDS = 12.0
KITS = (0, 0, 0, 8, 16, 24, 25, 32, 40)  # channel 10's programs: standard, room, power, electronic, 808, jazz, brush
KICKS, SNARES, HATS = (35, 36), (37, 38, 39, 40), (42, 42, 44, 46, 51, 53, 54, 59, 69, 70)
OTHERS = (41, 43, 45, 47, 48, 49, 50, 52, 55, 56, 57, 60, 61, 62, 63, 64, 65, 67, 75, 76, 77)
STRUCK = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    11,
    12,
    13,
    14,
    15,
    24,
    25,
    26,
    27,
    28,
    29,
    30,
    45,
    46,
    47,
    104,
    105,
    106,
    107,
    108,
    112,
    114,
    115,
)  # pianos, mallets, guitars, harp ...
HELD = (16, 17, 18, 19, 21, 22, 40, 42, 48, 50, 52, 56, 57, 60, 61, 62, 65, 66, 71, 73, 80, 81, 84, 87, 88, 90, 95)
BASSES = tuple(range(32, 40))
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 3, 5, 7, 10), (0, 2, 4, 7, 9))


def lesson(rng: random.Random) -> Piece:
    """Compose a piece: drums with or without instruments, or instruments alone."""
    kind = rng.choices(("band", "drums", "notes"), (0.45, 0.1, 0.45))[0]
    piece = Piece(rng.uniform(70.0, 178.0), kind, {})
    bars = range(0, int(SECONDS * piece.bpm / 60.0 * BEAT), BAR)
    if kind != "notes":
        piece.programs[DRUMS] = rng.choice(KITS)
        drum(rng, piece, bars)
    if kind == "band":
        line(rng, piece, bars, 0, rng.choice(BASSES), rng.randint(28, 45), 0.35)
        chords(rng, piece, bars, 1, rng.choice(HELD + STRUCK), 0.0)
        if rng.random() < 0.3:
            line(rng, piece, bars, 2, rng.choice(STRUCK), rng.randint(55, 79), 0.3)
    if kind == "notes":
        low = rng.random() < 0.3
        program = rng.choice(BASSES if low else STRUCK) if rng.random() < 0.9 else rng.choice(HELD)
        line(rng, piece, bars, 0, program, rng.randint(26, 40) if low else rng.randint(43, 76), rng.uniform(0.3, 0.6))
        if rng.random() < 0.5:
            chords(rng, piece, bars, 1, rng.choice(STRUCK + BASSES) if rng.random() < 0.9 else rng.choice(HELD), 0.1)
        if rng.random() < 0.25:
            line(rng, piece, bars, 2, rng.choice(BASSES), rng.randint(28, 42), 0.25)
    loosen(rng, piece)
    return piece


def drum(rng: random.Random, piece: Piece, bars: range) -> None:
    """Add a kick, a back beat, a ticker and now and then something else."""
    every = rng.choice((1, 2, 2, 4))
    parts = [
        (rng.choice(KICKS), rhythm(rng, 0.22), 85),
        (rng.choice(SNARES), rhythm(rng, 0.12), 75),
        (rng.choice(HATS), list(range(rng.choice((0, 0, 0, 2)) % every, 16, every)), rng.choice((40, 40, 60))),
    ]
    parts += [(rng.choice(OTHERS), rhythm(rng, 0.12), 65) for _ in range(rng.choice((0, 0, 1, 2)))]
    for part, (note, steps, velocity) in enumerate(parts):
        if part < 3 and rng.random() < 0.12:
            continue
        for bar in bars:
            if rng.random() < 0.1:
                steps = rhythm(rng, 0.2)
            for s in steps:
                add(piece, bar + s * STEP, DRUMS, note, rng.randint(velocity, velocity + 35), STEP)


def line(rng: random.Random, piece: Piece, bars: range, channel: int, program: int, root: int, busy: float) -> None:
    """Add a melody of single notes."""
    piece.programs[channel] = program
    scale, soft, legato = rng.choice(SCALES), rng.randint(50, 85), rng.choice((0.5, 1.0, 1.0, 2.0))
    for bar in bars:
        steps = rhythm(rng, busy)
        for here, following in zip(steps, [*steps[1:], 16], strict=True):
            note = root + rng.choice(scale) + 12 * (rng.random() < 0.3)
            add(
                piece,
                bar + here * STEP,
                channel,
                note,
                rng.randint(soft, min(122, soft + 40)),
                max(STEP // 2, int((following - here) * STEP * legato)),
            )


def chords(rng: random.Random, piece: Piece, bars: range, channel: int, program: int, busy: float) -> None:
    """Add chords, one a bar or more."""
    piece.programs[channel] = program
    root, soft = rng.randint(41, 62), rng.randint(50, 80)
    for bar in bars:
        steps = [0, 8] if rng.random() < busy * 4 else [0]
        shift = rng.choice((0, 0, 5, 7))
        for s in steps:
            for n in rng.choice(((0, 7, 12), (0, 4, 7), (0, 3, 7, 10))):
                add(
                    piece,
                    bar + s * STEP,
                    channel,
                    root + n + shift,
                    rng.randint(soft, soft + 20),
                    BAR // len(steps) - 20,
                )


def rhythm(rng: random.Random, busy: float) -> list[int]:
    """Return some of a bar's sixteenths, more likely the strong ones."""
    strong = {0: 3.0, 8: 2.2, 4: 1.8, 12: 1.8}
    return [s for s in range(16) if rng.random() < busy * strong.get(s, 1.2 if s % 2 == 0 else 0.7)] or [0]


def add(piece: Piece, tick: int, channel: int, note: int, velocity: int, length: int) -> None:
    """Append a note."""
    piece.notes.append((tick, channel, note, min(127, velocity), length))


def loosen(rng: random.Random, piece: Piece) -> None:
    """Swing the piece, or let the players be human."""
    swing = rng.choice((0, 0, 0, STEP // 3, STEP // 4))
    jitter = rng.choice((0.0, 0.0, 0.003, 0.008)) * piece.bpm / 60.0 * BEAT  # ticks
    piece.notes = [
        (max(0, tick + swing * (tick // STEP % 2) + round(rng.gauss(0.0, jitter))), channel, note, velocity, length)
        for tick, channel, note, velocity, length in piece.notes
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Make the lessons."""
    args = add_seeds(argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])).parse_args(argv)
    return render(lesson, args.folder, range(args.first, args.last))


if __name__ == "__main__":
    raise SystemExit(main())
