"""What the ears hear in a song, to read: its length, tempo, onsets, loudness, and what would make a picture move."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.songs.song import AnySong
from engine.borders.features import AudioFeatures
from engine.control.routing.sources import AUDIO_SOURCES

SILENT_DBFS = -60.0  # level; softer than that is silence
WINDOW_SECONDS = 10.0  # s; the length of a passage
BAR_CELLS = 20
MOVERS = {  # sources of a route, and what they are
    "audio.level": "loudness",
    "audio.bass": "bass, below 150 Hz",
    "audio.mid": "middle",
    "audio.treble": "treble, above 2500 Hz",
    "audio.onset_strength": "beginnings of sounds",
}
FULL = {"audio.level": 0.3, "audio.onset_strength": 1.0}  # of a source, the swing that fills the bar
FULL_BAND = 2.0  # likewise of a band, which is relative to its own average
LITTLE, MUCH = 0.15, 0.5  # of the bar; below the first a source hardly moves, above the second it moves much


def summary(song: AnySong, result: dict[str, Any], heard: Sequence[AudioFeatures]) -> list[str]:
    """Return the lines; ``result`` is the contract's dictionary of the same song, ``heard`` its hops."""
    sound = "mono" if song.channels == 1 else "stereo"
    lines = [
        f"{song.path.name}: {clock(song.duration)}, {song.samplerate} Hz, {sound}",
        f"tempo      {_tempo(result)}",
        f"onsets     {_onsets(result, song.duration)}",
        f"loudness   {_loudness(heard)}",
    ]
    swings = {name: swing(name, heard) for name in MOVERS}
    if all(high <= low for low, high in swings.values()):
        return [*lines, "Nothing in it would move a picture: it is silent."]
    lines.append("What would make a picture move, as the source of a route (docs/presets.md):")
    shares = {name: min(1.0, (high - low) / FULL.get(name, FULL_BAND)) for name, (low, high) in swings.items()}
    for name in sorted(shares, key=lambda name: -shares[name]):
        bar, (low, high) = "#" * round(shares[name] * BAR_CELLS), swings[name]
        moves = f"{_words(shares[name])}, {low:.2f} to {high:.2f}"
        lines.append(f"  {name:<20} {bar:<{BAR_CELLS}} {moves}: {MOVERS[name]}")
    if result["bpm"]:
        lines.append(f"  {'beat, audio.beat_phase':<41} every {60.0 / result['bpm']:.2f} s")
    if result.get("downbeats"):
        lines.append(f"  {'beat.bar, audio.bar_phase':<41} {len(result['downbeats'])} bars are told")
    return lines


def clock(seconds: float) -> str:
    """Return 0:07, 3:25 or 1:02:03."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def swing(name: str, heard: Sequence[AudioFeatures]) -> tuple[float, float]:
    """Return between what a source goes up and down through the song: its 10th percentile and its 95th."""
    values = _values(name, heard)
    low, high = np.percentile(values, (10, 95)) if len(values) else (0.0, 0.0)
    return float(low), float(high)


def _tempo(result: dict[str, Any]) -> str:
    if not result["bpm"]:
        return "none is heard: a route on the beat would have nothing to go by; tap it in the show (Space)"
    beats = result["beats"]
    first = f", the first at {beats[0]:.1f} s" if beats else ""
    return f"{result['bpm']:.1f} bpm; {len(beats)} beats{first}"


def _onsets(result: dict[str, Any], seconds: float) -> str:
    times = np.array([onset["time"] for onset in result["onsets"]])
    if not len(times):
        return "none"
    counts = np.searchsorted(times, times + WINDOW_SECONDS) - np.arange(len(times))
    busiest = f"; most from {clock(times[counts.argmax()])} on, {counts.max()} in ten seconds"
    rate = f"{len(times)}, {len(times) / seconds:.1f} a second"
    return rate + (busiest if seconds > 2 * WINDOW_SECONDS else "")


def _loudness(heard: Sequence[AudioFeatures]) -> str:
    """Say how loud the song is in the mean and in its loudest ten seconds."""
    power = _values("audio.rms", heard) ** 2
    if not len(power) or dbfs(float(power.max())) < SILENT_DBFS:
        return "silent"
    hops = max(1, round(len(power) * WINDOW_SECONDS / max(WINDOW_SECONDS, heard[-1].time)))
    passages = np.convolve(power, np.full(hops, 1.0 / hops), "valid")
    loudest = int(passages.argmax())
    text = f"{-dbfs(float(power.mean())):.0f} dB below full scale in the mean"
    if heard[-1].time > 2 * WINDOW_SECONDS:
        text += f"; loudest from {clock(heard[loudest].time)} on ({-dbfs(float(passages[loudest])):.0f} dB)"
        text += f", softest from {clock(heard[int(passages.argmin())].time)} on ({-dbfs(float(passages.min())):.0f} dB)"
    return text


def _values(source: str, heard: Sequence[AudioFeatures]) -> NDArray[np.float64]:
    return np.array([AUDIO_SOURCES[source](hop) for hop in heard], np.float64)


def dbfs(power: float) -> float:
    """Return a mean square as a level, at least -99 dB."""
    return max(-99.0, 10.0 * math.log10(max(power, 1e-12)))


def _words(share: float) -> str:
    return "hardly" if share < LITTLE else "much" if share > MUCH else "some"
