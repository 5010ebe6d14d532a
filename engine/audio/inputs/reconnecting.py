"""A sound input that reconnects: it is opened, supervised, lost, and opened again by name.

An input that stops, sends NaN or holds a constant level counts as lost. The device of the same name is opened again
as soon as it is back. No other device takes its place, except where the system's default is wanted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.audio.inputs.child_input import ChildInput
from engine.audio.inputs.devices import AudioDevice
from engine.audio.inputs.health import Health, State
from engine.audio.inputs.inputs import DEFAULT, Block, Stream, find_input, same_input
from engine.audio.inputs.portaudio import JACK, NoSound, PortAudio, open_portaudio
from engine.borders.errors import Trouble, UserError
from engine.system import leaving
from engine.system.jack_server import JackServer

POLL_SECONDS = 0.1  # longest wait for a block
RETRY_SECONDS = 0.8  # between two attempts to find a lost device
JACK_RETRY_SECONDS = 0.4  # the same for a lost JACK source, which needs no restart of PortAudio
FOLLOW_SECONDS = 2.0  # absence of a JACK source; then the system's default may be another one
AWAY_SECONDS = 5.0  # absence of a JACK source; then a child process waits for it, because there nothing can hang
SETTLED_SECONDS = 1.0  # of sound from a new stream; then the lost streams are closed
DEAD_SECONDS = 1.2  # without a block; a living JACK server sends at least zeros, so this one is dead
# Digital silence of a JACK source before the first probe, then the intervals between probes. The numbers are not round,
# because a probe delays a few hops and beats often come at round intervals.
PROBE_SECONDS = (1.2, 1.37, 1.37, 2.3)
MAX_AGE_SECONDS = 0.5  # age of a block; older ones are skipped, so that a slow machine hears the present
WATCHER = "latentvj-ears"  # name of the JACK client that watches the server

OpenInput: TypeAlias = Stream | ChildInput
Channels: TypeAlias = Callable[[AudioDevice], tuple[int, ...]]  # the chosen ones of a device, from 1; none: the usual


class ReconnectingInput:
    """One input by name. After ``open_first`` only one thread uses it."""

    def __init__(
        self, name: str, exact: bool, hop_length: int, notify: Callable[[str], None], channels: Channels
    ) -> None:
        """``name`` is a part of the input's name, the whole name when ``exact``, or DEFAULT.

        ``hop_length`` is in samples. ``notify`` gets one line when the device is lost and one when it is back.
        ``channels`` says which of a device are chosen.
        """
        self._wanted, self._exact, self._hop_length, self._notify = name, exact, hop_length, notify
        self._channels = channels
        self.device: AudioDevice | None = None  # the device that is heard or waited for; None before the first one
        self.lost = False  # whether the device is waited for
        self.stream: OpenInput | None = None
        self._lost_at = 0.0
        self._portaudio: PortAudio | None = None
        self._health = Health(time.monotonic())
        self._probe: OpenInput | None = None  # a second stream of a silent source
        self._old: list[Stream] = []  # lost streams that are not closed yet
        self._started_at = 0.0
        self._server: JackServer | None = None  # watched while PortAudio is its client
        self._abandoned = False  # whether this process's PortAudio is stuck, so that children hear the input
        self._searching: ChildInput | None = None  # a child that searches for the device
        self._idle = 0.0  # seconds of listening since the last block
        self._retry_at = self._probe_at = 0.0
        self._probes = 0

    @property
    def state(self) -> State:
        """Return the state of the input."""
        return State.STALLED if self.lost else self._health.state

    def open_first(self, must_exist: bool) -> None:
        """Open the wanted device; call it before the thread starts, so that a mistake is reported before the show.

        Raises UserError when there is no such input and it ``must_exist``.
        """
        try:
            self._open(find=True)
        except (NoSound, UserError) as error:
            self._release()
            if must_exist:
                raise UserError(str(error)) from error
            self.lost = True
            what = "a sound input" if self._wanted == DEFAULT else f"the sound input {self._wanted}"
            self._notify(f"silent: waiting for {what}; vj devices lists what is there")

    def open_later(self) -> None:
        """Leave the opening to the thread that listens."""
        self.lost = True

    def next_block(self) -> Block | None:
        """Return the next block, or None when none comes within POLL_SECONDS. ``stream`` must be open."""
        assert self.stream is not None
        try:
            block = self.stream.next(POLL_SECONDS, MAX_AGE_SECONDS)
        except Empty:
            self._idle += POLL_SECONDS
            self._health.wait(POLL_SECONDS)
            return None
        self._idle = 0.0
        return block

    def judge(self, samples: NDArray[np.float32], arrived: float) -> State:
        """Return the input's state after samples [n, channels] that came at ``arrived`` (monotonic seconds)."""
        return self._health.hear(samples, arrived)

    def maintain(self) -> None:
        """Report a change of state; release a device that has stopped, and probe a silent one."""
        state = self._health.state
        if state is State.SOUNDING:
            self._close_probe()
            self._set_lost(False)
            while self._old and time.monotonic() - self._started_at > SETTLED_SECONDS:
                _close(self._old.pop())
        elif state is State.STALLED:
            self._set_lost(True)
            if not isinstance(self.stream, Stream) or self.stream.device.host_api != JACK:
                self._release()
            elif self._idle >= DEAD_SECONDS or self._server_died():
                self._abandon()
        elif state is State.BROKEN:
            self._set_lost(True)
        else:
            self._set_lost(False)  # a silent source is not lost
            if self.device is not None and self.device.host_api == JACK:
                self._probe_silence(self.device)

    def wait(self, stop: threading.Event) -> None:
        """Try from time to time to open the lost device; return early when ``stop`` is set."""
        if self._searching is not None and not self._searching.ended:
            if self._searching.found(POLL_SECONDS):
                found, self._searching = self._searching, None
                self._start(found)
            return
        if stop.wait(max(0.0, self._retry_at - time.monotonic())):
            return
        self._retry_at = time.monotonic() + RETRY_SECONDS
        away = self.lost and self._old and time.monotonic() - self._lost_at > AWAY_SECONDS
        if self._portaudio is not None and (self._server_died() or away):
            self._abandon()
        if not self._reopen_known() and not self._abandoned and not self._waits_for_the_same():
            self._release()
            try:
                self._open(find=False)
            except (NoSound, UserError):
                self._release()

    def close(self) -> None:
        """Release everything. JACK's streams are left as they are where its server may be ending with this process."""
        if self._server is not None and not self._abandoned and leaving.with_others():
            self._abandon()
        self._release()
        if self._server is not None:
            self._server.close()

    def _reopen_known(self) -> bool:
        """Return whether the open PortAudio has the device again; where that is stuck, let a child search."""
        with suppress(NoSound, OSError):
            if self._abandoned and self.device is not None:
                self._searching = ChildInput(self.device, self._hop_length, self._channels(self.device))
            elif self.device is not None and self._waits_for_the_same():
                # The open PortAudio finds a JACK source that comes back. A restart of PortAudio at every attempt
                # would be a JACK client that comes and goes. An overloaded jackd does not survive that: it waits
                # for ever to notify a client that is closing.
                self._retry_at = time.monotonic() + JACK_RETRY_SECONDS
                if self._is_there(self.device):
                    self._start(self._stream_of(self.device))
                    return True
        return False

    def _open(self, find: bool) -> None:
        """Start PortAudio and open the device, by the wanted name when ``find``. Raises NoSound or UserError."""
        self._portaudio = open_portaudio()
        if find or self.device is None or self._wanted == DEFAULT:
            device = find_input(self._portaudio, self._wanted, exact=self._exact)
        else:
            known = same_input(self._portaudio, self.device)
            if known is None:
                raise NoSound(f"{self.device.name} is not there")
            device = known
        self._start(self._stream_of(device))

    def _stream_of(self, device: AudioDevice) -> Stream:
        """Return a stream of the device in the open PortAudio. Raises NoSound."""
        assert self._portaudio is not None
        return Stream(self._portaudio, device, self._hop_length, self._channels(device))

    def _start(self, stream: OpenInput) -> None:
        """Make ``stream`` the one that is heard."""
        if self.device is not None and self.device.name != stream.device.name:
            self._notify(f"hearing {stream.device.name} now: it is the system's default")
        self.stream, self.device, self._idle = stream, stream.device, 0.0
        if isinstance(stream, Stream) and stream.device.host_api == JACK and self._server is None:
            self._server = JackServer(WATCHER)
        # After a loss the stream must deliver a valid signal before the device counts as back.
        self._health = Health(time.monotonic(), State.BROKEN if self.lost else State.SOUNDING)
        self._started_at = time.monotonic()

    def _release(self) -> None:
        """Close the streams and PortAudio; the next ``_open`` then sees the devices of its moment."""
        if self._server_died() and not self._abandoned:
            self._abandon()
        self._close_stream()
        portaudio, self._portaudio = self._portaudio, None
        if portaudio is not None:
            portaudio.terminate()

    def _close_stream(self) -> None:
        self._close_probe()
        streams = (self.stream, self._searching, *self._old)
        self.stream = self._searching = None
        self._old = []
        for stream in streams:
            if stream is not None:
                _close(stream)

    def _abandon(self) -> None:
        """Abandon PortAudio for good: its JACK server is dead, and closing anything there would hang."""
        for stream in (self.stream, self._probe, *self._old):
            if isinstance(stream, Stream):
                stream.abandon()
        self.stream = self._probe = None
        self._portaudio = None
        self._old = []
        self._abandoned = True
        if self._server is not None:
            self._server.closes()

    def _server_died(self) -> bool:
        return self._server is not None and self._server.dead

    def _probe_silence(self, device: AudioDevice) -> None:
        """Find out whether a JACK source of zeros is silent or gone, while its stream stays open.

        For a source that left, JACK itself sends zeros, and it does not connect the source when it is back. A
        second stream does not open when the source is gone. A second stream that sounds, while the first does not,
        means that the source is back.
        """
        now = time.monotonic()
        if self._probes == 0:
            self._probes, self._probe_at = 1, now + PROBE_SECONDS[0]
        probe = self._probe
        if probe is not None and probe.drain():
            self._probe = None
            self._close_stream()
            self._start(probe)
        elif now >= self._probe_at:
            if isinstance(probe, ChildInput) and not probe.found(0.0):
                self._lose(probe)
                return
            self._close_probe(probes=self._probes + 1)
            self._probe_at = now + PROBE_SECONDS[min(self._probes, len(PROBE_SECONDS)) - 1]
            try:
                self._probe = self._open_probe(device) if self._is_there(device) else None
            except NoSound:
                self._probe = None
            if self._probe is None:
                self._lose()

    def _is_there(self, device: AudioDevice) -> bool:
        """Return whether a JACK source exists. PortAudio aborts the program if the server dies while opening fails."""
        return self._abandoned or self._server is None or self._server.sounds(device.name)

    def _open_probe(self, device: AudioDevice) -> OpenInput:
        """Return a second stream of the device. Raises NoSound."""
        if self._abandoned:
            return ChildInput(device, self._hop_length, self._channels(device))
        return self._stream_of(device)

    def _lose(self, searching: ChildInput | None = None) -> None:
        """Report that the device is lost; ``searching`` goes on with the search for it."""
        self._set_lost(True)
        if searching is not None:
            self._probe = None
        if isinstance(self.stream, Stream):
            # PortAudio aborts the whole program if the server dies while a stream is being closed, and a lost
            # source may be the first sign of that. So the stream is closed later, when a new one sounds.
            self._close_probe()
            self.stream.mute()
            self._old.append(self.stream)
            self.stream = None
        else:
            self._close_stream()
        self._searching = searching

    def _close_probe(self, probes: int = 0) -> None:
        self._probes = probes
        probe, self._probe = self._probe, None
        if probe is not None:
            _close(probe)

    def _waits_for_the_same(self) -> bool:
        """Return whether the open PortAudio waits for the same JACK source."""
        follows = self._wanted == DEFAULT and time.monotonic() - self._lost_at > FOLLOW_SECONDS
        return self._portaudio is not None and not follows

    def _set_lost(self, lost: bool) -> None:
        if lost != self.lost:
            self.lost, self._lost_at = lost, time.monotonic()
            name = self.device.name if self.device else self._wanted
            self._notify(Trouble(f"{name}: sound lost, waiting for it") if lost else f"{name}: sound is back")


def _close(stream: OpenInput) -> None:
    with suppress(OSError):  # closing a device that is gone may fail
        stream.close()
