"""One channel of the input that carries timecode: blocks in the capture thread to readings for the show's clock."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.audio.hearing.ltc import LtcDecoder
from engine.borders.errors import Trouble
from engine.borders.timecode import Reading


class TimecodeTap:
    """Hears one channel of every block, and hands on what it understands."""

    def __init__(self, channel: int, put: Callable[[Reading], None], notify: Callable[[str], None]) -> None:
        """``channel`` counts from 1. ``put`` and ``notify`` are called in the thread that hears."""
        self.channel, self._put, self._notify = channel, put, notify
        self._decoder: LtcDecoder | None = None
        self._told = False

    def begin(self, samplerate: int) -> None:
        """Begin with another stream, of ``samplerate`` Hz."""
        self._decoder = LtcDecoder(samplerate)

    def __call__(self, block: NDArray[np.float32], arrived: float) -> None:
        """Hear a block [n, channels] whose last sample came at ``arrived`` (monotonic seconds)."""
        if self.channel > block.shape[1]:
            if not self._told:
                self._told = True
                self._notify(Trouble(f"--timecode ltc:{self.channel}: the input has {block.shape[1]} channels"))
            return
        if self._decoder is not None:
            for reading in self._decoder(block[:, self.channel - 1], arrived):
                self._put(reading)
