"""Songs whose onsets are known, for tools/onsets/evaluate.py: MIDI patterns played by FluidSynth.

usage: python -m tools.onsets.songs KIND FOLDER FIRST LAST      (KIND: drums, grooves, pitched or solos)

Writes SEED.wav (44.1 kHz stereo) and SEED.json = {"bpm", "style", "onsets": [s, ...], "voices": [...]}
for each seed from FIRST to below LAST; voices are what begins with each onset ("drum 42", "program 33").
Notes less than 30 ms after another count as one onset with it. The same seed makes the same song.
Needs fluidsynth and a General MIDI soundfont (Debian: fluid-soundfont-gm).
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import mido  # type: ignore[import-untyped]

SOUNDFONTS = ("/usr/share/sounds/sf2/FluidR3_GM.sf2", "/usr/share/sounds/sf2/default-GM.sf2")
BEAT = 480  # MIDI ticks
STEP = BEAT // 4  # a sixteenth
BAR, BARS = 4 * BEAT, 8
ONE_ONSET = 0.03  # seconds; notes closer together are one onset
DRUMS, KICK, SNARE, CLAP, HAT, OPEN_HAT, RIDE, TOMS = 9, 36, 38, 39, 42, 46, 51, (41, 45, 48)
MINOR = (0, 2, 3, 5, 7, 8, 10, 12, 14, 15)


@dataclass
class Piece:
    """A song in MIDI's terms; a note is (tick, channel, note, velocity, length)."""

    bpm: float
    style: str
    programs: dict[int, int]
    notes: list[tuple[int, int, int, int, int]] = field(default_factory=list)

    def onsets(self) -> list[float]:
        """Return where notes begin, in seconds."""
        seconds = 60.0 / self.bpm / BEAT
        times: list[float] = []
        for time in sorted({note[0] * seconds for note in self.notes}):
            if not times or time - times[-1] > ONE_ONSET:
                times.append(round(time, 5))
        return times

    def voices(self) -> list[str]:
        """Return what begins with each onset: one voice, or "several"."""
        seconds, times = 60.0 / self.bpm / BEAT, self.onsets()
        begun: list[set[str]] = [set() for _ in times]
        for tick, channel, note, *_ in self.notes:
            name = f"drum {note}" if channel == DRUMS else f"program {self.programs[channel]}"
            begun[bisect_right(times, tick * seconds + 1e-4) - 1].add(name)
        return [names.pop() if len(names) == 1 else "several" for names in begun]


def drums(rng: random.Random) -> Piece:
    """Compose a groove with a bass line and a chord a bar."""
    style = rng.choice(["house", "backbeat", "shuffle", "sparse"])
    piece = Piece(
        rng.choice([88, 96, 110, 122, 126, 134, 150, 174]),
        style,
        {0: rng.choice([32, 33, 34, 38]), 1: rng.choice([0, 5, 16, 50, 52, 88, 91])},
    )
    kicks, backs = {
        "house": ([0, 4, 8, 12], [4, 12]),
        "backbeat": ([0, 6, 8], [4, 12]),
        "shuffle": ([0, 3, 8, 11], [4, 12, 14]),
        "sparse": ([0, 10], [8]),
    }[style]
    back, ticker, every = rng.choice([SNARE, CLAP]), rng.choice([HAT, HAT, RIDE]), rng.choice([1, 2, 2, 4])
    root = rng.randint(33, 45)
    for start in range(0, BARS * BAR, BAR):
        piece.notes += [(start + s * STEP, DRUMS, KICK, rng.randint(92, 122), STEP) for s in kicks]
        piece.notes += [(start + s * STEP, DRUMS, back, rng.randint(82, 116), STEP) for s in backs]
        piece.notes += [
            (start + s * STEP, DRUMS, OPEN_HAT if rng.random() < 0.1 else ticker, rng.randint(45, 88), STEP)
            for s in range(0, 16, every)
        ]
        piece.notes += [
            (start + s * STEP, 0, root + rng.choice([0, 0, 3, 7, 12]), rng.randint(78, 106), 2 * STEP)
            for s in rng.choice([[0, 8], [0, 6, 10], [0, 3, 8, 14]])
        ]
        piece.notes += [(start, 1, root + n, 68, BAR - 20) for n in (24, 27, 31)]
        if rng.random() < 0.3:
            piece.notes += [(start + s * STEP, DRUMS, rng.choice(TOMS), 100, STEP) for s in (13, 14, 15)]
    return piece


