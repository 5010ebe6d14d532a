"""Teachers that hear a whole recorded song, its future too, and write down what a causal listener should have heard.

usage: python -m tools.ears.teachers FOLDER      (every NAME.wav gets a NAME.json)

Four vote: SuperFlux (Böck and Widmer, "Maximum filter vibrato suppression for onset detection", DAFx 2013), written
here and with peaks picked in the song's own future, and three of aubio's detection functions: high-frequency content,
the complex domain and the spectral flux. SuperFlux has two votes where it hears much.
Two votes are an onset; where there is one the answer is left open ("unsure"); elsewhere there is none.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path

import aubio
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, maximum_filter1d, uniform_filter1d

from engine.audio.hearing.spectrum import Vector
from tools.ears.songs import SAMPLERATE, mono

FLUX_HOP, FLUX_WINDOW = 220, 2048  # samples; 5 ms, 46 ms
FLUX_BANDS, FLUX_RANGE = 24, (30.0, 17000.0)  # an octave, Hz
FLUX_BACK, FLUX_WIDE = 2, 3  # steps back that growth is measured over, bands over which the loudest counts
FLUX_EARLY_SECONDS = 0.0035  # a peak of growth lies this much before an onset, measured on tools.ears.mixes
PEAK_SECONDS, MEAN_SECONDS, APART_SECONDS = 0.03, 0.10, 0.03  # a peak is the largest within, and above the mean within
GROWTHS = (0.05, 0.10, 0.25)  # of the song's 98th percentile, above the mean: heard at all; one vote; two votes
FUNCTIONS = ("hfc", "complex", "specflux")  # of aubio; a vote each
AUBIO_WINDOW, AUBIO_HOP = 1024, 256  # samples
VOTES = 2  # of five; an onset has at least this many
SAME_SECONDS = 0.04  # two teachers mean the same onset within

Numbers = NDArray[np.float64]


def filterbank() -> Vector:
    """Return triangular filters [bins, bands] of area 1, FLUX_BANDS to the octave around 440 Hz, each bin once."""
    low, high = (math.log2(hz / 440.0) * FLUX_BANDS for hz in FLUX_RANGE)
    tones = 440.0 * 2.0 ** (np.arange(math.ceil(low), math.floor(high) + 1) / FLUX_BANDS)
    edges = np.unique(np.round(tones * FLUX_WINDOW / SAMPLERATE).astype(int).clip(1, FLUX_WINDOW // 2 - 1))
    rows = np.zeros((len(edges) - 2, FLUX_WINDOW // 2), np.float32)
    for row, a, b, c in zip(rows, edges, edges[1:], edges[2:], strict=False):
        row[a:b] = np.linspace(0.0, 1.0, b - a, endpoint=False)
        row[b:c] = np.linspace(1.0, 0.0, c - b, endpoint=False)
        row /= row.sum()
    return np.ascontiguousarray(rows.T)


def magnitudes(samples: Vector) -> Vector:
    """Return the magnitudes [frames, bins] of frames centred on every FLUX_HOP-th sample."""
    padded = np.pad(samples, (FLUX_WINDOW // 2, FLUX_WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FLUX_WINDOW)[::FLUX_HOP]
    frames = frames[: math.ceil(len(samples) / FLUX_HOP)]
    shape = np.hanning(FLUX_WINDOW).astype(np.float32)
    parts = [np.abs(np.fft.rfft(frames[i : i + 2048] * shape)) for i in range(0, len(frames), 2048)]
    return np.concatenate(parts)[:, : FLUX_WINDOW // 2].astype(np.float32)


def superflux(samples: Vector) -> tuple[Numbers, Numbers]:
    """Return where sounds begin, in seconds, and how much the spectrum grows there."""
    levels = np.log10(1.0 + magnitudes(samples) @ filterbank())
    widest = maximum_filter(levels, (1, FLUX_WIDE))
    growth = np.zeros(len(levels))
    growth[FLUX_BACK:] = np.maximum(levels[FLUX_BACK:] - widest[:-FLUX_BACK], 0.0).mean(axis=1)
    growth = growth / max(1e-9, np.percentile(growth, 98))
    step = FLUX_HOP / SAMPLERATE
    peak = maximum_filter1d(growth, 2 * round(PEAK_SECONDS / step) + 1)
    mean = uniform_filter1d(growth, 2 * round(MEAN_SECONDS / step) + 1)
    times: list[float] = []
    strengths: list[float] = []
    for index in np.nonzero((growth == peak) & (growth > mean + GROWTHS[0]))[0]:
        time = index * step + FLUX_EARLY_SECONDS
        if not times or time - times[-1] > APART_SECONDS:
            times.append(time)
            strengths.append(growth[index] - mean[index])
    return np.array(times), np.array(strengths)


def detected(samples: Vector, function: str) -> Numbers:
    """Return where aubio's onset detector with a detection function hears onsets, in seconds."""
    detector = aubio.onset(function, AUBIO_WINDOW, AUBIO_HOP, SAMPLERATE)
    count = len(samples) // AUBIO_HOP * AUBIO_HOP
    return np.array([float(detector.get_last_s()) for hop in samples[:count].reshape(-1, AUBIO_HOP) if detector(hop)])


def near(times: Numbers, others: Numbers) -> NDArray[np.bool_]:
    """Return for each of ``times`` whether one of ``others`` (ascending) lies within SAME_SECONDS."""
    index = np.searchsorted(others, times)
    padded = np.concatenate([[-math.inf], others, [math.inf]])
    nearest = np.minimum(np.abs(times - padded[index]), np.abs(times - padded[index + 1]))
    same: NDArray[np.bool_] = nearest <= SAME_SECONDS
    return same


def label(samples: Vector) -> dict[str, list[float] | list[str]]:
    """Return the onsets of a song that the teachers agree on, those that only one hears (seconds), and who they are."""
    times, strengths = superflux(samples)
    heard = [np.sort(detected(samples, function)) for function in FUNCTIONS]
    votes = np.sum([strengths > least for least in GROWTHS[1:]] + [near(times, own) for own in heard], axis=0)
    alone = [own[~near(own, times)] for own in heard]
    unsure = np.sort(np.concatenate([times[votes < VOTES], *alone]))
    told = {"onsets": times[votes >= VOTES], "unsure": unsure}
    return {**{name: np.round(each, 4).tolist() for name, each in told.items()}, "teachers": ["superflux", *FUNCTIONS]}


def main(argv: Sequence[str] | None = None) -> int:
    """Label every song of a folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    args = parser.parse_args(argv)
    for path in sorted(args.folder.glob("*.wav")):
        path.with_suffix(".json").write_text(json.dumps(label(mono(path))) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
