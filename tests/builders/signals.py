"""Sounds whose analysis is known: clicks, sines, noise, and files of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

import av
import numpy as np
from numpy.typing import NDArray

SAMPLERATE = 44100
Samples: TypeAlias = NDArray[np.floating[Any]]


def rms_dbfs(samples: Samples, dbfs: float) -> NDArray[np.float32]:
    """Return samples scaled to an RMS level."""
    return np.asarray(samples / np.sqrt(np.mean(samples**2)) * 10 ** (dbfs / 20), dtype=np.float32)


def sine(frequency: float, seconds: float, amplitude: float = 0.5, samplerate: int = SAMPLERATE) -> NDArray[np.float32]:
    phase = 2 * np.pi * frequency * np.arange(int(seconds * samplerate)) / samplerate
    return np.asarray(amplitude * np.sin(phase), dtype=np.float32)


def pink(seconds: float, dbfs: float, seed: int = 0, samplerate: int = SAMPLERATE) -> NDArray[np.float32]:
    """Noise with equal power in every octave from 20 Hz."""
    count = int(seconds * samplerate)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    frequencies = np.maximum(np.fft.rfftfreq(count, 1 / samplerate), 1.0)
    return rms_dbfs(np.fft.irfft(np.where(frequencies < 20, 0, spectrum / np.sqrt(frequencies)), count), dbfs)


def clicks(
    times: Iterable[float],
    seconds: float,
    peak: float = 0.5,
    noise_dbfs: float = -60.0,
    seed: int = 0,
    samplerate: int = SAMPLERATE,
) -> NDArray[np.float32]:
    """Decaying bursts of noise, 30 ms each, at known times, in a quiet room."""
    rng = np.random.default_rng(seed)
    sound = rng.standard_normal(int(seconds * samplerate)) * 10 ** (noise_dbfs / 20)
    length = int(0.03 * samplerate)
    for time in times:
        burst = rng.uniform(-peak, peak, length) * np.exp(-np.arange(length) / (0.006 * samplerate))
        start = round(time * samplerate)
        part = sound[start : start + length]
        part += burst[: len(part)]
    return sound.astype(np.float32)


def write(
    path: Path,
    samples: Samples,
    samplerate: int = SAMPLERATE,
    codec: str = "pcm_s16le",
    layout: str = "stereo",
    sample_format: str = "s16",
) -> Path:
    """Encode samples [n, channels] into a file; its suffix says which container."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=samplerate)
        assert isinstance(stream, av.AudioStream)
        stream.layout = layout
        stream.format = sample_format
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T, np.float32), "fltp", layout)
        frame.sample_rate = samplerate
        frame.pts = 0
        size = stream.codec_context.frame_size or 4096
        resampler = av.AudioResampler(sample_format, layout, samplerate, frame_size=size)
        for source in (frame, None):
            for piece in resampler.resample(source):
                container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path
