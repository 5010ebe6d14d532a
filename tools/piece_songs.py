"""The songs of the two pieces, synthesised: `python -m tools.piece_songs` writes duet.ogg and visualizer.ogg again.

Numpy only, free of anybody's licence; the same seed gives the same samples. Each is laid out for its preset:

- ``duet``, for the singer's desktop: a voice sings three phrases of three bars at 96 beats a minute. After each phrase
  comes a bar in which nothing sounds, and the picture between the terminals settles by its spring.
- ``visualizer``, for the fruit visualizer: sixteen bars at 120 beats a minute, four to a part. In the first the volume
  swells and falls and drives the travel, the second is drawn out (slit-scan), the third goes round and round
  (rotation), the fourth is chopped (slices).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tools.song import echo, room, write_opus
from tools.song_voices import SAMPLERATE, Samples, bass, bell, clap, fade, filtered_noise, hat, hertz, kick, pad, stab
from tools.song_voices import seconds as times_of

SONGS = Path(__file__).resolve().parent.parent / "presets" / "songs"

DUET_BPM, VISUALIZER_BPM = 96.0, 120.0
DUET_BARS, VISUALIZER_BARS = 12, 16
PHRASE_BARS, PERIOD_BARS = 3, 4  # bars: those that are sung, those from one phrase to the next
PART_BARS = 4  # bars of a part of `visualizer`
PARTS = ("drive", "scan", "turn", "cut")
# A minor seventh, F major seventh, C major seventh, G sixth: MIDI notes.
CHORDS = ((57, 60, 64, 67), (53, 57, 60, 64), (55, 60, 64, 71), (55, 59, 62, 64))
ROOTS = (33, 29, 36, 31)
FORMANTS = {  # of a sung vowel: Hz, relative strength
    "a": ((800, 1.0), (1150, 0.6), (2900, 0.2)),
    "o": ((450, 1.0), (800, 0.5), (2830, 0.1)),
    "e": ((400, 1.0), (1700, 0.4), (2600, 0.25)),
    "u": ((325, 1.0), (700, 0.3), (2530, 0.05)),
}
PHRASES = (  # beat, MIDI note, length in beats, vowel
    ((0, 69, 1.4, "a"), (1.5, 72, 1, "o"), (2.5, 71, 1.4, "e"), (4, 69, 1.9, "a"), (6, 67, 1, "o"), (7, 64, 0.9, "u"),
     (8, 67, 1, "e"), (9, 69, 2.8, "a")),
    ((0.5, 72, 1, "o"), (1.5, 74, 1, "a"), (2.5, 76, 1.4, "a"), (4, 74, 1, "e"), (5, 72, 1.9, "o"), (7, 71, 0.9, "u"),
     (8, 72, 1.4, "a"), (9.5, 69, 2.3, "o")),
    ((0, 76, 1.9, "a"), (2, 74, 0.9, "e"), (3, 72, 0.9, "o"), (4, 76, 1.4, "a"), (5.5, 79, 1.4, "a"), (7, 77, 0.9, "e"),
     (8, 76, 1, "a"), (9, 72, 0.9, "o"), (10, 69, 1.8, "u")),
)  # fmt: skip


class Song:
    """A stereo sound of a number of bars, to which voices are added."""

    def __init__(self, bpm: float, bars: int) -> None:
        self.beat, self.bar = 60.0 / bpm, 240.0 / bpm  # seconds
        self.seconds = bars * self.bar
        self.dry = np.zeros((round(self.seconds * SAMPLERATE), 2))
        self.sent = np.zeros_like(self.dry)  # what rings in the room

    def play(self, at: float, voice: Samples, gain: float, pan: float = 0.0, sent: float = 0.0) -> None:
        """Add ``voice`` at ``at`` seconds, from left (-1) to right (1); ``sent`` is the room's share."""
        start = round(at * SAMPLERATE)
        voice = voice[: max(0, len(self.dry) - start)] * gain
        for side, share in enumerate((np.cos((pan + 1) * np.pi / 4), np.sin((pan + 1) * np.pi / 4))):
            self.dry[start : start + len(voice), side] += voice * share
            self.sent[start : start + len(voice), side] += voice * share * sent


