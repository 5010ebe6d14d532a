"""Live ears: a thread hears the input hop by hop, the loop drains what it heard.

The thread alone touches PortAudio. It survives everything a cable can do: an input that stops,
sends NaN or sticks at a level becomes silence, and the same device by name is opened again as soon
as it is back. Another device is never opened in its place.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from queue import Empty
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.audio.analyser import HOP_LENGTH, Analyser
from engine.audio.devices import AudioDevice
from engine.audio.features import AudioFeatures
from engine.audio.health import Health, State
from engine.audio.inputs import DEFAULT, JACK, Block, Stream, find_input, same_input
from engine.audio.outside import Outside
from engine.audio.portaudio import NoSound, open_portaudio
from engine.audio.timeline import Timeline
from engine.clock import Tick
from engine.control.jack_server import JackServer
from engine.errors import UserError

POLL_SECONDS = 0.1  # how often the thread looks up when nothing comes
RETRY_SECONDS = 0.8  # between attempts to find a lost device
JACK_RETRY_SECONDS = 0.4  # the same where PortAudio need not be started anew for it
FOLLOW_SECONDS = 2.0  # so long a JACK source may be away before another one can be the system's default
DEAD_SECONDS = 1.2  # a JACK server that lives sends something, zeros at least; so long without: it is dead
# How long a JACK source sends zeros before it is looked whether it is still there, and between looks. Odd
# numbers, because a look takes a few hops' time and clicks come on round ones.
LOOK_SECONDS = (1.2, 1.37, 1.37, 2.3)
LATEST_SECONDS = 0.5  # blocks older than this are skipped: on a machine that cannot keep up, now counts
STALE_SECONDS = 0.4  # hops older than this are no longer what is heard
WATCHER = "latentvj-ears"
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
        self._notify, self._hop_length = notify, hop_length
        self._wanted, self._exact = name or DEFAULT, not must_exist
        self._device: AudioDevice | None = None
        self._portaudio: Any = None
        self._stream: Stream | Outside | None = None
        self._analyser: Analyser | None = None
        self._rest = np.zeros(0, np.float32)
        self._timeline = Timeline()
        self._health = Health(time.monotonic())
        self._lost, self._lost_at = False, 0.0
        self._second: Stream | Outside | None = None
        self._server: JackServer | None = None  # watched while PortAudio is its client
        self._outside = False  # whether the input is heard by a child, PortAudio being stuck here
        self._coming: Outside | None = None  # a child that looks for the device
        self._idle = 0.0  # seconds of listening since the last block
        self._retry_at = self._look_at = 0.0
        self._looks = 0
        self._hops: deque[_Heard] = deque(maxlen=BACKLOG)
        self._last, self._last_known = AudioFeatures(), -STALE_SECONDS
        self._reached = float("-inf")  # the last hop's time, on the rig's clock
        self._origin = float("inf")  # monotonic seconds of the rig's zero
        # Hears every block as it came: samples [n, channels], samplerate, monotonic seconds of its end.
        self.listener: Callable[[NDArray[np.float32], int, float], None] | None = None
        self._stop = threading.Event()
        self._open_first(must_exist)
        self._thread = threading.Thread(target=self._listen, name="ears", daemon=True)
        self._thread.start()

    @property
    def device(self) -> AudioDevice | None:
        """Return the device that is heard, or waited for; None before any was found."""
        return self._device

    @property
    def state(self) -> State:
        """Return what the input is doing."""
        return State.STALLED if self._lost else self._health.state

    @property
    def lost(self) -> bool:
        """Return whether the device is being waited for."""
        return self._lost

    def latest(self, tick: Tick) -> AudioFeatures:
        """Return what was heard up to ``tick``, ``recent`` holding every hop since the last call, each once.

        Times are seconds on the rig's clock and never later than the tick. Silence while the device is lost.
        """
        now = time.monotonic()
        if self._origin == float("inf"):
            self._hops.clear()  # what was heard while the rest of the show was still being opened
        # The tick is a moment old when it gets here, so the smallest difference seen is the truest.
        self._origin = min(self._origin, now - tick.time)
        hops = [self._hops.popleft() for _ in range(len(self._hops))]
        recent = tuple(self._on_rig(hop, tick) for hop in hops)
        if hops:
            self._last, self._last_known = recent[-1], hops[-1].known
        onsets = tuple(onset for hop in recent for onset in hop.onsets)
        if self._lost or now - self._last_known > STALE_SECONDS:
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

    def _open_first(self, must_exist: bool) -> None:
        """Open the wanted device in the caller's thread, so that a mistake is told before the show."""
        try:
            self._open(find=True)
        except (NoSound, UserError) as error:
            self._release()
            if must_exist:
                raise UserError(str(error)) from error
            self._lost = True
            what = "a sound input" if self._wanted == DEFAULT else f"the sound input {self._wanted}"
            self._notify(f"silent: waiting for {what}; vj devices lists what is there")

    def _open(self, find: bool) -> None:
        """Ask PortAudio afresh and open the device. Raises NoSound or UserError."""
        self._portaudio = open_portaudio()
        if find or self._device is None or self._wanted == DEFAULT:
            device = find_input(self._portaudio, self._wanted, exact=self._exact)
        else:
            known = same_input(self._portaudio, self._device)
            if known is None:
                raise NoSound(f"{self._device.name} is not there")
            device = known
        self._start(Stream(self._portaudio, device, self._hop_length))

    def _start(self, stream: Stream | Outside) -> None:
        """Hear ``stream`` from now on."""
        if self._device is not None and self._device.name != stream.device.name:
            self._notify(f"hearing {stream.device.name} now: it is the system's default")
        self._stream, self._device, self._idle = stream, stream.device, 0.0
        if isinstance(stream, Stream) and stream.device.host_api == JACK and self._server is None:
            self._server = JackServer(WATCHER)
        # One that comes back must prove itself before it is said to be back.
        self._health = Health(time.monotonic(), State.BROKEN if self._lost else State.SOUNDING)
        self._timeline.restart()
        self._rest = np.zeros(0, np.float32)
        if self._analyser is None or self._analyser.samplerate != stream.device.samplerate:
            self._analyser = Analyser(stream.device.samplerate, self._hop_length)

    def _release(self) -> None:
        """Close what is open; the next ``_open`` sees the devices of its moment."""
        self._close_stream()
        portaudio, self._portaudio = self._portaudio, None
        if portaudio is not None:
            portaudio.terminate()

    def _close_stream(self) -> None:
        self._drop_second()
        stream, self._stream = self._stream, None
        coming, self._coming = self._coming, None
        with suppress(OSError):  # a device that is gone may complain at being closed
            for end in (stream, coming):
                if end is not None:
                    end.close()

    def _leave(self) -> None:
        """Let go of PortAudio, whose JACK server is dead, for good: closing anything there would hang."""
        for stream in (self._stream, self._second):
            if isinstance(stream, Stream):
                stream.leave()
        self._stream = self._second = self._portaudio = None
        self._outside = True
        if self._server is not None:
            self._server.close()

    def _server_died(self) -> bool:
        return self._server is not None and self._server.dead

    def _listen(self) -> None:
        """Hear until closed: the thread."""
        while not self._stop.is_set():
            if self._stream is None:
                self._wait_for_device()
                continue
            try:
                block = self._stream.blocks.next(POLL_SECONDS, LATEST_SECONDS)
            except Empty:
                self._idle += POLL_SECONDS
                state = self._health.wait(POLL_SECONDS)
            else:
                self._idle = 0.0
                state = self._hear(block, self._stream.channels)
            self._judge(state)
        if self._server_died():
            self._leave()
        self._release()
        if self._server is not None:
            self._server.close()

    def _hear(self, block: Block, channels: int) -> State:
        """Cut a block into hops, analyse and publish them; a broken one is heard as silence."""
        assert self._analyser is not None
        samples = np.frombuffer(block.data, np.float32).reshape(-1, channels)
        if (listener := self.listener) is not None:
            listener(samples, self._analyser.samplerate, block.arrived)
        state = self._health.hear(samples, block.arrived)
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
        return state

    def _judge(self, state: State) -> None:
        """Tell the performer of a change, and look after a device that has stopped."""
        if state is State.SOUNDING:
            self._drop_second()
            self._set_lost(False)
        elif state is State.STALLED:
            self._set_lost(True)
            if not isinstance(self._stream, Stream) or self._stream.device.host_api != JACK:
                self._release()
            elif self._idle >= DEAD_SECONDS or self._server_died():
                self._leave()
        elif state is State.BROKEN:
            self._set_lost(True)
        else:
            self._set_lost(False)  # a silent source is a source
            if self._device is not None and self._device.host_api == JACK:
                self._look_behind(self._device)

    def _look_behind(self, device: AudioDevice) -> None:
        """Find out whether a JACK source of zeros is silent or gone, without letting go of it.

        JACK itself goes on sending zeros for a source that left, and does not connect its successor. Opening
        it once more fails when it is gone; a second stream that sounds while the first does not means that
        it has come anew.
        """
        now = time.monotonic()
        if self._looks == 0:
            self._looks, self._look_at = 1, now + LOOK_SECONDS[0]
        second = self._second
        if second is not None and second.blocks.sound():
            self._second = None
            self._close_stream()
            self._start(second)
        elif now >= self._look_at:
            if isinstance(second, Outside) and not second.found(0.0):
                self._gone(second)
                return
            self._drop_second(looks=self._looks + 1)
            self._look_at = now + LOOK_SECONDS[min(self._looks, len(LOOK_SECONDS)) - 1]
            try:
                self._second = self._another(device)
            except NoSound:
                self._gone()

    def _another(self, device: AudioDevice) -> Stream | Outside:
        """Return a second way to hear the device. Raises NoSound."""
        return Outside(device, self._hop_length) if self._outside else Stream(self._portaudio, device, self._hop_length)

    def _gone(self, coming: Outside | None = None) -> None:
        """Say that the device went; ``coming`` goes on looking for it."""
        self._set_lost(True)
        if coming is not None:
            self._second = None
        self._close_stream()
        self._coming = coming

    def _drop_second(self, looks: int = 0) -> None:
        self._looks = looks
        second, self._second = self._second, None
        if second is not None:
            with suppress(OSError):
                second.close()

    def _wait_for_device(self) -> None:
        """Try once in a while whether the device is back."""
        if self._coming is not None and not self._coming.ended:
            if self._coming.found(POLL_SECONDS):
                coming, self._coming = self._coming, None
                self._start(coming)
            return
        self._stop.wait(max(0.0, self._retry_at - time.monotonic()))
        if self._stop.is_set():
            return
        self._retry_at = time.monotonic() + RETRY_SECONDS
        if self._portaudio is not None and self._server_died():
            self._leave()
        with suppress(NoSound, OSError):
            if self._outside and self._device is not None:
                self._coming = Outside(self._device, self._hop_length)
                return
            if self._device is not None and self._waits_for_the_same():
                # A JACK source that left: the PortAudio that knew it finds it again. Starting PortAudio anew
                # every time would be a JACK client that comes and goes, which an overloaded jackd does not
                # survive (it waits for ever to notify a client that is closing).
                self._retry_at = time.monotonic() + JACK_RETRY_SECONDS
                self._start(Stream(self._portaudio, self._device, self._hop_length))
                return
        if not self._waits_for_the_same() and not self._outside:
            self._release()
            try:
                self._open(find=False)
            except (NoSound, UserError):
                self._release()

    def _waits_for_the_same(self) -> bool:
        """Return whether a JACK source is waited for, by the PortAudio that knew it."""
        follows = self._wanted == DEFAULT and time.monotonic() - self._lost_at > FOLLOW_SECONDS
        return self._portaudio is not None and not follows

    def _set_lost(self, lost: bool) -> None:
        if lost != self._lost:
            self._lost, self._lost_at = lost, time.monotonic()
            name = self._device.name if self._device else self._wanted
            self._notify(f"{name}: sound lost, waiting for it" if lost else f"{name}: sound is back")
