"""One channel of the input that carries timecode: blocks in the capture thread to readings for the show's clock.

A machine that is busy hands blocks on late, so a block's arrival is not when it was heard. The samples count the time,
and the earliest arrival of the last second says where that lies (timeline.py). Labels count as well: where they go on
by more than the samples, samples were lost or the sender has jumped, and the arrivals before that say nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.audio.hearing.ltc import LtcDecoder
from engine.audio.inputs.timeline import Timeline
from engine.borders.errors import Trouble
from engine.borders.timecode import Reading

APART_FRAMES = 0.1  # by which labels and samples may differ since the timeline began


class TimecodeTap:
    """Hears one channel of every block, and hands on what it understands."""

    def __init__(self, channel: int, put: Callable[[Reading], None], notify: Callable[[str], None]) -> None:
        """``channel`` counts from 1. ``put`` and ``notify`` are called in the thread that hears."""
        self.channel, self._put, self._notify = channel, put, notify
        self._decoder: LtcDecoder | None = None
        self._timeline = Timeline()
        self._samples = 0  # of the stream so far
        self._first: Reading | None = None  # the first one since the timeline began, in stream seconds
        self._told = False

    def begin(self, samplerate: int) -> None:
        """Begin with another stream, of ``samplerate`` Hz."""
        self._decoder = LtcDecoder(samplerate)
        self._timeline.restart()
        self._samples, self._first = 0, None

    def __call__(self, block: NDArray[np.float32], arrived: float) -> None:
        """Hear a block [n, channels] whose last sample came by ``arrived`` (monotonic seconds)."""
        if self.channel > block.shape[1]:
            if not self._told:
                self._told = True
                self._notify(Trouble(f"--timecode ltc:{self.channel}: the input has {block.shape[1]} channels"))
            return
        if self._decoder is None:
            return
        self._samples += len(block)
        end = self._samples / self._decoder.samplerate
        self._timeline.mark(arrived, end)
        for reading in self._decoder(block[:, self.channel - 1], end):
            if self._first is None or not _goes_on(self._first, reading):
                self._first = reading
                self._timeline.restart()
                self._timeline.mark(arrived, end)
            self._put(reading._replace(time=reading.time + self._timeline.offset))


def _goes_on(first: Reading, reading: Reading) -> bool:
    """Return whether labels have gone on since the ``first`` reading as the samples have."""
    if (reading.rate, reading.direction) != (first.rate, first.direction):
        return False
    passed = reading.direction * (reading.time - first.time) * float(reading.rate.fps)
    return abs(reading.frame - first.frame - passed) <= APART_FRAMES
