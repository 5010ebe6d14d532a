"""The spectra that onsets are found in: bands of two windows at each step, and half-way to it, above the room's noise.

The long window separates low notes, the short one reacts early.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.audio.hearing.spectrum import NoiseFloor, Spectrum, Vector, fft_length, log_centres, transform, triangles

STEP_SECONDS = 128 / 44100  # length of a step, which is rounded to a power of two of samples
# The next two have one row for each of the two windows.
WINDOWS = ((0.0464, 0.004), (0.0116, 0.002))  # seconds; length and rise
BANDS = ((40.0, 1250.0, 12.0, 22.0), (200.0, 16500.0, 5.0, 90.0))  # Hz, Hz, per octave, Hz: range, density, least gap
ROOM_DBFS = -50.0  # RMS level; steady pink noise up to here has no onsets
AT_ONCE = 4  # half steps, at most, whose transforms are taken together
KEPT = 32  # half steps; samples of as many are taken before the older ones are let go


class Ear:
    """The levels of all bands of both windows, in decades above the room's noise."""

    def __init__(self, samplerate: int) -> None:
        """``samplerate`` in Hz."""
        self.step = 2 ** round(math.log2(STEP_SECONDS * samplerate))  # samples
        self.half = self.step // 2  # samples
        self.seconds = self.step / samplerate
        self.spectra = [
            Spectrum(fft_length(length, samplerate), round(rise * samplerate), samplerate, 1.2 * bands[1])
            for (length, rise), bands in zip(WINDOWS, BANDS, strict=True)
        ]
        centres = [log_centres(*bands) for bands in BANDS]
        self.counts = [len(own) for own in centres]  # bands in each window
        self.centres = np.concatenate(centres)  # Hz [bands]
        self.weights = [triangles(s.frequencies, own).T.copy() for s, own in zip(self.spectra, centres, strict=True)]
        self.memory = max(spectrum.length for spectrum in self.spectra)  # samples that a step reads
        self._floor = NoiseFloor(self._join([spectrum.pink(ROOM_DBFS) for spectrum in self.spectra]), self.seconds)
        self._one = np.ones(len(self.centres), np.float32)

    @property
    def floor(self) -> Vector:
        """Return the magnitudes [bands] that levels are relative to."""
        return self._floor.level

    def bands(self, samples: Vector) -> Vector:
        """Return the magnitudes [..., bands] of the newest of ``samples`` [..., memory]."""
        return self._join([spectrum(samples) for spectrum in self.spectra])

    def level(self, bands: Vector, follow: bool = True, out: Vector | None = None) -> Vector:
        """Return the levels [bands] of magnitudes [bands], in ``out`` if it is given.

        Call it once a step: it follows the noise. Without ``follow`` the noise is that of the last step.
        """
        levels: Vector = np.divide(bands, self._floor(bands) if follow else self._floor.level, out)
        np.add(levels, self._one, levels)
        return np.log10(levels, levels)

    def _join(self, magnitudes: Sequence[Vector]) -> Vector:
        return np.concatenate([m @ w for m, w in zip(magnitudes, self.weights, strict=True)], axis=-1)


class HalfSteps:
    """The bands of a stream at the end of each half step. The size of the blocks does not matter."""

    SCRATCH = ("_rows", "beside")

    def __init__(self, ear: Ear) -> None:
        """``ear`` says what a half step is, and has the windows."""
        self._half, self._memory = ear.half, ear.memory
        self._samples = np.zeros(ear.memory + KEPT * ear.half, np.float32)  # oldest first
        self._end = ear.memory  # of the newest sample
        self._done = 0  # half steps from the beginning of the samples
        self._long, self._short = (_Window(ear, each, self._samples) for each in (0, 1))
        split = ear.counts[0]
        self._rows = np.zeros((AT_ONCE, len(ear.centres)), np.float32)
        self._parts = [  # of each half step what is heard, and the bands that are told; all are views
            (of_long, of_short, row[:split], row[split:], row)
            for of_long, of_short, row in zip(self._long.magnitudes, self._short.magnitudes, self._rows, strict=True)
        ]
        self.beside: Vector | None = None  # the magnitudes [bins] of another spectrum at the end of the last block

    def __call__(self, block: Vector, beside: Spectrum | None = None) -> Iterator[Vector]:
        """Yield the magnitudes [bands] at the end of each half step that ``block`` [samples] completes.

        Each holds until the next one. It does not depend on how many there are: only the transforms are taken
        together, for one takes longer to begin than to go on. That of another spectrum, ``beside``, is taken with
        them where it fits: it is as long as the long window, and the block ends with a half step.
        """
        self.beside = None
        if beside is not None and beside.length != self._memory:
            beside = None
        begin, count = 0, len(block)
        while begin < count:
            if self._end == len(self._samples):
                self._samples[: self._memory] = self._samples[-self._memory :]
                self._end, self._done = self._memory, 0
            taken = min(count - begin, len(self._samples) - self._end)
            self._samples[self._end : self._end + taken] = block[begin : begin + taken]
            begin, self._end = begin + taken, self._end + taken
            halves, rest = divmod(self._end - self._memory, self._half)
            while self._done < halves:
                first, self._done = self._done + 1, min(self._done + AT_ONCE, halves)
                last = self._done == halves and begin == count and not rest
                yield from self._bands(first, self._done + 1, beside if last else None)

    def _bands(self, begin: int, end: int, beside: Spectrum | None) -> Iterator[Vector]:
        """Yield the magnitudes [bands] of half steps, by their number among the samples."""
        self.beside = self._long.hear(begin, end, beside)
        self._short.hear(begin, end)
        low, high = self._long.weights, self._short.weights
        for of_long, of_short, left, right, row in self._parts[: end - begin]:
            of_long.dot(low, left)
            of_short.dot(high, right)
            yield row


class _Window:
    """One of the windows of an ear, at each half step in the samples of a stream."""

    SCRATCH = ("_windowed", "_spectra", "magnitudes")

    def __init__(self, ear: Ear, number: int, samples: Vector) -> None:
        """``samples`` begin with those of the first half step."""
        spectrum = ear.spectra[number]
        length = spectrum.length
        self.weights = ear.weights[number]
        self._window, self._bins = spectrum.window, len(spectrum.frequencies)
        self._frames = sliding_window_view(samples[ear.memory - length :], length)[:: ear.half]  # nothing is copied
        self._windowed = np.zeros((AT_ONCE + 1, length), np.float32)
        self._spectra = np.zeros((AT_ONCE + 1, length // 2 + 1), np.complex64)
        self.magnitudes = np.zeros((AT_ONCE, self._bins), np.float32)  # of the last half steps

    def hear(self, begin: int, end: int, beside: Spectrum | None = None) -> Vector | None:
        """Let ``magnitudes`` be those of some half steps; return those of the last one by another spectrum."""
        frames, count = self._frames[begin:end], end - begin
        rows = count if beside is None else count + 1
        np.multiply(frames, self._window, self._windowed[:count])
        if beside is not None:
            np.multiply(frames[-1], beside.window, self._windowed[count])
        spectra = transform(self._windowed[:rows], self._spectra[:rows])
        np.abs(spectra[:count, : self._bins], self.magnitudes[:count])
        return None if beside is None else np.abs(spectra[-1, : len(beside.frequencies)])
