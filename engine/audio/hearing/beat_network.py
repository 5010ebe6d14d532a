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
from numpy.typing import NDArray

from engine.audio.hearing.spectrum import Bins, Vector, transform

WEIGHTS = Path(__file__).with_name("beat.npz")
FRAME_SECONDS = 0.020
RATE, WINDOW = 22050, 1411  # Hz, samples; the network learned from windows of this length at this rate
KEPT = 4  # frames; samples of as many are taken before the older ones are let go
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
        self._window = (np.hanning(self._length) * scale * self._length).astype(np.float32)  # see `transform`
        self._bands = _Bands()
        self._samples = np.zeros(self._length + KEPT * self._hop, np.float32)  # oldest first
        self._end = self._length - self._hop  # of the newest sample
        self._start = 0  # of the next frame
        self._views = np.zeros(2 * self._bands.count, np.float32)  # levels, then their growth
        self._level, self._growth = self._views.reshape(2, -1)
        self._before = np.zeros_like(self._level)
        self._one, self._none = np.ones_like(self._level), np.zeros_like(self._level)
        with np.load(WEIGHTS) as file:
            weights = {name: file[name].astype(np.float32) for name in file.files}
        self._net = _Net(weights, self._views)
        self.firsts: list[float] = []  # of the last block's frames, the likelihood (0..1) of the first beat of a bar

    def __call__(self, block: Vector) -> list[float]:
        """Return the likelihood (0..1) of a beat, of each frame that ``block`` [samples] completes."""
        answers = []
        self.firsts = []
        while len(block):
            if self._end == len(self._samples):
                self._samples[: self._end - self._start] = self._samples[self._start :]
                self._start, self._end = 0, self._end - self._start
            taken = min(len(block), len(self._samples) - self._end)
            self._samples[self._end : self._end + taken] = block[:taken]
            block, self._end = block[taken:], self._end + taken
            while (after := self._start + self._length) <= self._end:
                answers.append(self._hear(self._samples[self._start : after]))
                self.firsts.append(self._net.first)
                self._start += self._hop
        return answers

    def _hear(self, samples: Vector) -> float:
        """Return what the network says of a window of samples."""
        level, growth = self._level, self._growth
        np.add(self._bands(transform(samples * self._window)), self._one, level)
        np.log10(level, level)
        np.subtract(level, self._before, growth)
        np.maximum(growth, self._none, out=growth)
        self._before[:] = level
        return self._net()


class _Net:
    """The network's pass forward; it remembers earlier frames."""

    SCRATCH = ("_columns", "_found", "_pooled", "_gates")

    def __init__(self, w: dict[str, Vector], views: Vector) -> None:
        """``views`` [2 * bands] holds what a call reads."""
        # A call into NumPy costs more than the numbers it works on: biases are columns that meet a constant 1.
        self._kernel = np.column_stack([w["kernel"], w["kernel_bias"]])  # [2, 11]
        self._patches = sliding_window_view(views, w["kernel"].shape[1]).T  # [10, places]
        self._columns = np.ones((len(self._patches) + 1, self._patches.shape[1]), np.float32)
        self._found = np.zeros((2, self._patches.shape[1]), np.float32)
        even = self._found.shape[1] // 2 * 2
        self._pairs = self._found[:, 0:even:2], self._found[:, 1:even:2]
        self._pooled = np.ones(even + 1, np.float32)  # of both kernels, and a 1
        self._none = np.zeros(even, np.float32)
        self._dense = np.column_stack([w["dense"], w["dense_bias"]])  # [units, 2 * pooled + 1]
        self._layers = [_layer(w["heard1"], w["kept1"], w["bias1"]), _layer(w["heard2"], w["kept2"], w["bias2"], 1)]
        self._out = np.column_stack([w["out_bias"], w["out"]])  # [3, 1 + memory]
        size = w["out"].shape[1]
        # What the dense layer says, what the first layer said, a 1, what the second layer said: each layer's inputs,
        # and those of the last, lie side by side.
        units = len(w["dense"])
        self._joined = np.zeros(units + 2 * size + 1, np.float32)
        self._joined[units + size] = 1.0
        self._units = self._joined[:units]
        self._inputs = self._joined[: units + size + 1], self._joined[units:]
        self._said = self._joined[units : units + size], self._joined[units + size + 1 :]
        self._cells = np.zeros((2, size), np.float32)
        self._gates = np.zeros(4 * size, np.float32)
        self._parts = tuple(self._gates.reshape(4, size))
        # The logistic function of x is 0.5 + 0.5 * tanh(0.5 * x); the inner half is in the layers' weights.
        self._scale = np.repeat(np.array([0.5, 0.5, 1.0, 0.5], np.float32), size)
        self._shift = np.repeat(np.array([0.5, 0.5, 0.0, 0.5], np.float32), size)
        self.first = 0.0  # the likelihood of the first beat of a bar in the last frame

    def __call__(self) -> float:
        """Return the likelihood of a beat (a downbeat is one)."""
        self._columns[:-1] = self._patches
        self._kernel.dot(self._columns, self._found)
        pooled = self._pooled[:-1]
        np.maximum(*self._pairs, out=pooled.reshape(2, -1))
        np.maximum(pooled, self._none, out=pooled)
        self._dense.dot(self._pooled, self._units)
        gates = self._gates
        opened, kept, candidate, shown = self._parts
        for weights, inputs, said, cell in zip(self._layers, self._inputs, self._said, self._cells, strict=True):
            weights.dot(inputs, gates)
            np.tanh(gates, gates)
            np.multiply(gates, self._scale, gates)
            np.add(gates, self._shift, gates)
            np.multiply(cell, kept, cell)
            np.multiply(candidate, opened, candidate)
            np.add(cell, candidate, cell)
            np.tanh(cell, said)
            np.multiply(said, shown, said)
        beat, downbeat, neither = self._out.dot(self._joined[-self._out.shape[1] :]).tolist()
        first = math.exp(min(30.0, downbeat - neither))
        total = 1.0 + math.exp(min(30.0, beat - neither)) + first
        self.first = first / total
        return 1.0 - 1.0 / total


