"""The beginning of the built-in song as a file: a show of some frames need not decode all of it."""

from __future__ import annotations

import functools
import wave
from pathlib import Path

import numpy as np

from engine.audio.songs.song import Song, whole
from engine.show.opening import find_song


@functools.cache
def _whole() -> Song:
    return whole(find_song("demo"))


def beginning(folder: Path, seconds: float = 6.0) -> str:
    """Write the first ``seconds`` to a file in ``folder``; return its path."""
    song, path = _whole(), folder / "beginning.wav"
    samples = np.clip(song.samples[: round(seconds * song.samplerate)], -1.0, 1.0)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(song.samplerate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return str(path)
