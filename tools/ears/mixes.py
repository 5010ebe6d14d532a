"""Mixes that sound like records and whose onsets and beats are known, because they are mixed here.

usage: python -m tools.ears.mixes FOLDER FIRST LAST --sounds PACKAGES      (seeds; the last is not included)

Writes SEED.wav and SEED.json = {"onsets", "unsure", "beats", "bar", "bpm"} for each seed that has none yet. A mix has
recorded drums (Debian's hydrogen-drumkits and -effects), synthesizers with every kind of attack, and words that
espeak-ng speaks; samples are re-pitched, layers are distorted, ducked under the kick and put into rooms, and the whole
is compressed, clipped, equalised, scratched and coded. Notes that begin slowly or are masked by the rest are "unsure":
the ears may report them or not. PACKAGES is where the packages are unpacked (they are fetched when they are not there).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import av
import numpy as np
from scipy.signal import butter, fftconvolve, lfilter, sosfilt

from engine.audio.hearing.spectrum import Vector
from engine.borders.errors import UserError
from tools.ears.songs import SAMPLERATE, mono, unpack, write_wav

PACKAGES = ("hydrogen-drumkits", "hydrogen-drumkits-effects")
SECONDS = 14.0  # length of a mix
SLOW, SLOWEST = 0.06, 0.16  # seconds of attack; a slower note is unsure, or none
MASKED_DB = 20.0  # below the mix, in the 50 ms after its start: the onset is unsure
ONE_ONSET = 0.03  # seconds; notes closer together are one onset
WORDS = "go now back sound turn loud kick bass drop hey one two three four yes day night light fire dance jump love"
VOICES = ("en", "en-us", "de", "fr", "es", "en+f3", "en-us+f2", "en+m3", "en+whisper")
STRONG = {0: 3.0, 8: 2.2, 4: 1.8, 12: 1.8}  # of a bar's sixteenths, how likely they are beside the others

Rng = np.random.Generator


@dataclass
class Sounds:
    """Samples to draw from."""

    kits: list[dict[str, list[Path]]]
    words: list[Vector]
    kept: dict[Path, Vector] = field(default_factory=dict)

    def sample(self, path: Path) -> Vector:
        """Return a sample from where it begins, at a peak of 1; it is empty when it cannot be read."""
        if path not in self.kept:
            try:
                self.kept[path] = begun(mono(path, 3.0))
            except UserError:
                self.kept[path] = np.zeros(0, np.float32)
        return self.kept[path]


@dataclass
class Layer:
    """What one player plays: sound, and the notes' starts in seconds and attacks in seconds."""

    sound: Vector
    notes: list[tuple[float, float]]


def begun(samples: Vector) -> Vector:
    """Return a sample from 1 ms before it reaches a twentieth of its peak, at a peak of 1."""
    peak = float(np.abs(samples).max()) if len(samples) else 0.0
    if peak < 1e-3:
        return np.zeros(0, np.float32)
    start = max(0, int(np.argmax(np.abs(samples) > 0.05 * peak)) - SAMPLERATE // 1000)
    return samples[start:] / np.float32(peak)


def find_kits(packages: Path) -> list[dict[str, list[Path]]]:
    """Return the samples of each drum kit by part; packages are fetched and unpacked where they are not there."""
    kits = []
    for package in PACKAGES:
        for archive in sorted(unpack(package, packages).rglob("*.h2drumkit")):
            folder = packages / "kits" / archive.stem
            if not folder.exists():
                folder.mkdir(parents=True)
                subprocess.run(["tar", "-xzf", str(archive), "-C", str(folder)], check=True)
            kits.append(folder)
        kits += {path.parent for path in unpack(package, packages).rglob("drumkit.xml")}
    parts = []
    for folder in sorted(set(kits)):
        kit: dict[str, list[Path]] = {"kick": [], "snare": [], "hat": [], "other": []}
        for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".wav", ".flac", ".aiff")):
            kit[part_of(path.stem.lower())].append(path)
        parts.append(kit)
    return parts


