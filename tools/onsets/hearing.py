"""The lessons of the ears: songs in other rooms, rooms without songs, and tones that are cut."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.signal import lfilter

from engine.audio.hearing.ear import Ear
from engine.audio.hearing.growth import PEAK_DECADES, SLOW_SECONDS
from engine.audio.hearing.spectrum import Vector
from engine.audio.songs.song import whole
from tools.onsets.evaluate import in_a_room

SAMPLERATE, STEP = 44100, 128
SECONDS = STEP / SAMPLERATE
LONGEST = 80.0  # seconds; of a song, no more is heard
FASTER = 0.3  # octaves; half of the varied takes are played up to this much faster or slower
REFINE_STEPS = 5  # steps either way; an onset that a teacher hears lies where the sound grows within them
GROWN_SECONDS = 0.004  # from an onset to the end of the step in which the growth is half as large as it becomes
# Seconds from an onset to the end of a step. From SOON to LATE the right answer is yes; from OVER to AFTER it is no,
# because the same sound is then heard too late. From EARLY to SOON and from LATE to OVER both answers are right.
EARLY, SOON, LATE, OVER, AFTER = -0.003, 0.001, 0.0145, 0.0175, 0.055
QUIET_SECONDS = 12  # length of a sound without a song

PARTS = ("level", "onsets", "unsure")  # of a lesson

Rng = np.random.Generator
Times = NDArray[np.float64]  # seconds, ascending


@dataclass(frozen=True, slots=True)
class Lesson:
    """What was heard, and where something began."""

    level: NDArray[np.float16]  # [steps, bands]
    onsets: Times
    unsure: Times = field(default_factory=lambda: np.zeros(0))  # where the ears may report an onset or not


def hear(samples: Vector, samplerate: int = SAMPLERATE) -> NDArray[np.float16]:
    """Return the levels [steps, bands] of a stream [samples]."""
    ear = Ear(samplerate)
    padded = np.concatenate([np.zeros(ear.memory - ear.step, np.float32), samples])
    frames = sliding_window_view(padded, ear.memory)[:: ear.step]
    chunks = (ear.bands(frames[start : start + 1024]) for start in range(0, len(frames), 1024))
    return np.array([ear.level(bands) for chunk in chunks for bands in chunk], np.float16)


def past(level: Vector) -> tuple[Vector, Vector]:
    """Return of levels [steps, bands] the running mean, and what was loudest before, falling [steps, peaks, bands]."""
    share = 1.0 - math.exp(-SECONDS / SLOW_SECONDS)
    slow: Vector = lfilter([share], [1.0, share - 1.0], level, axis=0).astype(np.float32)
    steps = np.arange(len(level), dtype=np.float32)[:, None]
    peaks = np.zeros((len(level), len(PEAK_DECADES), level.shape[1]), np.float32)
    for index, decades in enumerate(PEAK_DECADES):
        fall = np.float32(decades * SECONDS)
        peak = np.maximum.accumulate(level + fall * steps, axis=0) - fall * steps
        peaks[1:, index] = np.maximum(peak[:-1] - fall, 0.0)
    return slow, peaks


def listen(folder: Path, takes: int, plain: bool) -> list[Lesson]:
    """Hear a folder of songs; ``plain`` without tone control, at -60 dBFS of white noise.

    One take in five is heard as if it were played at 48 kHz: faster, higher, and through those bands.
    What was heard is kept in the folder.
    """
    kept = folder / f"heard-{takes}-{'plain' if plain else 'varied'}.npz"
    if not kept.exists():
        rng = np.random.default_rng(takes + 10 * plain)
        heard: dict[str, NDArray[np.generic]] = {}
        for path in sorted(folder.glob("*.json")):
            samples = whole(path.with_suffix(".wav")).mono()[: int(LONGEST * SAMPLERATE)]
            about = json.loads(path.read_text())
            for take in range(takes):
                one = take_of(samples, about, plain, rng)
                for name in PARTS:
                    heard[f"{path.stem}-{take} {name}"] = getattr(one, name)
        np.savez(kept, allow_pickle=False, **heard)
    with np.load(kept) as file:
        names = [name.removesuffix(" level") for name in file.files if name.endswith(" level")]
        return [Lesson(*(file[f"{name} {part}"] for part in PARTS)) for name in names]


def take_of(samples: Vector, about: dict[str, list[float]], plain: bool, rng: Rng) -> Lesson:
    """Return what is heard of a song in one take.

    ``about`` has "onsets" and perhaps "unsure" (seconds); "teachers" in it says that they were heard, not composed.
    """
    marks = [np.array(about[name]) if name in about else np.zeros(0) for name in PARTS[1:]]
    rate = 1.0 if plain or rng.random() < 0.5 else float(2.0 ** rng.uniform(-FASTER, FASTER))
    if rate != 1.0:
        places = np.arange(0, len(samples) - 1, rate)
        samples, marks = (
            np.interp(places, np.arange(len(samples)), samples).astype(np.float32),
            [m / rate for m in marks],
        )
    if plain:
        varied = in_a_room(samples, rng.uniform(-30, 0), -60, rng)
    else:
        varied, marks = vary(samples, marks, rng)
    level = hear(varied, 48000 if not plain and rng.random() < 0.2 else SAMPLERATE)
    onsets, unsure = (np.sort(times[times < len(level) * SECONDS - 0.001]) for times in marks)
    if "teachers" in about:
        onsets, unsure = refined(level, onsets), refined(level, unsure)
    return Lesson(level, onsets, unsure)


def refined(level: NDArray[np.float16], times: Times) -> Times:
    """Return ``times`` moved to where the sound grows, for a teacher's times are some milliseconds off."""
    wide = level.astype(np.float32)
    growth = np.zeros(len(wide))
    growth[2:] = np.maximum(wide[2:] - wide[:-2], 0.0).sum(axis=1)
    moved = []
    for time in times:
        step = int(time / SECONDS)
        first = max(0, step - REFINE_STEPS)
        most = first + int(np.argmax(growth[first : step + REFINE_STEPS + 1]))
        least = 0.5 * growth[most]
        while most > first and growth[most - 1] >= least:
            most -= 1
        moved.append((most + 1) * SECONDS - GROWN_SECONDS)
    return np.maximum(np.unique(np.array(moved, np.float64)), 0.0)


