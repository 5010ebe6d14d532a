"""The beat network: every 20 ms, how likely a beat lies there, and the first beat of a bar.

The network and its weights (beat.npz beside this file) are BeatNet's: Heydari, Cwitkowitz and Duan, "BeatNet: CRNN and
particle filtering for online joint beat, downbeat and meter tracking", ISMIR 2021; CC BY 4.0, see beat.md. It reads a
spectrum of 24 bands to the octave and its growth; a convolution over the bands and two layers of long short-term
memory (Hochreiter and Schmidhuber, 1997) follow. This is its pass forward in NumPy, hop by hop, at any samplerate.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.audio.hearing.spectrum import Vector

WEIGHTS = Path(__file__).with_name("beat.npz")
FRAME_SECONDS = 0.020
RATE, WINDOW = 22050, 1411  # Hz, samples; the network learned from windows of this length at this rate
PER_OCTAVE, RANGE, TUNING = 24, (30.0, 17000.0), 440.0  # bands in an octave; Hz, Hz


class BeatNetwork:
    """Reads a stream in blocks of any size and remembers between them."""

    def __init__(self, samplerate: int) -> None:
        """``samplerate`` in Hz."""
        self._hop = round(FRAME_SECONDS * samplerate)  # samples
        self._length = round(WINDOW / RATE * samplerate)  # samples
        self.frame_seconds = self._hop / samplerate
        self.delay_seconds = 0.5 * self._length / samplerate  # from the middle of a window to its end
        scale = WINDOW / self._length  # a longer window of the same sound sums to more
        self._window = (np.hanning(self._length) * scale).astype(np.float32)
        self._bands = bands()
        self._samples = np.zeros(self._length - self._hop, np.float32)
        self._before = np.zeros(self._bands.shape[1], np.float32)
        self._views = np.zeros(2 * self._bands.shape[1], np.float32)  # levels, then their growth
        with np.load(WEIGHTS) as file:
            weights = {name: file[name].astype(np.float32) for name in file.files}
        self._net = _Net(weights, self._views)
        self.firsts: list[float] = []  # of the last block's frames, the likelihood (0..1) of the first beat of a bar

    def __call__(self, block: Vector) -> list[float]:
        """Return the likelihood (0..1) of a beat, of each frame that ``block`` [samples] completes."""
        samples = np.concatenate([self._samples, block])
        answers, start = [], 0
        self.firsts = []
        while start + self._length <= len(samples):
            answers.append(self._hear(samples[start : start + self._length]))
            self.firsts.append(self._net.first)
            start += self._hop
        self._samples = samples[start:]
        return answers

    def _hear(self, samples: Vector) -> float:
        """Return what the network says of a window of samples."""
        magnitudes = np.abs(np.fft.rfft(samples * self._window))[: len(self._bands)].astype(np.float32, copy=False)
        level = np.log10(1.0 + magnitudes @ self._bands)
        count = len(level)
        self._views[:count] = level
        np.subtract(level, self._before, out=self._views[count:])
        np.maximum(self._views[count:], 0.0, out=self._views[count:])
        self._before = level
        return self._net()


class _Net:
    """The network's pass forward; it remembers earlier frames."""

    def __init__(self, w: dict[str, Vector], views: Vector) -> None:
        """``views`` [2 * bands] holds what a call reads."""
        self._kernel, self._kernel_bias = w["kernel"], w["kernel_bias"][:, None]  # [2, 10], [2, 1]
        self._dense, self._dense_bias = w["dense"], w["dense_bias"]  # [units, 2 * pooled], [units]
        # The rows of four gates follow each other: in, forget, candidate, out.
        self._layers = [(w[f"heard{n}"], w[f"kept{n}"], w[f"bias{n}"]) for n in (1, 2)]
        self._patches = sliding_window_view(views, self._kernel.shape[1]).T  # [10, places]
        self._out, self._out_bias = w["out"], w["out_bias"]  # [3, memory], [3]
        size = self._out.shape[1]
        self._memory = [(np.zeros(size, np.float32), np.zeros(size, np.float32)) for _ in self._layers]
        self.first = 0.0  # the likelihood of the first beat of a bar in the last frame

    def __call__(self) -> float:
        """Return the likelihood of a beat (a downbeat is one)."""
        found = np.maximum(self._kernel @ self._patches + self._kernel_bias, 0.0)  # [2, places]
        even = found.shape[1] // 2 * 2
        pooled = np.maximum(found[:, 0:even:2], found[:, 1:even:2])
        units = self._dense @ pooled.ravel() + self._dense_bias
        for layer, (heard, kept, bias) in enumerate(self._layers):
            said, cell = self._memory[layer]
            size = len(cell)
            gates = heard @ units + kept @ said + bias
            opened = 0.5 + 0.5 * np.tanh(0.5 * gates)
            cell = opened[size : 2 * size] * cell + opened[:size] * np.tanh(gates[2 * size : 3 * size])
            units = opened[3 * size :] * np.tanh(cell)
            self._memory[layer] = (units, cell)
        beat, downbeat, neither = (self._out @ units + self._out_bias).tolist()
        first = math.exp(min(30.0, downbeat - neither))
        total = 1.0 + math.exp(min(30.0, beat - neither)) + first
        self.first = first / total
        return 1.0 - 1.0 / total


def bands() -> Vector:
    """Return triangular bands [bins, bands] over the bins of a window, each of sum 1.

    The edges are the bins nearest to the quarter tones around TUNING, each bin once. They are those of the network's
    own window; a window as long at another samplerate has the same bins, and more above them.
    """
    places = np.arange(WINDOW // 2) * RATE / WINDOW  # Hz
    first, last = (math.log2(hz / TUNING) * PER_OCTAVE for hz in RANGE)
    tones = TUNING * 2.0 ** (np.arange(math.ceil(first), math.floor(last) + 1) / PER_OCTAVE)
    right = np.clip(np.searchsorted(places, tones), 1, len(places) - 1)
    edges = np.unique(right - (tones - places[right - 1] < places[right] - tones))
    rows = np.zeros((len(edges) - 2, len(places)), np.float32)
    for row, a, b, c in zip(rows, edges, edges[1:], edges[2:], strict=False):
        row[a:b] = np.linspace(0.0, 1.0, b - a, endpoint=False)
        row[b:c] = np.linspace(1.0, 0.0, c - b, endpoint=False)
        row /= row.sum()
    return np.ascontiguousarray(rows.T)