def find_sounds(packages: Path) -> Sounds:
    """Return the drum kits and spoken words."""
    return Sounds(
        find_kits(packages), [word for number in range(len(WORDS.split()) * 3) if len(word := speak(number)) > 2000]
    )


def part_of(name: str) -> str:
    """Return which part of a kit a sample's name tells of."""
    for part, words in {
        "kick": ("kick", "bd", "bass"),
        "snare": ("snare", "sd", "sn", "clap", "rim"),
        "hat": ("hat", "hh", "ride", "shak", "tamb"),
    }.items():
        if any(word in name for word in words):
            return part
    return "other"


def speak(number: int) -> Vector:
    """Return a word, spoken by one of VOICES."""
    words = WORDS.split()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "word.wav"
        rng = np.random.default_rng(number)
        command = ["espeak-ng", "-v", VOICES[number % len(VOICES)], "-p", str(rng.integers(20, 80))]
        subprocess.run(
            [*command, "-s", str(rng.integers(130, 220)), "-w", path, words[number % len(words)]], check=True
        )
        return begun(mono(path))


def repitched(sample: Vector, ratio: float) -> Vector:
    """Return a sample ``ratio`` times as fast and high."""
    places = np.arange(0, len(sample) - 1, ratio)
    return np.interp(places, np.arange(len(sample)), sample).astype(np.float32) if len(sample) > 2 else sample


def put(sound: Vector, note: Vector, time: float, gain: float) -> None:
    """Add a note to a sound at ``time`` seconds."""
    start = round(time * SAMPLERATE)
    end = min(len(sound), start + len(note))
    if start < end:
        sound[start:end] += np.float32(gain) * note[: end - start]


@dataclass(frozen=True)
class Grid:
    """Where a bar's sixteenths lie in time."""

    bpm: float
    beats: int  # in a bar
    lead: float  # seconds before the first bar
    swing: float  # of a sixteenth
    loose: float  # seconds, the players' standard deviation

    def bars(self) -> int:
        """Return how many whole bars a mix has room for."""
        return int((SECONDS - self.lead) / (60.0 / self.bpm * self.beats))

    def time(self, bar: int, step: int, rng: Rng) -> float:
        """Return when a player plays a sixteenth of a bar, in seconds."""
        sixteenth = 15.0 / self.bpm
        exact = self.lead + sixteenth * (bar * self.beats * 4 + step + self.swing * (step % 2))
        return max(0.0, exact + float(rng.normal(0.0, self.loose)))


def rhythm(rng: Rng, beats: int, busy: float) -> list[int]:
    """Return some of a bar's sixteenths, more likely the strong ones."""
    steps = range(beats * 4)
    return [s for s in steps if rng.random() < busy * STRONG.get(s, 1.2 if s % 2 == 0 else 0.7)] or [0]


def play_drums(sounds: Sounds, grid: Grid, rng: Rng) -> tuple[list[Layer], list[float]]:
    """Return the layers of a drum kit, and where the kick is."""
    kit = sounds.kits[int(rng.integers(len(sounds.kits)))]
    backs = [s for s in ((4, 12) if grid.beats == 4 else (4, 8)) if rng.random() < 0.9]
    four = list(range(0, grid.beats * 4, 4))
    every = int(rng.choice([1, 2, 2, 4]))
    patterns = {
        "kick": four if rng.random() < 0.4 else rhythm(rng, grid.beats, 0.22),
        "snare": backs if rng.random() < 0.7 else rhythm(rng, grid.beats, 0.12),
        "hat": list(range(int(rng.choice([0, 0, 2])) % every, grid.beats * 4, every)),
        "other": rhythm(rng, grid.beats, 0.06),
    }
    layers, kicks = [], []
    for part, steps in patterns.items():
        if not kit[part] or rng.random() < (0.15 if part != "other" else 0.5):
            continue
        sample = repitched(sounds.sample(kit[part][int(rng.integers(len(kit[part])))]), float(2 ** rng.normal(0, 0.25)))
        layer = Layer(np.zeros(round(SECONDS * SAMPLERATE), np.float32), [])
        loud = {"kick": 1.0, "snare": 0.8, "hat": 0.35, "other": 0.6}[part] * float(2 ** rng.normal(0, 0.5))
        for bar in range(grid.bars()):
            now = rhythm(rng, grid.beats, 0.25) if rng.random() < 0.08 else steps
            for step in now:
                time = grid.time(bar, step, rng)
                put(layer.sound, sample, time, loud * float(rng.uniform(0.5, 1.0)))
                layer.notes.append((time + 0.001, 0.0))
                if part == "kick":
                    kicks.append(time)
        if len(sample):
            layers.append(layer)
    return layers, kicks