def vary(samples: Vector, marks: list[Times], rng: Rng) -> tuple[Vector, list[Times]]:
    """Return a song as another room hears it, and where its marks (onsets, unsure) lie there; some are interrupted."""
    if rng.random() < 0.5:
        spectrum = np.fft.rfft(samples)
        octaves = np.log2(np.maximum(np.fft.rfftfreq(len(samples), 1 / SAMPLERATE), 20.0) / 20.0)
        gain = np.interp(octaves, np.linspace(0.0, 10.0, 6), rng.normal(0.0, 4.0, 6))  # dB
        samples = np.fft.irfft(spectrum * 10 ** (gain / 20), len(samples)).astype(np.float32)
    lead = rng.uniform(0.1, 1.0) if rng.random() < 0.5 else 0.0
    loud = samples / np.abs(samples).max() * 10 ** (rng.uniform(-33.0, 0.0) / 20)
    song = np.concatenate([np.zeros(int(lead * SAMPLERATE), np.float32), loud.astype(np.float32)])
    slope, dbfs = (0.0, -60.0) if rng.random() < 0.6 else (rng.choice([0.0, 1.0, 1.5]), rng.uniform(-80.0, -56.0))
    room, marks = noise(len(song), slope, dbfs, rng), [times + lead for times in marks]
    if rng.random() > 0.1 or len(marks[1]):
        return song + room, marks
    gate, begins = interruptions(len(song), marks[0], rng)
    return (song + room) * gate if rng.random() < 0.5 else song * gate + room, [begins, marks[1]]


