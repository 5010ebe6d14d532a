"""The song of the demo's show, synthesised: `python -m tools.show_song` writes presets/songs/show.ogg again.

Forty bars at 128 beats a minute, 75 seconds, numpy only, free of anybody's licence. It begins at once, with a kick. It
has a groove, a build-up with a snare roll and half a bar of nothing, a drop, a break without drums, a second build-up,
and an end that rings out. The same seed gives the same samples.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from tools.song import echo, room, write_opus
from tools.song_voices import SAMPLERATE, Samples, bass, bell, clap, fade, filtered_noise, hat, kick, pad, seconds, stab

SONG = Path(__file__).resolve().parent.parent / "presets" / "songs" / "show.ogg"

BPM = 128.0
BEAT = 60.0 / BPM
BAR = 4 * BEAT
BARS = 40
SECONDS = BARS * BAR
SECTIONS = {  # name: first bar, and the bar after its last
    "intro": (0, 4),
    "groove": (4, 12),
    "build": (12, 16),
    "drop": (16, 24),
    "break": (24, 28),
    "second build": (28, 32),
    "end": (32, 38),
    "tail": (38, 40),
}
# D minor seventh, B flat major seventh, F major, C sixth: one a bar, round and round. MIDI notes.
CHORDS = ((62, 65, 69, 72), (58, 62, 65, 69), (60, 65, 69, 72), (60, 64, 67, 69))
ROOTS = (38, 34, 41, 36)
ARPEGGIO = (0, 2, 1, 3, 2, 0, 3, 1)  # notes of the chord, an eighth each
MELODY = (  # two bars: beat, MIDI note, length in beats
    (0.0, 81, 1.0), (1.5, 79, 0.5), (2.0, 77, 1.0), (3.0, 74, 0.75),
    (4.0, 77, 0.75), (4.75, 79, 0.75), (5.5, 81, 0.5), (6.0, 84, 1.25), (7.5, 81, 0.5),
)  # fmt: skip


class Part:
    """One part: a stereo sound as long as the song."""

    def __init__(self, gain: float) -> None:
        self.gain, self.sound = gain, np.zeros((round(SECONDS * SAMPLERATE), 2))

    def play(self, at: float, voice: Samples, gain: float = 1.0, pan: float = 0.0) -> None:
        """Add ``voice`` at ``at`` seconds, from left (-1) to right (1)."""
        start = round(at * SAMPLERATE)
        voice = voice[: max(0, len(self.sound) - start)] * gain * self.gain
        self.sound[start : start + len(voice), 0] += voice * np.cos((pan + 1) * np.pi / 4)
        self.sound[start : start + len(voice), 1] += voice * np.sin((pan + 1) * np.pi / 4)


def bars(*names: str) -> Iterator[int]:
    """Yield the bars of sections, in order."""
    for name in names:
        yield from range(*SECTIONS[name])


def drums(rng: np.random.Generator) -> tuple[Part, Part, list[float]]:
    """Return kick and clap, hats, and when the kick is struck."""
    beat, hats, struck = Part(0.9), Part(0.5), list[float]()
    the_kick, the_clap, closed, opened = kick(), clap(rng), hat(rng, 0.03), hat(rng, 0.12)
    for bar in bars("intro", "groove", "drop", "end"):
        for i in range(4):
            at = bar * BAR + i * BEAT
            struck.append(at)
            beat.play(at, the_kick)
            if i % 2 and bar >= SECTIONS["groove"][0]:
                beat.play(at, the_clap, 1.2)
            for sixteenth in range(4) if bar >= SECTIONS["drop"][0] else (0, 2):
                voice, gain = (opened, 0.9) if sixteenth == 2 else (closed, 0.7 if sixteenth == 0 else 0.4)
                hats.play(at + sixteenth * BEAT / 4, voice, gain, pan=0.25)
    for first, last in (SECTIONS["build"], SECTIONS["second build"]):
        roll(beat, the_clap, the_kick, struck, first, last)
    beat.play(SECTIONS["tail"][0] * BAR, the_kick)
    struck.append(SECTIONS["tail"][0] * BAR)
    return beat, hats, struck


def roll(beat: Part, the_clap: Samples, the_kick: Samples, struck: list[float], first: int, last: int) -> None:
    """A snare roll: quarters, eighths, sixteenths, ever louder, and half a bar of nothing before ``last``."""
    end = last * BAR - 2 * BEAT
    for bar in range(first, last):
        step = BEAT if bar < first + 2 else BEAT / 2 if bar == first + 2 else BEAT / 4
        for i in range(round(BAR / step)):
            at = bar * BAR + i * step
            if at < end - 1e-6:
                beat.play(at, the_clap, 0.35 + 0.65 * (at - first * BAR) / (end - first * BAR))
        for i in range(4 if bar < first + 2 else 0):
            struck.append(bar * BAR + i * BEAT)
            beat.play(struck[-1], the_kick, 0.8)


def harmony() -> tuple[Part, Part]:
    """Return bass and stabs."""
    low, stabs = Part(0.22), Part(0.12)
    for bar in bars("groove", "drop", "end"):
        for eighth in (1, 2, 3, 5, 6, 7):  # the kick has the beat itself
            note = ROOTS[bar % 4] + 12 * (eighth % 3 == 0)
            low.play(bar * BAR + eighth * BEAT / 2, bass(note, BEAT * 0.45))
    for bar in bars("drop", "end"):
        for eighth in (0, 3, 6):
            for i, note in enumerate(CHORDS[bar % 4]):
                stabs.play(bar * BAR + eighth * BEAT / 2, stab(note + 12, 0.002 * (i - 1.5)), pan=(i - 1.5) / 2)
    return low, stabs


def arpeggio() -> Part:
    """Return the arpeggio; in the build-ups it leaps an octave after two bars."""
    plucks = Part(0.13)
    for bar in bars("intro", "groove", "build", "second build", "end"):
        rises = bar - SECTIONS["build"][0] if bar in bars("build") else bar - SECTIONS["second build"][0]
        higher = 12 if bar in {*bars("build"), *bars("second build")} and rises >= 2 else 0
        for i, which in enumerate(ARPEGGIO):
            at = bar * BAR + i * BEAT / 2
            if not (higher and rises == 3 and i >= 4):
                plucks.play(at, stab(CHORDS[bar % 4][which] + 12 + higher, 0.001), pan=0.6 * (-1) ** i)
    return plucks


def pads() -> Part:
    """Return the soft chords."""
    soft = Part(0.045)
    for bar in range(SECTIONS["tail"][0]):
        length = BAR + 0.5
        quiet = 0.6 if bar < SECTIONS["groove"][0] else 1.3 if bar in bars("break") else 1.0
        for i, note in enumerate(CHORDS[bar % 4]):
            for side in (-1, 1):
                soft.play(bar * BAR, pad(note, length, 0.0025 * side), quiet, pan=side * (0.4 + 0.15 * i))
    for note in CHORDS[0]:
        soft.play(SECTIONS["tail"][0] * BAR, pad(note, 2 * BAR, 0.002), 1.5)
    return soft


def melody() -> Part:
    """Return the lead of the drops, and the bells of the break."""
    lead = Part(0.17)
    for pair in [*_pairs("drop"), *_pairs("end")]:
        for beat, note, length in MELODY:
            lead.play(pair * BAR + beat * BEAT, bell(note, length * BEAT), 1.0, pan=-0.2)
            lead.play(pair * BAR + beat * BEAT, bell(note - 12, length * BEAT), 0.5, pan=0.2)
    for pair in _pairs("break"):
        for beat, note, length in MELODY[::2]:
            lead.play(pair * BAR + beat * BEAT, bell(note - 12, length * BEAT, 0.6), 0.5, pan=0.3)
    lead.play(SECTIONS["tail"][0] * BAR, bell(74, 2.5, 0.6), 0.8)
    return lead


def _pairs(name: str) -> Iterable[int]:
    return range(*SECTIONS[name], 2)


def risers(rng: np.random.Generator) -> Part:
    """Return noise that rises through the build-ups, and what falls on the drops."""
    part = Part(0.28)
    for first, last in (SECTIONS["build"], SECTIONS["second build"]):
        length = (last - first) * BAR - 2 * BEAT
        for low, high, begins in ((300, 1200, 0.0), (1200, 5000, 0.35), (5000, 14_000, 0.65)):
            t = np.linspace(0, 1, round(length * SAMPLERATE))
            swell = np.clip((t - begins) / (1 - begins), 0, 1) ** 2
            part.play(first * BAR, fade(filtered_noise(rng, length, low, high) * swell, 0.01, 0.01), 0.6)
        crash = filtered_noise(rng, 2.5, 900, 14_000) * np.exp(-seconds(2.5) * 1.8)
        part.play(last * BAR, fade(crash, 1e-3, 0.2), 1.1)
    return part


def ducking(struck: list[float]) -> Samples:
    """Return the gain that makes room for the kick."""
    gain, t = np.ones(round(SECONDS * SAMPLERATE)), seconds(BEAT * 0.8)
    for at in struck:
        start = round(at * SAMPLERATE)
        dip = (1 - 0.65 * np.exp(-t * 9))[: len(gain) - start]
        gain[start : start + len(dip)] *= dip
    return gain[:, None]


def compose(seed: int = 0) -> Samples:
    """Return the song, [samples, 2] in -1..1."""
    rng = np.random.default_rng(seed)
    beat, hats, struck = drums(rng)
    (low, stabs), plucks, soft = harmony(), arpeggio(), pads()
    lead, noise = melody(), risers(rng)
    dry = (low.sound + stabs.sound + plucks.sound + soft.sound) * ducking(struck)
    tune = lead.sound + 0.5 * plucks.sound
    tune = lead.sound + echo(tune, BEAT * 0.75, 0.45)
    sound = beat.sound + hats.sound + dry + tune + noise.sound
    sound += room(rng, tune + 0.6 * stabs.sound + 0.4 * dry + 0.1 * beat.sound)
    at = {name: (first * BAR, last * BAR) for name, (first, last) in SECTIONS.items()}
    nothing = [at["build"][1] - 2 * BEAT, at["second build"][1] - 2 * BEAT]
    points = [
        (0.0, 0.8), (at["groove"][0], 0.85), (at["build"][0], 0.8), (nothing[0], 0.95), (nothing[0] + 0.15, 0.12),
        (at["drop"][0] - 0.01, 0.12), (at["drop"][0], 1.1), (at["drop"][1] - 0.05, 1.1), (at["break"][0] + 0.5, 0.42),
        (at["break"][1], 0.5), (nothing[1], 0.95), (nothing[1] + 0.15, 0.12), (at["end"][0] - 0.01, 0.12),
        (at["end"][0], 1.15), (at["tail"][0] + 0.3, 1.15), (SECONDS - 0.1, 0.0), (SECONDS, 0.0),
    ]  # fmt: skip
    times, gains = np.array(points).T
    level = np.interp(seconds(SECONDS), times, gains)
    return np.asarray(0.93 * np.tanh(sound * level[:, None]))  # soft limiter


def main() -> None:
    """Write the song."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=SONG, help="the Ogg Opus file to write")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    write_opus(args.out, compose(args.seed), bitrate=88_000)
    print(f"{args.out}: {SECONDS:.0f} s, {args.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
