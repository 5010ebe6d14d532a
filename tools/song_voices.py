"""The instruments of the built-in song: each note is an array of samples, made of sines and noise."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

SAMPLERATE = 48_000  # Hz; Opus has no other, so nothing is resampled on the way to the file


def hertz(note: int) -> float:
    """Return the frequency of a MIDI note."""
    return float(440.0 * 2.0 ** ((note - 69) / 12.0))


def seconds(length: float) -> Samples:
    """Return the times of ``length`` seconds of samples."""
    times: Samples = np.arange(round(length * SAMPLERATE), dtype=np.float64) / SAMPLERATE
    return times


def fade(voice: Samples, attack: float, release: float) -> Samples:
    """Return ``voice`` with a linear start and end, so that it never clicks."""
    t = seconds(len(voice) / SAMPLERATE)
    edges: Samples = np.minimum(1.0, t / attack) * np.minimum(1.0, (t[-1] - t) / release)
    return voice * edges


def filtered_noise(rng: np.random.Generator, length: float, low: float, high: float) -> Samples:
    """Return noise between two frequencies, with soft edges of about half an octave."""
    spectrum = np.fft.rfft(rng.standard_normal(round(length * SAMPLERATE)))
    octave = np.log2(np.maximum(np.fft.rfftfreq(round(length * SAMPLERATE), 1 / SAMPLERATE), 1.0))
    edges = 1 / (1 + np.exp(-8 * (octave - np.log2(low)))) / (1 + np.exp(8 * (octave - np.log2(high))))
    noise: Samples = np.fft.irfft(spectrum * edges, round(length * SAMPLERATE))
    noise /= np.max(np.abs(noise))
    return noise


def harmonics(frequency: float, length: float, damping: float, detune: float = 0.0) -> Samples:
    """Return a saw built of sines, its upper harmonics dying ``damping`` times k² a second: a pluck."""
    t = seconds(length)
    voice = np.zeros_like(t)
    for k in range(1, min(32, int(15_000 / frequency)) + 1):
        phase = 2 * np.pi * k * frequency * (1 + detune) * t
        voice += np.sin(phase) / k * np.exp(-damping * t * (1 + 0.15 * k * k))
    return voice


def kick() -> Samples:
    """Return a bass drum: a sine that falls from 160 to 48 Hz, with a click on top."""
    t = seconds(0.36)
    phase = 2 * np.pi * np.cumsum(48 + 112 * np.exp(-t * 30)) / SAMPLERATE
    click = 0.3 * np.sin(2 * np.pi * 2100 * t) * np.exp(-t * 400)
    return fade(np.sin(phase) * np.exp(-t * 9) + click, 5e-4, 0.05)


def clap(rng: np.random.Generator) -> Samples:
    """Return a hand clap: three quick bursts of noise and a tail."""
    t = seconds(0.25)
    bursts = sum(np.where(t >= at, np.exp(-np.maximum(t - at, 0) * 220), 0.0) for at in (0.0, 0.011, 0.023))
    return filtered_noise(rng, 0.25, 900, 6500) * fade(bursts + 0.5 * np.exp(-t * 22), 3e-4, 0.05)


def hat(rng: np.random.Generator, decay: float) -> Samples:
    """Return a hi-hat, closed (0.03 s) or open (0.12 s)."""
    length = 6 * decay
    return filtered_noise(rng, length, 7000, 16_000) * fade(np.exp(-seconds(length) / decay), 3e-4, 0.01)


@cache  # the same notes come round and round
def bass(note: int, length: float) -> Samples:
    """Return a plucked bass note."""
    pluck, body = harmonics(hertz(note), length, 2.5), harmonics(hertz(note), length, 1.0, 0.004)
    return fade(pluck + 0.4 * body, 0.004, 0.03)


@cache
def stab(note: int, detune: float) -> Samples:
    """Return one note of a short chord."""
    return fade(harmonics(hertz(note), 0.32, 4.0, detune), 0.003, 0.1)


@cache
def pad(note: int, length: float, detune: float) -> Samples:
    """Return one soft, slowly moving note."""
    t = seconds(length)
    voice = np.zeros_like(t)
    for k in range(1, 7):
        wobble = 1 + 0.3 * np.sin(2 * np.pi * (0.21 + 0.07 * k) * t + note + k)
        voice += np.sin(2 * np.pi * k * hertz(note) * (1 + detune) * t + k * note) / k**1.7 * wobble
    return fade(voice, 0.6, 0.6)


@cache
def bell(note: int, length: float, brightness: float = 1.5) -> Samples:
    """Return a bell of two sines, one bending the other, with a late vibrato."""
    t = seconds(length + 0.35)
    phase = 2 * np.pi * hertz(note) * t + 0.12 * np.sin(2 * np.pi * 5.2 * t) * np.minimum(1, t * 2)
    bend = brightness * np.exp(-t * 6) * np.sin(2 * phase)
    return fade(np.sin(phase + bend) * np.exp(-t * 2.2), 0.003, 0.3)
