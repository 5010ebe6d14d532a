"""What the ears learn from: songs as other rooms hear them, and what should be said at each step."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from engine.audio import onset
from engine.audio.song import load
from engine.audio.spectrum import Vector
from tools.evaluate_onsets import in_a_room

SAMPLERATE, STEP = 44100, 128
LONGEST = 13.0  # seconds of a song that are heard
# Steps end so many seconds after an onset: from SOON to LATE they say yes, to OVER as they like; to AFTER a yes
# is four times as wrong, for that is the same sound, heard too late. From EARLY to SOON it is too early to tell.
EARLY, SOON, LATE, OVER, AFTER = -0.003, 0.001, 0.0165, 0.020, 0.055
QUIET_SECONDS = 12  # of a sound that is no song

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Lesson:
    """What was heard, and what should be said."""

    level: NDArray[np.float16]  # [steps, bands]
    slow: NDArray[np.float16]  # the same, its running mean
    peaks: NDArray[np.float16]  # [steps, peaks, bands]: what was loudest before, falling
    answer: Vector  # [steps]
    weight: Vector  # [steps]


def hear(samples: Vector) -> NDArray[np.float16]:
    """Return the levels [steps, bands] of a stream [samples]."""
    ear = onset.Ear(SAMPLERATE)
    padded = np.concatenate([np.zeros(ear.memory - ear.step, np.float32), samples])
    frames = sliding_window_view(padded, ear.memory)[::ear.step]
    chunks = (ear.bands(frames[start:start + 1024]) for start in range(0, len(frames), 1024))
    return np.array([ear.level(bands) for chunk in chunks for bands in chunk], np.float16)


def answer(truth: Sequence[float], steps: int) -> tuple[Vector, Vector]:
    """Return what should be said at each step and how much it matters, for onsets in seconds."""
    ends = (np.arange(steps) + 1) * STEP / SAMPLERATE
    said, weight = np.zeros(steps, np.float32), np.ones(steps, np.float32)
    spans = ((OVER, AFTER, 0.0, 4.0), (EARLY, SOON, 0.0, 0.0), (LATE, OVER, 0.0, 0.0), (SOON, LATE, 1.0, 1.0))
    for begin, end, value, matters in spans:  # the last has the last word
        for time in truth:
            here = slice(*np.searchsorted(ends, (time + begin, time + end), side="right").tolist())
            said[here], weight[here] = value, matters
    return said, weight


def lesson(level: NDArray[np.float16], truth: Sequence[float]) -> Lesson:
    """Return a lesson about what was heard."""
    share = np.float32(1.0 - np.exp(-STEP / SAMPLERATE / onset.SLOW_SECONDS))
    fall = np.array(onset.PEAK_DECADES, np.float32)[:, None] * np.float32(STEP / SAMPLERATE)
    slow = np.zeros_like(level)
    peaks = np.zeros((len(level), len(fall), level.shape[1]), np.float16)
    mean, peak = np.zeros(level.shape[1], np.float32), np.zeros(peaks.shape[1:], np.float32)
    for index, now in enumerate(level):
        mean += share * (now - mean)
        slow[index] = mean
        peak = np.maximum(peak - fall, 0.0)
        peaks[index] = peak
        peak = np.maximum(peak, now)
    return Lesson(level, slow, peaks, *answer(truth, len(level)))


def listen(folder: Path, takes: int, plain: bool) -> list[Lesson]:
    """Hear a folder of songs; ``plain`` without tone control, at -60 dBFS of white noise."""
    rng = np.random.default_rng(takes + 10 * plain)
    kept = folder / f"heard-{takes}-{'plain' if plain else 'varied'}.npz"
    heard: dict[str, NDArray[np.generic]] = dict(np.load(kept)) if kept.exists() else {}
    if not heard:
        for path in sorted(folder.glob("*.json")):
            truth = np.array(json.loads(path.read_text())["onsets"])
            samples = load(path.with_suffix(".wav")).mono()[: int(LONGEST * SAMPLERATE)]
            for take in range(takes):
                varied, lead = (in_a_room(samples, rng.uniform(-30, 0), -60, rng), 0.0) if plain else vary(samples, rng)
                heard[f"{path.stem}-{take} level"], heard[f"{path.stem}-{take} truth"] = hear(varied), truth + lead
        np.savez(kept, allow_pickle=False, **heard)
    names = [name.removesuffix(" level") for name in heard if name.endswith(" level")]
    return [lesson(heard[f"{name} level"].astype(np.float16), heard[f"{name} truth"].tolist()) for name in names]


def vary(samples: Vector, rng: Rng) -> tuple[Vector, float]:
    """Return a song as another room hears it, and how many seconds later it begins."""
    if rng.random() < 0.5:
        spectrum = np.fft.rfft(samples)
        octaves = np.log2(np.maximum(np.fft.rfftfreq(len(samples), 1 / SAMPLERATE), 20.0) / 20.0)
        gain = np.interp(octaves, np.linspace(0.0, 10.0, 6), rng.normal(0.0, 4.0, 6))  # dB
        samples = np.fft.irfft(spectrum * 10 ** (gain / 20), len(samples)).astype(np.float32)
    lead = rng.uniform(0.1, 1.0) if rng.random() < 0.5 else 0.0
    loud = samples / np.abs(samples).max() * 10 ** (rng.uniform(-33.0, 0.0) / 20)
    song = np.concatenate([np.zeros(int(lead * SAMPLERATE), np.float32), loud.astype(np.float32)])
    slope, dbfs = (0.0, -60.0) if rng.random() < 0.6 else (rng.choice([0.0, 1.0, 1.5]), rng.uniform(-80.0, -56.0))
    heard: Vector = song + noise(len(song), slope, dbfs, rng)
    return heard, lead


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
        gain[int(now * SAMPLERATE):int(end * SAMPLERATE)] = rng.uniform(0.3, 1.0)
        begins.append(now)
        now = end + rng.uniform(0.07, 0.6)
    cut: Vector = (tone / np.abs(tone).max() * gain * 10 ** (rng.uniform(-30.0, 0.0) / 20)).astype(np.float32)
    return cut + noise(len(cut), 0.0, rng.uniform(-80.0, -60.0), rng) if noisy else cut, begins
