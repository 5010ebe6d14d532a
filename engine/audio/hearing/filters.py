"""The filters of the ears: without rumble, and weighted as loudness is measured. They remember the samples before.

The weighting is that of ITU-R BS.1770-4; its coefficients are given for 48 kHz, the analogue prototypes behind them
(Brecht De Man, "Evaluation of implementations of the EBU R128 loudness measurement", AES 2018) give them at any
samplerate.
"""

from __future__ import annotations

import math

import aubio
import numpy as np

from engine.audio.hearing.spectrum import Vector

RUMBLE_HZ = 15.0  # cutoff; below it are rumble, DC and the errors of broken inputs
MAX_SAMPLE = 4.0  # times a sound card's full scale; samples are clipped here
SHELF_HZ, SHELF_DB, SHELF_Q = 1681.9745, 3.99984385, 0.70717524  # the head's; power of 0.4996667 at its middle
SHELF_MIDDLE = 0.4996667741545416
HIGHPASS_HZ, HIGHPASS_Q = 38.135471, 0.50032704


class Filters:
    """The filters of one stream. Each takes blocks of one length."""

    def __init__(self, samplerate: int, step: int) -> None:
        """``samplerate`` in Hz; what `clean` gets is a multiple of ``step`` samples."""
        self._step = step
        self._rumble = _butterworth(samplerate)
        self._weighting = (_shelf(samplerate), _highpass(samplerate))

    def clean(self, block: Vector) -> Vector:
        """Return a block of samples without NaN, infinity, DC and rumble."""
        if not (block.item(block.argmax()) <= MAX_SAMPLE and block.item(block.argmin()) >= -MAX_SAMPLE):  # also for NaN
            finite = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
            block = np.clip(finite, -MAX_SAMPLE, MAX_SAMPLE)
        block, filtered = block.astype(np.float32, copy=False), np.empty(len(block), np.float32)
        for at in range(0, len(block), self._step):
            filtered[at : at + self._step] = self._rumble(block[at : at + self._step])
        return filtered

    def weigh(self, clean: Vector) -> Vector:
        """Return a hop of what `clean` gave as loudness weighs it."""
        for each in self._weighting:
            clean = each(clean)
        return clean

    def pass_over(self, block: Vector) -> None:
        """Let a hop of samples go by."""
        self.weigh(self.clean(block))


def _butterworth(samplerate: int) -> aubio.digital_filter:
    """Return a second-order Butterworth high-pass (bilinear transform) that keeps its state."""
    w = math.tan(math.pi * RUMBLE_HZ / samplerate)
    norm = 1.0 / (1.0 + math.sqrt(2.0) * w + w * w)
    filt = aubio.digital_filter(3)
    filt.set_biquad(norm, -2.0 * norm, norm, 2.0 * (w * w - 1.0) * norm, (1.0 - math.sqrt(2.0) * w + w * w) * norm)
    return filt


def _shelf(samplerate: int) -> aubio.digital_filter:
    k = math.tan(math.pi * SHELF_HZ / samplerate)
    high = 10.0 ** (SHELF_DB / 20.0)
    middle = high**SHELF_MIDDLE
    norm = 1.0 + k / SHELF_Q + k * k
    filt = aubio.digital_filter(3)
    filt.set_biquad(
        (high + middle * k / SHELF_Q + k * k) / norm,
        2.0 * (k * k - high) / norm,
        (high - middle * k / SHELF_Q + k * k) / norm,
        2.0 * (k * k - 1.0) / norm,
        (1.0 - k / SHELF_Q + k * k) / norm,
    )
    return filt


def _highpass(samplerate: int) -> aubio.digital_filter:
    k = math.tan(math.pi * HIGHPASS_HZ / samplerate)
    norm = 1.0 + k / HIGHPASS_Q + k * k
    filt = aubio.digital_filter(3)
    filt.set_biquad(1.0, -2.0, 1.0, 2.0 * (k * k - 1.0) / norm, (1.0 - k / HIGHPASS_Q + k * k) / norm)
    return filt