def pitched(rng: random.Random) -> Piece:
    """Compose a melody without drums, with chords under it for piano and mixed instruments."""
    style = rng.choice(["piano", "pluck", "bass", "mixed"])
    melody = {"piano": [0, 1, 4], "pluck": [12, 24, 25, 45, 46], "bass": [32, 33, 34, 38], "mixed": [0, 11, 24, 46]}
    piece = Piece(
        rng.choice([72, 84, 96, 110, 120, 132]), style, {0: rng.choice(melody[style]), 1: rng.choice([0, 4, 32])}
    )
    root = rng.randint(45, 57) - (24 if style == "bass" else 0)
    for start in range(0, BARS * BAR, BAR):
        for s in rng.choice([[0, 4, 8, 12], list(range(0, 16, 2)), [0, 3, 6, 8, 11, 14], [0, 4, 6, 8, 12, 14]]):
            length = rng.choice([1, 2, 3]) * STEP * (1 if style == "bass" else 2)
            piece.notes.append((start + s * STEP, 0, root + rng.choice(MINOR), rng.randint(60, 110), length))
        if style in ("piano", "mixed"):
            piece.notes += [
                (start + s * STEP, 1, root - 12 + n, rng.randint(55, 85), 7 * STEP) for s in (0, 8) for n in (0, 7, 12)
            ]
    return piece


def grooves(rng: random.Random) -> Piece:
    """Compose a groove of other rhythms, kits and instruments than drums()."""
    kicks, backs, ticks = rng.choice(
        [
            ([0, 3, 4, 7, 8, 11, 12, 15], [3, 6, 11, 14], [0, 4, 8, 12]),
            ([0, 2, 10], [4, 7, 9, 12, 15], range(0, 16, 2)),
            ([0, 6, 10], [4, 12], range(16)),
            ([0, 8], [4, 10, 12], [2, 6, 10, 14]),
            ([0, 5, 8, 13], [2, 6, 10, 14], []),
            ([0, 7, 10], [8], [0, 3, 6, 8, 11, 14]),
            ([0, 4, 8, 12], [4, 12], [2, 6, 10, 14]),
        ]
    )
    piece = Piece(
        round(rng.uniform(78.0, 176.0), 1),
        "groove",
        {
            0: rng.choice([32, 33, 35, 37, 39]),
            1: rng.choice([1, 4, 17, 48, 51, 61, 81, 89, 95]),
            DRUMS: rng.choice([0, 0, 8, 16, 24, 25]),
        },
    )
    kick, back, ticker = rng.choice([35, 36]), rng.choice([37, 38, 39, 40]), rng.choice([42, 44, 54, 59, 70, 82])
    root, line, accent = rng.randint(31, 43), sorted(rng.sample(range(16), rng.randint(2, 5))), rng.random() < 0.5
    for start in range(0, BARS * BAR, BAR):
        piece.notes += [(start + s * STEP, DRUMS, kick, rng.randint(85, 124), STEP) for s in kicks]
        piece.notes += [(start + s * STEP, DRUMS, back, rng.randint(75, 118), STEP) for s in backs]
        piece.notes += [
            (start + s * STEP, DRUMS, ticker, 45 + 25 * (accent and s % 4 == 2) + rng.randint(0, 25), STEP)
            for s in ticks
        ]
        piece.notes += [(start + s * STEP, 0, root + rng.choice(MINOR), rng.randint(72, 110), STEP) for s in line]
        piece.notes += [(start, 1, root + n, rng.randint(55, 75), BAR - 20) for n in (24, 31, 36)]
    return piece