def tone(pitch: float, length: float, attack: float, kind: str, rng: Rng) -> Vector:
    """Return a synthesizer's note."""
    count = max(64, round(length * SAMPLERATE))
    time = np.arange(count) / SAMPLERATE
    phase = pitch * time + rng.random()
    if kind == "saw":
        wave = sum((((phase * d) % 1.0) * 2.0 - 1.0) for d in (1.0, 1.006, 0.994)) / 3.0
    elif kind == "square":
        wave = np.where(phase % 1.0 < rng.choice([0.125, 0.25, 0.5]), 1.0, -1.0)
    elif kind == "fm":
        wave = np.sin(
            2 * np.pi * phase
            + rng.uniform(0.5, 5) * np.exp(-3 * time) * np.sin(2 * np.pi * phase * rng.choice([1, 2, 3.5]))
        )
    elif kind == "noise":
        wave = rng.standard_normal(count)
    else:
        wave = np.sum([np.sin(2 * np.pi * h * phase) / h**1.5 for h in range(1, 6)], axis=0)
    fade = np.clip(time / max(attack, 0.001), 0.0, 1.0) * np.clip((time[-1] - time) / 0.02, 0.0, 1.0)
    held = np.exp(-time * rng.choice([0.0, 2.0, 6.0, 12.0]))
    cutoff = min(18000.0, pitch * 2 ** rng.uniform(1.0, 6.0))
    filtered = sosfilt(butter(2, cutoff, fs=SAMPLERATE, output="sos"), wave * fade * held)
    note: Vector = (filtered / max(1e-6, float(np.abs(filtered).max()))).astype(np.float32)
    return note


def play_synth(grid: Grid, rng: Rng) -> Layer:
    """Return a bass, a lead, an arpeggio or chords."""
    kind = str(rng.choice(["saw", "square", "fm", "sine", "noise"], p=[0.35, 0.25, 0.2, 0.15, 0.05]))
    role = str(rng.choice(["bass", "lead", "chords"]))
    attack = float(np.exp(rng.uniform(np.log(0.002), np.log(0.25 if role == "chords" else 0.06))))
    root = {"bass": 45.0, "lead": 330.0, "chords": 165.0}[role] * 2 ** rng.uniform(-0.5, 0.9)
    steps = rhythm(rng, grid.beats, {"bass": 0.4, "lead": 0.45, "chords": 0.1}[role])
    legato = float(rng.choice([0.5, 0.95, 1.0]))
    layer = Layer(np.zeros(round(SECONDS * SAMPLERATE), np.float32), [])
    scale = np.array([0, 2, 3, 5, 7, 8, 10, 12])
    for bar in range(grid.bars()):
        if rng.random() < 0.15:
            steps = rhythm(rng, grid.beats, 0.35)
        for here, following in zip(steps, [*steps[1:], grid.beats * 4], strict=True):
            time = grid.time(bar, here, rng)
            length = max(0.05, (following - here) * 15.0 / grid.bpm * legato)
            notes = (0, 7, 12) if role == "chords" else (0,)
            shift = float(rng.choice(scale))
            for note in notes:
                put(
                    layer.sound,
                    tone(root * 2 ** ((note + shift) / 12), length, attack, kind, rng),
                    time,
                    0.4 * float(rng.uniform(0.6, 1.0)),
                )
            layer.notes.append((time, attack))
    return layer


