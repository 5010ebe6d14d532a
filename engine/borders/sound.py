"""What a part needs of a sound that it plays, hears or films: samples by their place, and how many there are."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]  # [n, channels], nominally -1..1


class Sound(Protocol):
    """Samples that are read by their place. Several threads may read at once."""

    @property
    def samplerate(self) -> int:
        """Return the samples a second, 44100 or 48000."""
        ...

    @property
    def channels(self) -> int:
        """Return the number of channels, 1 or 2."""
        ...

    @property
    def duration(self) -> float:
        """Return the length in seconds: of a long song what its file says, until its end has been read."""
        ...

    def read(self, begin: int, end: int) -> Samples:
        """Return the samples from ``begin`` to ``end`` (not included), float32 [n, channels], fewer at the end."""
        ...


def mono(samples: Samples) -> NDArray[np.float32]:
    """Return the mean of the channels, float32 [n]."""
    return np.ascontiguousarray(samples.mean(axis=1, dtype=np.float32))
