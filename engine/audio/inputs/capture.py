"""Live ears: a thread hears the input hop by hop, the loop drains what it heard.

The thread alone touches PortAudio, through a Cable, which finds a lost device again. What is lost or broken
is heard as silence.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.audio.hearing.analyser import HOP_LENGTH, Analyser
from engine.audio.inputs.child_input import Outside
from engine.audio.inputs.devices import AudioDevice
from engine.audio.inputs.health import State
from engine.audio.inputs.inputs import DEFAULT, Block, Stream
from engine.audio.inputs.reconnecting import Cable
from engine.audio.inputs.timeline import Timeline
from engine.borders.features import AudioFeatures
from engine.borders.tick import Tick

STALE_SECONDS = 0.4  # hops older than this are no longer what is heard
BACKLOG = 4096  # hops kept for a loop that has stalled: over twenty seconds


class _Heard(NamedTuple):
    """A hop and when it ended and was known, in monotonic seconds."""

    features: AudioFeatures
    offset: float  # from stream to monotonic seconds
    known: float


class LiveEars:
    """Hears an input device from now until closed. ``latest`` belongs to the loop's thread."""

    def __init__(
        self, name: str | None, notify: Callable[[str], None], *, must_exist: bool = True, hop_length: int = HOP_LENGTH
    ) -> None:
        """Open the input that ``name`` (a part of it; None and "default": the system's) means and start to hear.

        ``notify`` gets one line when the device is lost and one when it is back; it is called from the
        capture thread. UserError when there is no such input and ``must_exist``; otherwise the ears
        wait in silence for one of exactly that name.
        """
        self._hop_length = hop_length
        self._cable = Cable(name or DEFAULT, not must_exist, hop_length, notify)
        self._heard: Any = None  # the stream that what follows belongs to
        self._analyser: Analyser | None = None
        self._rest = np.zeros(0, np.float32)
        self._timeline = Timeline()
        self._hops: deque[_Heard] = deque(maxlen=BACKLOG)
        self._last, self._last_known = AudioFeatures(), -STALE_SECONDS
        self._reached = float("-inf")  # the last hop's time, on the rig's clock
        self._origin = float("inf")  # monotonic seconds of the rig's zero
        # Hears every block as it came: samples [n, channels], samplerate, monotonic seconds of its end.
        self.listener: Callable[[NDArray[np.float32], int, float], None] | None = None
        self.rang = threading.Event()  # set while there is an onset that ``latest`` has not told
        self._stop = threading.Event()
        self._cable.open_first(must_exist)
        if self._cable.stream is not None:
            self._begin(self._cable.stream)
        self._thread = threading.Thread(target=self._listen, name="ears", daemon=True)
        self._thread.start()

    @property
    def device(self) -> AudioDevice | None:
        """Return the device that is heard, or waited for; None before any was found."""
        return self._cable.device

    @property
    def state(self) -> State:
        """Return what the input is doing."""
        return self._cable.state

    @property
    def lost(self) -> bool:
        """Return whether the device is being waited for."""
        return self._cable.lost

    def latest(self, tick: Tick) -> AudioFeatures:
        """Return what was heard up to ``tick``, ``recent`` holding every hop since the last call, each once.

        Times are seconds on the rig's clock and never later than the tick. Silence while the device is lost.
        """
        now = time.monotonic() + tick.early
        self.rang.clear()  # before the hops are taken: one that comes between is told now, and rings for nothing
        if self._origin == float("inf"):
            self._hops.clear()  # what was heard while the rest of the show was still being opened
        # The tick is a moment old when it gets here, so the smallest difference seen is the truest.
        self._origin = min(self._origin, now - tick.time)
        hops = [self._hops.popleft() for _ in range(len(self._hops))]
        recent = tuple(self._on_rig(hop, tick) for hop in hops)
        if hops:
            self._last, self._last_known = recent[-1], hops[-1].known
        onsets = tuple(onset for hop in recent for onset in hop.onsets)
        if self._cable.lost or now - self._last_known > STALE_SECONDS:
            return AudioFeatures(
                time=tick.time, bpm=self._last.bpm, beat_phase=self._last.beat_phase, onsets=onsets,
                spectral_centroid=self._last.spectral_centroid,
                recent=(*recent, AudioFeatures(time=tick.time)) if recent else ())
        return replace(self._last, onsets=onsets, recent=recent)

    def close(self) -> None:
        """Stop hearing and release the device; a second call does nothing."""
        self._stop.set()
        # A dead sound server can hold PortAudio for minutes; the thread is a daemon, so the show ends all the same.
        self._thread.join(timeout=2.0)

    def _on_rig(self, hop: _Heard, tick: Tick) -> AudioFeatures:
        """Return the hop with its times on the rig's clock."""
        shift = hop.offset - self._origin
        known = min(hop.known - self._origin, tick.time)
        onsets = tuple(
            replace(onset, time=min(onset.time + shift, known), heard_at=known) for onset in hop.features.onsets
        )
        # The timeline corrects itself backwards as well; what was heard later still comes later.
        self._reached = max(self._reached, min(hop.features.time + shift, known))
        return replace(hop.features, time=self._reached, onsets=onsets)

    def _listen(self) -> None:
        """Hear until closed: the thread."""
        while not self._stop.is_set():
            stream = self._cable.stream
            if stream is None:
                self._cable.wait(self._stop)
                continue
            if stream is not self._heard:
                self._begin(stream)
            block = self._cable.next_block()
            if block is not None:
                self._hear(block, stream.channels)
            self._cable.heed()
        self._cable.close()

    def _begin(self, stream: Stream | Outside) -> None:
        """Hear ``stream`` from now on."""
        self._heard = stream
        self._timeline.restart()
        self._rest = np.zeros(0, np.float32)
        if self._analyser is None or self._analyser.samplerate != stream.device.samplerate:
            self._analyser = Analyser(stream.device.samplerate, self._hop_length)

    def _hear(self, block: Block, channels: int) -> None:
        """Cut a block into hops, analyse and publish them; a broken one is heard as silence."""
        assert self._analyser is not None
        samples = np.frombuffer(block.data, np.float32).reshape(-1, channels)
        if (listener := self.listener) is not None:
            listener(samples, self._analyser.samplerate, block.arrived)
        state = self._cable.judge(samples, block.arrived)
        mono = np.nan_to_num(samples.mean(axis=1), nan=0.0, posinf=0.0, neginf=0.0)
        heard = np.concatenate([self._rest, mono * np.float32(state is not State.BROKEN)])
        count = len(heard) // self._hop_length
        self._rest = heard[count * self._hop_length:]
        for index in range(count):
            features = self._analyser(heard[index * self._hop_length:(index + 1) * self._hop_length])
            # Of a block only its last sample came when the block did.
            behind = len(heard) - (index + 1) * self._hop_length
            self._timeline.mark(block.arrived - behind / self._analyser.samplerate, features.time)
            if state is not State.BROKEN:
                self._hops.append(_Heard(features, self._timeline.offset, time.monotonic()))
                if features.onsets:
                    self.rang.set()