def sung(note: int, before: int, length: float, vowel: str) -> Samples:
    """Return a sung note that comes from the note ``before``: harmonics under a vowel's formants, with vibrato."""
    t = times_of(length)
    glide = np.exp(-t / 0.05) * (before - note)
    pitch = hertz(note) * 2.0 ** ((glide + 0.25 * np.sin(2 * np.pi * 5.3 * t) * np.clip(2 * t - 0.4, 0, 1)) / 12)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLERATE
    voice = np.zeros_like(t)
    for k in range(1, int(4500 / hertz(note)) + 1):
        strength = sum(s * np.exp(-0.5 * ((k * hertz(note) - f) / 140) ** 2) for f, s in FORMANTS[vowel])
        voice += np.sin(k * phase) * (strength + 0.12 / k)
    return fade(voice, 0.04, 0.09)


def duet(seed: int = 0) -> Samples:
    """Return the singer's song, [samples, 2] in -1..1: three phrases, each followed by a bar of nothing."""
    song, rng = Song(DUET_BPM, DUET_BARS), np.random.default_rng(seed)
    the_kick, the_clap, closed = kick(), clap(rng), hat(rng, 0.03)
    for number, phrase in enumerate(PHRASES):
        first, before = number * PERIOD_BARS, phrase[0][1] - 3
        for beat, note, length, vowel in phrase:
            song.play(first * song.bar + beat * song.beat, sung(note, before, length * song.beat, vowel), 0.2, 0.0, 0.6)
            before = note
        for bar in range(first, first + PHRASE_BARS):
            at = bar * song.bar
            for i, note in enumerate(CHORDS[bar % 4]):
                song.play(at, pad(note, song.bar, 0.002), 0.03, (i - 1.5) / 2, 0.4)
                for eighth in (0, 3, 6):
                    song.play(at + eighth * song.beat / 2, stab(note + 12, 0.001), 0.03, (1.5 - i) / 2, 0.4)
            for beat in (0.0, 1.5, 2.0):
                song.play(at + beat * song.beat, the_kick, 0.6)
                song.play(at + beat * song.beat, bass(ROOTS[bar % 4] + 12, song.beat * 0.9), 0.16)
            for beat in (1, 3):
                song.play(at + beat * song.beat, the_clap, 0.45, 0.0, 0.15)
            for eighth in range(8):
                song.play(at + eighth * song.beat / 2, closed, 0.2, 0.3)
    sound = song.dry + room(rng, song.sent, 0.5)
    for number in range(len(PHRASES)):  # the bar after a phrase is silent but for the room's last breath
        end = (number * PERIOD_BARS + PHRASE_BARS) * song.bar
        after = np.clip((times_of(song.seconds) - end) / 0.35, 0.0, 1.0)
        inside = (times_of(song.seconds) >= end) & (times_of(song.seconds) < end + song.bar)
        sound *= np.where(inside, 1.0 - after, 1.0)[:, None]
    return np.asarray(0.93 * np.tanh(1.15 * sound))


def drive(song: Song, bar: int, rng: np.random.Generator) -> None:
    """Add a bar in which everything swells to its third beat and falls back: the volume is what is seen."""
    swell = np.interp(times_of(song.bar), [0, 0.55 * song.bar, 0.8 * song.bar, song.bar], [0.1, 1.0, 0.5, 0.1]) ** 2
    for i, note in enumerate(CHORDS[bar % 4]):
        for detune in (-0.003, 0.003):
            song.play(bar * song.bar, pad(note, song.bar, detune) * swell, 0.1, (i - 1.5) / 2, 0.3)
    song.play(bar * song.bar, filtered_noise(rng, song.bar, 200, 4000) * swell, 0.12)
    for beat, gain in ((0.0, 0.35), (1.0, 0.6), (2.0, 0.9), (2.5, 0.8), (3.0, 0.4)):
        song.play(bar * song.bar + beat * song.beat, kick(), gain)
        song.play(bar * song.bar + beat * song.beat, bass(ROOTS[bar % 4] + 12, song.beat * 0.9), 0.22 * gain)


