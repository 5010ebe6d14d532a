"""The built-in song, synthesised: `python -m tools.song` writes presets/songs/demo.ogg again.

An original piece of 16 bars at 120 bpm, numpy only, free of anybody's licence. It is laid out for an
audio-reactive engine: a second of real silence, a quiet pad, a loud groove from 4 s (so that the first
ten seconds hold both), a breakdown and a louder end. Everything is drawn from one seed: the same seed
gives the same samples. Beside the sound it writes where each part's notes start, the ground truth
for the tests of the ears.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tools.song_voices import SAMPLERATE, Samples, bass, bell, clap, filtered_noise, hat, kick, pad, seconds, stab

ROOT = Path(__file__).resolve().parent.parent
SONG = ROOT / "presets" / "songs" / "demo.ogg"
ONSETS = ROOT / "tests" / "data" / "demo_onsets.json"

BPM = 120.0
BEAT = 60.0 / BPM
BAR = 4 * BEAT
BARS = 16
SECONDS = BARS * BAR
SECTIONS = {  # name: start and end, seconds
    "silence": (0.0, 1.0),
    "intro": (1.0, 4.0),
    "groove": (4.0, 12.0),
    "lead": (12.0, 18.0),
    "breakdown": (18.0, 22.0),
    "end": (22.0, 30.0),
    "tail": (30.0, 32.0),
}
# A minor seventh, F major seventh, C major seventh, G sixth: one a bar, round and round. MIDI notes.
CHORDS = ((57, 60, 64, 67), (53, 57, 60, 64), (55, 60, 64, 71), (55, 59, 62, 64))
ROOTS = (33, 29, 36, 31)
MELODY = (  # two bars: beat, MIDI note, length in beats
    (0.0, 76, 0.75), (0.75, 74, 0.75), (1.5, 72, 0.5), (2.0, 69, 1.0), (3.5, 72, 0.5),
    (4.0, 74, 0.75), (4.75, 72, 0.75), (5.5, 69, 0.5), (6.0, 67, 1.0), (7.0, 69, 0.5), (7.5, 72, 0.5),
)  # fmt: skip
BELLS = ((2.5, 76), (3.0, 72), (3.25, 81), (18.5, 76), (19.25, 72), (20.0, 79), (20.75, 76), (21.5, 84))
GROOVE_BARS, LEAD_BARS, END_BARS = range(2, 9), range(6, 9), range(11, 15)


@dataclass
class Track:
    """One part: its stereo sound, and where its notes start."""

    gain: float
    sound: Samples = field(default_factory=lambda: np.zeros((round(SECONDS * SAMPLERATE), 2)))
    onsets: list[float] = field(default_factory=list)

    def play(self, at: float, voice: Samples, gain: float = 1.0, pan: float = 0.0) -> None:
        """Add ``voice`` at ``at`` seconds, from left (-1) to right (1)."""
        start = round(at * SAMPLERATE)
        voice = voice[: len(self.sound) - start] * gain * self.gain
        self.sound[start : start + len(voice), 0] += voice * np.cos((pan + 1) * np.pi / 4)
        self.sound[start : start + len(voice), 1] += voice * np.sin((pan + 1) * np.pi / 4)
        if not self.onsets or abs(self.onsets[-1] - at) > 1e-6:
            self.onsets.append(at)


def _beats(bars: range) -> Iterator[tuple[int, float]]:
    for bar in bars:
        for beat in range(4):
            yield beat, bar * BAR + beat * BEAT


def drums(rng: np.random.Generator) -> dict[str, Track]:
    """Return kick, clap and hats."""
    tracks = {"kick": Track(0.85), "clap": Track(1.1), "hat": Track(0.55)}
    the_kick, the_clap, closed, opened = kick(), clap(rng), hat(rng, 0.03), hat(rng, 0.12)
    for bars in (GROOVE_BARS, END_BARS):
        for beat, at in _beats(bars):
            tracks["kick"].play(at, the_kick)
            if beat % 2:
                tracks["clap"].play(at, the_clap)
            busy = bars is END_BARS
            for sixteenth in range(4) if busy else (0, 2):
                voice, gain = (opened, 0.9) if sixteenth == 2 else (closed, 0.75 if sixteenth == 0 else 0.45)
                tracks["hat"].play(at + sixteenth * BEAT / 4, voice, gain, pan=0.25)
    tracks["kick"].play(END_BARS.stop * BAR, the_kick)
    return tracks


def harmony() -> dict[str, Track]:
    """Return bass, stabs and pad."""
    tracks = {"bass": Track(0.2), "stab": Track(0.14), "pad": Track(0.04)}
    for bar in (*GROOVE_BARS, *END_BARS):
        at, root = bar * BAR, ROOTS[bar % 4]
        for eighth in (1, 2, 3, 5, 6, 7):  # the kick has the beat itself; every third note leaps an octave
            tracks["bass"].play(at + eighth * BEAT / 2, bass(root + 12 * (eighth % 3 == 0), BEAT * 0.45))
        for eighth in (0, 3, 6):
            for i, note in enumerate(CHORDS[bar % 4]):
                voice, start = stab(note + 12, 0.002 * (i - 1.5)), at + eighth * BEAT / 2
                tracks["stab"].play(start, voice, pan=(i - 1.5) / 2)
    for bar in range(BARS):
        at = max(1.0, bar * BAR)  # the first second stays silent
        quiet = 0.5 if bar < 2 or bar in (9, 10) else 1.0
        length = (bar + 1) * BAR - at + (0.5 if bar + 1 < BARS else 0.0)
        for i, note in enumerate(CHORDS[bar % 4]):
            for side in (-1, 1):
                tracks["pad"].play(at, pad(note, length, 0.0025 * side), quiet, pan=side * (0.4 + 0.15 * i))
    return tracks


def melody() -> dict[str, Track]:
    """Return the lead, and the bells of the quiet places."""
    tracks = {"lead": Track(0.19), "bell": Track(0.06)}
    for bars, octaves in ((LEAD_BARS, (0,)), (END_BARS, (0, 12))):
        for bar in bars:
            for beat, note, length in MELODY:
                if (beat >= 4) == bool((bar - bars.start) % 2):
                    for octave in octaves:
                        at = bar * BAR + beat % 4 * BEAT
                        tracks["lead"].play(at, bell(note + octave, length * BEAT), 1 - octave / 24, pan=-0.2)
    for at, note in BELLS:
        tracks["bell"].play(at, bell(note, 0.8, 0.6), pan=0.3)
    tracks["bell"].play(30.0, bell(69, 1.2, 0.6))
    return tracks


def echo(sound: Samples, delay: float, feedback: float) -> Samples:
    """Return what comes back from side to side, three times."""
    back, step = np.zeros_like(sound), round(delay * SAMPLERATE)
    for repeat in range(1, 4):
        shifted = sound[: -repeat * step] * feedback**repeat
        back[repeat * step :] += shifted if repeat % 2 == 0 else shifted[:, ::-1]
    return back


def room(rng: np.random.Generator, sound: Samples, length: float = 1.1) -> Samples:
    """Return the reverberation of ``sound`` in a small hall: noise that dies away, convolved."""
    size = 1 << (len(sound) + round(length * SAMPLERATE)).bit_length()
    wet = np.empty_like(sound)
    for side in range(2):
        answer = filtered_noise(rng, length, 200, 6000) * np.exp(-seconds(length) * 5.5) * 0.03
        product = np.fft.rfft(sound[:, side], size) * np.fft.rfft(answer, size)
        wet[:, side] = np.fft.irfft(product, size)[: len(sound)]
    return wet


def ducking(kicks: list[float]) -> Samples:
    """Return the gain that makes room for the kick: down at each, back within a beat."""
    gain, t = np.ones(round(SECONDS * SAMPLERATE)), seconds(BEAT * 0.8)
    for at in kicks:
        start = round(at * SAMPLERATE)
        dip = 1 - 0.65 * np.exp(-t * 9)
        gain[start : start + len(dip)] *= dip[: len(gain) - start]
    return gain[:, None]


def mix(tracks: dict[str, Track], rng: np.random.Generator) -> Samples:
    """Return the tracks as one stereo sound, in -1..1, its loud end louder than its groove."""
    dry = sum((tracks[name].sound for name in ("bass", "stab", "pad")), np.zeros_like(tracks["kick"].sound))
    dry *= ducking(tracks["kick"].onsets)
    tune = tracks["lead"].sound + tracks["bell"].sound
    tune += echo(tune, BEAT * 0.75, 0.45)
    beat = tracks["kick"].sound + tracks["clap"].sound + tracks["hat"].sound
    sent = tune + tracks["stab"].sound + 0.15 * tracks["clap"].sound + 0.4 * dry
    sound = beat + dry + tune + room(rng, sent)
    t = seconds(SECONDS)
    level = np.interp(t, [0.95, 1.0, 21.9, 22.0, 30.2, 31.9, 32.0], [0.0, 0.75, 0.75, 1.0, 1.0, 0.0, 0.0])
    # The quiet places stay quiet although the room still rings: the breakdown is a drop that can be heard.
    level *= np.interp(t, [17.95, 18.6, 21.5, 22.0], [1.0, 0.45, 0.45, 1.0])
    return 0.93 * np.tanh(sound * level[:, None])  # soft limiter


def compose(seed: int = 0) -> tuple[Samples, dict[str, list[float]]]:
    """Return the song, [samples, 2] in -1..1, and where the notes of each part start, in seconds."""
    rng = np.random.default_rng(seed)
    tracks = drums(rng) | harmony() | melody()
    return mix(tracks, rng), {name: sorted(set(track.onsets)) for name, track in tracks.items()}


def write_opus(path: Path, sound: Samples, bitrate: int = 112_000) -> None:
    """Write ``sound`` as Ogg Opus."""
    import av  # only the writer needs it: tests synthesise without

    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as out:
        stream = out.add_stream("libopus", rate=SAMPLERATE, layout="stereo")
        stream.bit_rate = bitrate
        frame = av.AudioFrame.from_ndarray(sound.astype(np.float32).reshape(1, -1), format="flt", layout="stereo")
        frame.sample_rate = SAMPLERATE
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def main() -> None:
    """Write the song and its ground truth."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=SONG, help="the Ogg Opus file to write")
    parser.add_argument("--onsets", type=Path, default=ONSETS, help="the JSON of note starts to write")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    sound, onsets = compose(args.seed)
    for path in (args.out, args.onsets):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_opus(args.out, sound)
    truth = {"seed": args.seed, "bpm": BPM, "seconds": SECONDS, "sections": SECTIONS}
    truth["onsets"] = {name: [round(at, 4) for at in times] for name, times in onsets.items()}
    args.onsets.write_text(json.dumps(truth, indent=None).replace('], "', '],\n"') + "\n", encoding="utf-8")
    print(f"{args.out}: {SECONDS:.0f} s, {args.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