def solos(rng: random.Random) -> Piece:
    """Compose a line for one piano, plucked or bass instrument, now and then two notes at once."""
    style, programs, lowest = rng.choice(
        [
            ("piano", [0, 1, 2, 3, 4, 5], 48),
            ("pluck", [6, 7, 13, 24, 25, 26, 27, 45, 46, 104, 106, 107], 48),
            ("bass", [32, 33, 34, 35, 36, 37, 38, 39], 28),
        ]
    )
    piece = Piece(round(rng.uniform(66.0, 138.0), 1), style, {0: rng.choice(programs)})
    root, soft = lowest + rng.randint(0, 12), rng.randint(50, 80)
    scale = rng.choice([MINOR, (0, 2, 4, 7, 9, 12, 14, 16)])
    for start in range(0, BARS * BAR, BAR):
        steps = sorted({0, *rng.sample(range(0, 16, rng.choice([1, 2, 2])), rng.randint(3, 7))})
        for here, following in zip(steps, [*steps[1:], 16], strict=True):
            length = max(STEP // 2, round((following - here) * STEP * rng.choice([0.5, 0.9, 1.5])))
            chord = (0, 7) if style != "bass" and rng.random() < 0.2 else (0,)
            note, velocity = root + rng.choice(scale), rng.randint(soft, soft + 35)
            piece.notes += [(start + here * STEP, 0, note + n, velocity, length) for n in chord]
    return piece


KINDS: dict[str, Callable[[random.Random], Piece]] = {
    "drums": drums,
    "grooves": grooves,
    "pitched": pitched,
    "solos": solos,
}


def midi_file(piece: Piece) -> mido.MidiFile:
    """Return a piece as a MIDI file of one track."""
    events = [(0, mido.Message("program_change", channel=c, program=p)) for c, p in piece.programs.items()]
    for tick, channel, note, velocity, length in piece.notes:
        events.append((tick, mido.Message("note_on", channel=channel, note=note, velocity=velocity)))
        events.append((tick + length, mido.Message("note_off", channel=channel, note=note)))
    events.sort(key=lambda event: event[0])
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(piece.bpm))])
    now = 0
    for tick, message in events:
        track.append(message.copy(time=tick - now))
        now = tick
    file = mido.MidiFile(ticks_per_beat=BEAT)
    file.tracks.append(track)
    return file


def render(compose: Callable[[random.Random], Piece], out: Path, seeds: Iterable[int]) -> int:
    """Write what ``compose`` makes of each seed as sound and truth; return an exit code."""
    soundfont = next((path for path in SOUNDFONTS if Path(path).is_file()), None)
    if soundfont is None:
        print("no General MIDI soundfont: apt-get install fluidsynth fluid-soundfont-gm", file=sys.stderr)
        return 2
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        score = Path(scratch) / "song.mid"
        for seed in seeds:
            piece = compose(random.Random(seed))
            midi_file(piece).save(score)
            subprocess.run(
                [
                    "fluidsynth",
                    "-ni",
                    "-g",
                    "0.6",
                    "-r",
                    "44100",
                    "-F",
                    str(out / f"{seed}.wav"),
                    soundfont,
                    str(score),
                ],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            truth = {"bpm": piece.bpm, "style": piece.style, "onsets": piece.onsets(), "voices": piece.voices()}
            (out / f"{seed}.json").write_text(json.dumps(truth))
    return 0


def add_seeds(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Let ``parser`` take a folder and a range of seeds; return it."""
    parser.add_argument("folder", type=Path, help="where the songs are written")
    parser.add_argument("first", type=int, help="the first seed")
    parser.add_argument("last", type=int, help="the seed at which it stops; not included")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Make the songs of one kind."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kind", choices=KINDS)
    args = add_seeds(parser).parse_args(argv)
    return render(KINDS[args.kind], args.folder, range(args.first, args.last))


if __name__ == "__main__":
    raise SystemExit(main())
