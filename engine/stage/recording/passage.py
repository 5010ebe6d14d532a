"""The sound of a film: the samples that are heard while its pictures are seen, silence before and behind them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.borders.sound import Sound


class Passage:
    """Hands out a sound piece by piece, from its sample ``begins`` on."""

    def __init__(self, sound: Sound | None, begins: int = 0) -> None:
        """The first sample handed out is ``begins``, before which there is silence if it is below 0."""
        self._sound, self._begins = sound, begins
        self._played = 0  # samples

    def until(self, end: float) -> NDArray[np.float32]:
        """Return the next samples up to ``end`` seconds, float32 [n, channels]; none where there is no sound."""
        if self._sound is None:
            return np.zeros((0, 2), np.float32)
        begin, stop = self._played, round(end * self._sound.samplerate)
        piece = self._sound.read(self._begins + begin, self._begins + stop)
        before = min(max(0, -(self._begins + begin)), stop - begin)  # samples that are due before the sound begins
        after = stop - begin - before - len(piece)
        self._played = stop
        return np.pad(piece, ((before, after), (0, 0))) if before or after else piece