def scan(song: Song, bar: int, rng: np.random.Generator) -> None:
    """Add a bar of long notes that slide: time is drawn out."""
    t = times_of(2 * song.bar)
    for i, note in enumerate(CHORDS[bar % 4]):
        song.play(bar * song.bar, pad(note, song.bar + 0.6, 0.002), 0.07, (i - 1.5) / 2, 0.5)
    if bar % 2 == 0:
        slide = hertz(69) * 2.0 ** (np.interp(t, [0, t[-1]], [0.0, 7.0]) / 12)
        song.play(bar * song.bar, fade(np.sin(2 * np.pi * np.cumsum(slide) / SAMPLERATE), 0.3, 0.4), 0.1, 0.0, 0.6)
    for beat in (0.0, 2.0):
        song.play(bar * song.bar + beat * song.beat, kick(), 0.55)
    song.play(bar * song.bar, bass(ROOTS[bar % 4] + 12, song.bar), 0.2)
    song.play(bar * song.bar, filtered_noise(rng, song.bar, 3000, 9000) * np.linspace(0, 1, len(t) // 2), 0.05)


def turn(song: Song, bar: int, rng: np.random.Generator) -> None:
    """Add a bar of sixteenths that run round the listener, up and down."""
    closed = hat(rng, 0.03)
    for i in range(16):
        at, angle = bar * song.bar + i * song.beat / 4, 2 * np.pi * i / 16
        note = CHORDS[bar % 4][(0, 1, 2, 3, 3, 2, 1, 0)[i % 8]] + 12 * (1 + (i // 8 + bar) % 2)
        song.play(at, stab(note, 0.001), 0.15, float(np.sin(angle)), 0.4)
        song.play(at, closed, 0.25, float(np.cos(angle)))
        if i % 4 == 0:
            song.play(at, kick(), 0.8)
        elif i % 2 == 0:
            song.play(at, bass(ROOTS[bar % 4] + 12, song.beat * 0.45), 0.2)


def cut(song: Song, bar: int, rng: np.random.Generator) -> None:
    """Add a bar of chopped chords, hard and with holes, and a bell over it."""
    the_clap, opened = clap(rng), hat(rng, 0.12)
    for i in (0, 3, 4, 6, 8, 10, 11, 14, *((12, 13, 15) if bar % 4 == 3 else ())):
        at = bar * song.bar + i * song.beat / 4
        for j, note in enumerate(CHORDS[bar % 4]):
            song.play(
                at, fade(stab(note + 12, 0.002)[: round(0.1 * SAMPLERATE)], 0.002, 0.01), 0.12, (j - 1.5) / 2, 0.1
            )
        song.play(at, the_clap if i in (4, 12) else opened, 0.5)
    for beat in range(4):
        song.play(bar * song.bar + beat * song.beat, kick(), 0.9)
        song.play(bar * song.bar + (beat + 0.5) * song.beat, bass(ROOTS[bar % 4] + 12, song.beat * 0.45), 0.26)
    song.play(bar * song.bar, bell(CHORDS[bar % 4][3] + 12, song.beat * 3), 0.1, 0.2, 0.5)


def visualizer(seed: int = 0) -> Samples:
    """Return the visualizer's song, [samples, 2] in -1..1: its four parts, one after the other."""
    song, rng = Song(VISUALIZER_BPM, VISUALIZER_BARS), np.random.default_rng(seed)
    bars: tuple[Callable[[Song, int, np.random.Generator], None], ...] = (drive, scan, turn, cut)
    for bar in range(VISUALIZER_BARS):
        bars[bar // PART_BARS](song, bar, rng)
    sound = song.dry + echo(0.6 * song.sent, song.beat * 0.75, 0.4) + room(rng, song.sent)
    t, end = times_of(song.seconds), song.seconds
    part = PART_BARS * song.bar
    level = np.interp(t, [0, part, part + 0.2, 2 * part, 2 * part + 0.1, end - 0.4, end], [1, 1, 0.7, 0.8, 1, 1.1, 0])
    return np.asarray(0.93 * np.tanh(1.1 * sound * level[:, None]))


def main() -> None:
    """Write the songs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=SONGS, help="the folder to write to")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    for name, compose in (("duet", duet), ("visualizer", visualizer)):
        write_opus(args.out / f"{name}.ogg", compose(args.seed), bitrate=80_000)


if __name__ == "__main__":
    main()