def play_voice(sounds: Sounds, grid: Grid, rng: Rng) -> Layer:
    """Return words in rhythm."""
    layer = Layer(np.zeros(round(SECONDS * SAMPLERATE), np.float32), [])
    for bar in range(grid.bars()):
        for step in rhythm(rng, grid.beats, 0.12):
            word = repitched(sounds.words[int(rng.integers(len(sounds.words)))], float(2 ** rng.normal(0, 0.2)))
            time = grid.time(bar, step, rng)
            put(layer.sound, word, time, 0.7)
            layer.notes.append((time + 0.001, 0.02))
            layer.notes.append((time + 0.15, SLOW + 0.01))  # what a word has besides its start may be one, or not
    return layer


def treat(layer: Layer, kicks: Sequence[float], rng: Rng, *, synth: bool) -> Vector:
    """Return a layer's sound distorted, ducked under the kick, and in a room."""
    sound = layer.sound
    if rng.random() < (0.45 if synth else 0.2):
        drive = float(2 ** rng.uniform(0.5, 5.0))
        sound = np.tanh(sound * drive).astype(np.float32)
    if synth and kicks and rng.random() < 0.35:
        time = np.arange(len(sound)) / SAMPLERATE
        last = np.searchsorted(np.array(kicks), time, side="right") - 1
        since = np.where(last >= 0, time - np.array(kicks)[np.maximum(last, 0)], 9.0)
        depth, back = rng.uniform(0.4, 0.95), rng.uniform(0.08, 0.3)
        sound = (sound * (1.0 - depth * np.exp(-((since / back) ** 2)))).astype(np.float32)
    if rng.random() < 0.5:
        length = rng.uniform(0.2, 2.0)
        count = round(length * SAMPLERATE)
        tail = rng.standard_normal(count) * np.exp(-6.0 * np.arange(count) / count) * (rng.random(count) < 0.5)
        wet = fftconvolve(sound, tail)[: len(sound)]
        scale = float(np.sqrt(np.mean(sound**2)) / max(1e-9, np.sqrt(np.mean(wet**2))))
        sound = (sound + rng.uniform(0.05, 0.6) * scale * wet).astype(np.float32)
    return sound


def master(mix: Vector, rng: Rng) -> Vector:
    """Return a mix compressed, clipped, equalised, and with the crackle of an old record."""
    mix = mix / np.float32(max(1e-6, float(np.abs(mix).max())))
    if rng.random() < 0.6:
        power = lfilter([0.002], [1.0, -0.998], mix**2)
        over = np.maximum(0.0, 10.0 * np.log10(power + 1e-9) + rng.uniform(12.0, 30.0))
        mix = (mix * 10 ** (-over * (1.0 - 1.0 / rng.uniform(2.0, 8.0)) / 20.0)).astype(np.float32)
        mix /= np.float32(max(1e-6, float(np.abs(mix).max())))
    if rng.random() < 0.4:
        mix = np.clip(mix * np.float32(2 ** rng.uniform(0.0, 2.5)), -1.0, 1.0)
    if rng.random() < 0.3:
        mix = sosfilt(butter(1, float(rng.uniform(2000.0, 12000.0)), fs=SAMPLERATE, output="sos"), mix).astype(
            np.float32
        )
    if rng.random() < 0.15:
        crackle = (rng.random(len(mix)) < 3.0 / SAMPLERATE) * rng.standard_normal(len(mix)) * 0.02
        mix = (mix + crackle + 0.0005 * rng.standard_normal(len(mix))).astype(np.float32)
    return (mix * (0.95 / max(1e-6, float(np.abs(mix).max())))).astype(np.float32)