def interruptions(count: int, truth: Times, rng: Rng) -> tuple[Vector, Times]:
    """Return a gate [samples] that opens just before onsets and shuts anywhere else, and the onsets let through."""
    gate, through, now = np.zeros(count, np.float32), [], 0.0
    while len(coming := truth[truth > now + rng.uniform(0.25, 0.9)]):
        begin = coming[0] - 0.004
        now = begin + rng.uniform(0.3, 3.0)
        cut = truth[(truth > now - 0.03) & (truth < now + 0.005)]
        now = cut[0] - 0.03 if len(cut) else now
        gate[int(begin * SAMPLERATE) : int(now * SAMPLERATE)] = 1.0
        through.append(truth[(truth > begin) & (truth < now)])
    return gate, np.concatenate([*through, np.zeros(0)])


def noise(count: int, slope: float, dbfs: float, rng: Rng) -> Vector:
    """Return noise whose power falls with the frequency to the power of ``slope``, at an RMS level."""
    frequencies = np.maximum(np.fft.rfftfreq(count, 1 / SAMPLERATE), 20.0)
    sound = np.fft.irfft(np.fft.rfft(rng.standard_normal(count)) * frequencies ** (-slope / 2), count)
    scaled: Vector = (sound / sound.std() * 10 ** (dbfs / 20)).astype(np.float32)
    return scaled


def quiet(kind: int, rng: Rng) -> Vector:
    """Return a sound without onsets: rooms, hum and vibrato, wind, or nearly nothing."""
    count = QUIET_SECONDS * SAMPLERATE
    time = np.arange(count) / SAMPLERATE
    bed = noise(count, 0.0, rng.uniform(-90.0, -60.0), rng)
    if kind < 2:
        return noise(count, 1.0, -50.0 + rng.uniform(-0.2, 0.02), rng)
    if kind == 2:
        return noise(count, rng.uniform(0.0, 1.7), rng.uniform(-75.0, -42.0), rng)
    if kind == 3:
        pitch, depth, rate = rng.uniform(40.0, 1500.0), rng.uniform(0.0, 0.02), rng.uniform(3.0, 7.0)
        phase = 2 * np.pi * pitch * time + depth * pitch / rate * np.sin(2 * np.pi * rate * time)
        tone = np.sum([a * np.sin(h * phase) for h, a in enumerate(rng.exponential(1.0, 6), 1)], axis=0)
        tone *= 1 + rng.uniform(0.0, 0.4) * np.sin(2 * np.pi * rng.uniform(0.2, 6.0) * time)
        fade = np.clip(np.minimum(time, time[-1] - time) / 0.7, 0.0, 1.0) ** 2
        swollen: Vector = (tone * fade * (10 ** (rng.uniform(-40.0, 0.0) / 20) / np.abs(tone).max())).astype(np.float32)
        swollen += bed
        return swollen
    if kind == 4:
        swell = np.interp(time, np.arange(0.0, QUIET_SECONDS + 1.0, 0.7), rng.uniform(0.0, 1.0, 19))
        return (swell * noise(count, rng.uniform(0.0, 1.5), rng.uniform(-50.0, -15.0), rng) + bed).astype(np.float32)
    return bed


def cut_tones(noisy: bool, rng: Rng) -> tuple[Vector, list[float]]:
    """Return tones that begin and end abruptly, in noise or in nothing, and where they begin in seconds."""
    time = np.arange(QUIET_SECONDS * SAMPLERATE) / SAMPLERATE
    pitch = rng.uniform(40.0, 1500.0)
    amplitudes = rng.exponential(1.0, 5) / np.arange(1, 6) ** 2
    tone = np.sum([a * np.sin(2 * np.pi * h * pitch * time) for h, a in enumerate(amplitudes, 1)], axis=0)
    gain, begins, now = np.zeros(len(time)), [], rng.uniform(0.05, 0.4)
    while now < QUIET_SECONDS - 0.5:
        end = now + rng.uniform(0.08, 0.9)
        gain[int(now * SAMPLERATE) : int(end * SAMPLERATE)] = rng.uniform(0.3, 1.0)
        begins.append(now)
        now = end + rng.uniform(0.07, 0.6)
    cut: Vector = (tone / np.abs(tone).max() * gain * 10 ** (rng.uniform(-30.0, 0.0) / 20)).astype(np.float32)
    return cut + noise(len(cut), 0.0, rng.uniform(-80.0, -60.0), rng) if noisy else cut, begins
