"""The pitch class that sounds most: C, C sharp, … B, whatever the octave.

The power of the bins is folded onto the twelve classes of equal temperament (Fujishima, "Realtime chord recognition of
musical sound", ICMC 1999), smoothed, and the strongest class is held until another is clearly stronger.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.audio.hearing.spectrum import Vector

LOWEST_HZ, HIGHEST_HZ = 180.0, 2000.0  # below, a bin is wider than a class; above lie mostly overtones
C4_HZ = 261.6256
WIDTH = 0.5  # semitones; from a class's middle to where it ends
SMOOTH_SECONDS = 0.4  # time constant of a class's power
STRONGER = 1.25  # times; another class that is this much stronger than the held one takes over


class PitchClass:
    """The dominant pitch class: ``value`` is 0 for C, 1/12 for C sharp, … 11/12 for B; it stays in silence."""

    def __init__(self, frequencies: NDArray[np.floating], seconds: float) -> None:
        """``frequencies`` are the bins' (Hz) [bins]; ``seconds`` lie between two calls."""
        within = (frequencies >= LOWEST_HZ) & (frequencies <= HIGHEST_HZ)
        self._part = slice(int(within.argmax()), int(within.argmax() + within.sum()))
        semitones = 12.0 * np.log2(frequencies[self._part] / C4_HZ)
        away = np.abs((semitones[None, :] - np.arange(12)[:, None] + 6.0) % 12.0 - 6.0)  # [12, bins]
        tilt = LOWEST_HZ / frequencies[self._part]  # higher bins lie closer together on the scale of pitch
        self._fold = ((away <= WIDTH) * (1.0 - away / (2.0 * WIDTH)) * tilt).astype(np.float32)
        self._share = 1.0 - math.exp(-seconds / SMOOTH_SECONDS)
        self._power = [0.0] * 12
        self._held = 0
        self.value = 0.0
        self.now = [0.0] * 12  # the power of each class in the newest spectrum

    def __call__(self, magnitudes: Vector, gate: float) -> None:
        """Hear ``magnitudes`` [bins]; a ``gate`` of 0 says that there is only the room's noise."""
        if gate <= 0.0:
            return
        part = magnitudes[self._part]
        self.now = self._fold.dot(part * part).tolist()
        share = self._share
        power = self._power = [mean + share * (now - mean) for mean, now in zip(self._power, self.now, strict=True)]
        best = power.index(max(power))
        if power[best] > STRONGER * power[self._held]:
            self._held = best
            self.value = best / 12.0