def coded(path: Path, rng: Rng) -> None:
    """Code a file as Opus or MP3 with few bits, and decode it again."""
    kind, codec, bits = (("ogg", "libopus", 24_000), ("mp3", "libmp3lame", 64_000))[int(rng.integers(2))]
    samples, small = mono(path), path.with_suffix(f".{kind}")
    with av.open(str(small), "w") as file:
        rate = 48000 if kind == "ogg" else SAMPLERATE
        stream = cast(av.AudioStream, file.add_stream(codec, rate=rate, layout="mono"))
        stream.bit_rate = bits
        frame = av.AudioFrame.from_ndarray(samples[None], "fltp", "mono")
        frame.sample_rate = SAMPLERATE
        for sent in (frame, None):
            file.mux(stream.encode(sent))
    write_wav(path, np.pad(mono(small), (0, len(samples)))[: len(samples)])
    small.unlink()


def onsets_of(layers: Sequence[Layer], sounds: Sequence[Vector], mix: Vector) -> tuple[list[float], list[float]]:
    """Return the onsets, and those that may be reported or not."""
    events = []
    for layer, sound in zip(layers, sounds, strict=True):
        for time, attack in layer.notes:
            span = slice(round(time * SAMPLERATE), round((time + 0.05 + 0.5 * attack) * SAMPLERATE))
            if attack > SLOWEST or span.start >= len(mix) - SAMPLERATE // 10:
                continue
            own, all_of_it = float(np.mean(sound[span] ** 2)), float(np.mean(mix[span] ** 2)) + 1e-12
            masked = 10.0 * np.log10(own / all_of_it + 1e-12) < -MASKED_DB
            events.append((time + 0.25 * attack, attack > SLOW or bool(masked)))
    events.sort()
    sure: list[float] = []
    for time, doubtful in events:
        if not doubtful and (not sure or time - sure[-1] > ONE_ONSET):
            sure.append(round(time, 5))
    known = np.array([*sure, -1.0])
    unsure = [round(time, 5) for time, doubtful in events if doubtful and np.abs(known - time).min() > ONE_ONSET]
    return sure, unsure


def mix(sounds: Sounds, rng: Rng, path: Path) -> None:
    """Write one mix and what is known of it."""
    beats = int(rng.choice([4, 4, 4, 4, 3]))
    grid = Grid(
        float(rng.uniform(62.0, 190.0)),
        beats,
        float(rng.uniform(0.02, 1.2)),
        float(rng.choice([0.0, 0.0, 0.0, 0.33, 0.25])),
        float(rng.choice([0.0, 0.002, 0.006])),
    )
    layers, kicks = play_drums(sounds, grid, rng) if rng.random() < 0.8 else ([], [])
    drums = len(layers)
    layers += [play_synth(grid, rng) for _ in range(int(rng.choice([0, 1, 2, 2, 3])) if layers else 2)]
    if rng.random() < 0.2:
        layers.append(play_voice(sounds, grid, rng))
    treated = [treat(layer, kicks, rng, synth=i >= drums) for i, layer in enumerate(layers)]
    gains = [float(2 ** rng.normal(0, 0.6)) * (1.0 if i < drums else 0.5) for i in range(len(layers))]
    treated = [np.float32(gain) * sound for gain, sound in zip(gains, treated, strict=True)]
    whole = np.sum(treated, axis=0).astype(np.float32)
    sure, unsure = onsets_of(layers, treated, whole)
    write_wav(path, master(whole, rng))
    if rng.random() < 0.3:
        coded(path, rng)
    truth: dict[str, object] = {"bpm": grid.bpm, "onsets": sure, "unsure": unsure, "bar": [beats, 0]}
    truth["beats"] = [round(grid.lead + 60.0 / grid.bpm * n, 5) for n in range(grid.bars() * beats)]
    path.with_suffix(".json").write_text(json.dumps(truth))


def main(argv: Sequence[str] | None = None) -> int:
    """Make the mixes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int)
    parser.add_argument("--sounds", type=Path, required=True)
    args = parser.parse_args(argv)
    args.folder.mkdir(parents=True, exist_ok=True)
    seeds = [n for n in range(args.first, args.last) if not (args.folder / f"{n}.json").exists()]
    sounds = find_sounds(args.sounds) if seeds else Sounds([], [])
    for seed in seeds:
        mix(sounds, np.random.default_rng(seed), args.folder / f"{seed}.wav")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