def _layer(heard: Vector, kept: Vector, bias: Vector, bias_after: int = 2) -> Vector:
    """Return one matrix [4 * memory, inputs] of a layer's weights and its bias, which is before or after ``kept``.

    The rows of four gates follow each other: in, forget, candidate, out.
    """
    columns = [heard, kept]
    columns.insert(bias_after, bias[:, None])
    size = kept.shape[1]
    halves = np.repeat(np.array([0.5, 0.5, 1.0, 0.5], np.float32), size)
    return np.concatenate(columns, axis=1) * halves[:, None]


class _Bands:
    """The sums over `bands`, of which at most two share a bin: of one it is in the rise, of the other in the fall."""

    SCRATCH = ("_products",)

    def __init__(self) -> None:
        weights, edges = bands(), _edges()
        self.count = weights.shape[1]
        self._bins = slice(int(edges[0]), int(edges[-1]))
        places = np.arange(edges[0], edges[-1])
        between = np.searchsorted(edges, places, side="right") - 1  # each bin lies behind that edge
        rise = np.where(between < self.count, weights[places, np.minimum(between, self.count - 1)], 0.0)
        fall = np.where(between > 0, weights[places, np.maximum(between - 1, 0)], 0.0)
        self._shares = np.stack([rise, fall]).astype(np.float32)
        self._products = np.zeros_like(self._shares)
        starts = edges[:-1] - edges[0]
        self._starts = np.concatenate([starts, starts + len(places)])

    def __call__(self, spectrum: Bins) -> Vector:
        """Return the sums [bands] of the magnitudes of ``spectrum`` [bins]."""
        np.multiply(self._shares, np.abs(spectrum[self._bins]), self._products)
        sums = np.add.reduceat(self._products.reshape(-1), self._starts)
        both: Vector = sums[: self.count] + sums[-self.count :]
        return both


def bands() -> Vector:
    """Return triangular bands [bins, bands] over the bins of a window, each of sum 1.

    The edges are the bins nearest to the quarter tones around TUNING, each bin once. They are those of the network's
    own window; a window as long at another samplerate has the same bins, and more above them.
    """
    edges = _edges()
    rows = np.zeros((len(edges) - 2, WINDOW // 2), np.float32)
    for row, a, b, c in zip(rows, edges, edges[1:], edges[2:], strict=False):
        row[a:b] = np.linspace(0.0, 1.0, b - a, endpoint=False)
        row[b:c] = np.linspace(1.0, 0.0, c - b, endpoint=False)
        row /= row.sum()
    return np.ascontiguousarray(rows.T)


def _edges() -> NDArray[np.int64]:
    """Return the bins at which bands begin, peak and end."""
    places = np.arange(WINDOW // 2) * RATE / WINDOW  # Hz
    first, last = (math.log2(hz / TUNING) * PER_OCTAVE for hz in RANGE)
    tones = TUNING * 2.0 ** (np.arange(math.ceil(first), math.floor(last) + 1) / PER_OCTAVE)
    right = np.clip(np.searchsorted(places, tones), 1, len(places) - 1)
    return np.unique(right - (tones - places[right - 1] < places[right] - tones)).astype(np.int64)
