"""The way to one sound input: opened, judged, lost, and found again by name.

It survives everything a cable can do: an input that stops, sends NaN or sticks at a level counts as lost,
and the same device by name is opened again as soon as it is back. Another one is never opened in its place,
except where the system's default was asked for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.audio.inputs.child_input import Outside
from engine.audio.inputs.devices import AudioDevice
from engine.audio.inputs.health import Health, State
from engine.audio.inputs.inputs import DEFAULT, JACK, Block, Stream, find_input, same_input
from engine.audio.inputs.portaudio import NoSound, open_portaudio
from engine.borders.errors import UserError
from engine.system.jack_server import JackServer

POLL_SECONDS = 0.1  # how often one looks up when nothing comes
RETRY_SECONDS = 0.8  # between attempts to find a lost device
JACK_RETRY_SECONDS = 0.4  # the same where PortAudio need not be started anew for it
FOLLOW_SECONDS = 2.0  # so long a JACK source may be away before another one can be the system's default
AWAY_SECONDS = 5.0  # one that is away for longer is waited for by a child: nothing can hang or break there
SETTLED_SECONDS = 1.0  # so long must a source sound before the stream that lost it is closed
DEAD_SECONDS = 1.2  # a JACK server that lives sends something, zeros at least; so long without: it is dead
# How long a JACK source sends zeros before it is looked whether it is still there, and between looks. Odd
# numbers, because a look takes a few hops' time and clicks come on round ones.
LOOK_SECONDS = (1.2, 1.37, 1.37, 2.3)
LATEST_SECONDS = 0.5  # blocks older than this are skipped: on a machine that cannot keep up, now counts
WATCHER = "latentvj-ears"


class Cable:
    """One input by name. After ``open_first`` a single thread uses it."""

    def __init__(self, name: str, exact: bool, hop_length: int, notify: Callable[[str], None]) -> None:
        """``name`` is a part of the input's name, or all of it when ``exact``, or DEFAULT.

        ``notify`` gets one line when the device is lost and one when it is back.
        """
        self._wanted, self._exact, self._hop_length, self._notify = name, exact, hop_length, notify
        self.device: AudioDevice | None = None  # the one that is heard, or waited for; None before any was found
        self.lost = False  # whether it is being waited for
        self.stream: Stream | Outside | None = None
        self._lost_at = 0.0
        self._portaudio: Any = None
        self._health = Health(time.monotonic())
        self._second: Stream | Outside | None = None
        self._old: list[Stream] = []  # lost ones that are still to be closed
        self._started_at = 0.0
        self._server: JackServer | None = None  # watched while PortAudio is its client
        self._outside = False  # whether the input is heard by a child, PortAudio being stuck here
        self._coming: Outside | None = None  # a child that looks for the device
        self._idle = 0.0  # seconds of listening since the last block
        self._retry_at = self._look_at = 0.0
        self._looks = 0

    @property
    def state(self) -> State:
        """Return what the input is doing."""
        return State.STALLED if self.lost else self._health.state

    def open_first(self, must_exist: bool) -> None:
        """Open the wanted device before there is a thread, so that a mistake is told before the show.

        UserError when there is no such input and it ``must_exist``.
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

    def next_block(self) -> Block | None:
        """Return the next block, or None when nothing comes for a moment. Only while there is a stream."""
        assert self.stream is not None
        try:
            block = self.stream.blocks.next(POLL_SECONDS, LATEST_SECONDS)
        except Empty:
            self._idle += POLL_SECONDS
            self._health.wait(POLL_SECONDS)
            return None
        self._idle = 0.0
        return block

    def judge(self, samples: NDArray[np.float32], arrived: float) -> State:
        """Return what samples [n, channels] that came at ``arrived`` make of the input."""
        return self._health.hear(samples, arrived)

    def heed(self) -> None:
        """Tell the performer of a change, and look after a device that has stopped."""
        state = self._health.state
        if state is State.SOUNDING:
            self._drop_second()
            self._set_lost(False)
            while self._old and time.monotonic() - self._started_at > SETTLED_SECONDS:
                _close(self._old.pop())
        elif state is State.STALLED:
            self._set_lost(True)
            if not isinstance(self.stream, Stream) or self.stream.device.host_api != JACK:
                self._release()
            elif self._idle >= DEAD_SECONDS or self._server_died():
                self._leave()
        elif state is State.BROKEN:
            self._set_lost(True)
        else:
            self._set_lost(False)  # a silent source is a source
            if self.device is not None and self.device.host_api == JACK:
                self._look_behind(self.device)

    def wait(self, stop: threading.Event) -> None:
        """Try once in a while whether the device is back."""
        if self._coming is not None and not self._coming.ended:
            if self._coming.found(POLL_SECONDS):
                coming, self._coming = self._coming, None
                self._start(coming)
            return
        if stop.wait(max(0.0, self._retry_at - time.monotonic())):
            return
        self._retry_at = time.monotonic() + RETRY_SECONDS
        away = self.lost and self._old and time.monotonic() - self._lost_at > AWAY_SECONDS
        if self._portaudio is not None and (self._server_died() or away):
            self._leave()
        if not self._look_again() and not self._outside and not self._waits_for_the_same():
            self._release()
            try:
                self._open(find=False)
            except (NoSound, UserError):
                self._release()

    def close(self) -> None:
        """Release everything."""
        self._release()
        if self._server is not None:
            self._server.close()

    def _look_again(self) -> bool:
        """Return whether the device was found where it was; or begin to look for it outside."""
        with suppress(NoSound, OSError):
            if self._outside and self.device is not None:
                self._coming = Outside(self.device, self._hop_length)
            elif self.device is not None and self._waits_for_the_same():
                # A JACK source that left: the PortAudio that knew it finds it again. Starting PortAudio anew
                # every time would be a JACK client that comes and goes, which an overloaded jackd does not
                # survive (it waits for ever to notify a client that is closing).
                self._retry_at = time.monotonic() + JACK_RETRY_SECONDS
                if self._is_there(self.device):
                    self._start(Stream(self._portaudio, self.device, self._hop_length))
                    return True
        return False

    def _open(self, find: bool) -> None:
        """Ask PortAudio afresh and open the device. Raises NoSound or UserError."""
        self._portaudio = open_portaudio()
        if find or self.device is None or self._wanted == DEFAULT:
            device = find_input(self._portaudio, self._wanted, exact=self._exact)
        else:
            known = same_input(self._portaudio, self.device)
            if known is None:
                raise NoSound(f"{self.device.name} is not there")
            device = known
        self._start(Stream(self._portaudio, device, self._hop_length))

    def _start(self, stream: Stream | Outside) -> None:
        """Hear ``stream`` from now on."""
        if self.device is not None and self.device.name != stream.device.name:
            self._notify(f"hearing {stream.device.name} now: it is the system's default")
        self.stream, self.device, self._idle = stream, stream.device, 0.0
        if isinstance(stream, Stream) and stream.device.host_api == JACK and self._server is None:
            self._server = JackServer(WATCHER)
        # One that comes back must prove itself before it is said to be back.
        self._health = Health(time.monotonic(), State.BROKEN if self.lost else State.SOUNDING)
        self._started_at = time.monotonic()

    def _release(self) -> None:
        """Close what is open; the next ``_open`` sees the devices of its moment."""
        if self._server_died() and not self._outside:
            self._leave()
        self._close_stream()
        portaudio, self._portaudio = self._portaudio, None
        if portaudio is not None:
            portaudio.terminate()

    def _close_stream(self) -> None:
        self._drop_second()
        ends = (self.stream, self._coming, *self._old)
        self.stream = self._coming = None
        self._old = []
        for end in ends:
            if end is not None:
                _close(end)

    def _leave(self) -> None:
        """Let go of PortAudio, whose JACK server is dead, for good: closing anything there would hang."""
        for stream in (self.stream, self._second, *self._old):
            if isinstance(stream, Stream):
                stream.leave()
        self.stream = self._second = self._portaudio = None
        self._old = []
        self._outside = True
        if self._server is not None:
            self._server.close()

    def _server_died(self) -> bool:
        return self._server is not None and self._server.dead

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
                self._second = self._another(device) if self._is_there(device) else None
            except NoSound:
                self._second = None
            if self._second is None:
                self._gone()

    def _is_there(self, device: AudioDevice) -> bool:
        """Return whether a JACK source exists: PortAudio aborts the program when the server dies while it fails."""
        return self._outside or self._server is None or self._server.sounds(device.name)

    def _another(self, device: AudioDevice) -> Stream | Outside:
        """Return a second way to hear the device. Raises NoSound."""
        return Outside(device, self._hop_length) if self._outside else Stream(self._portaudio, device, self._hop_length)

    def _gone(self, coming: Outside | None = None) -> None:
        """Say that the device went; ``coming`` goes on looking for it."""
        self._set_lost(True)
        if coming is not None:
            self._second = None
        if isinstance(self.stream, Stream):
            # PortAudio aborts the whole program when the server dies while a stream is being closed, and a
            # source that left may be the first sign of that: closing waits until another one sounds.
            self._drop_second()
            self.stream.hush()
            self._old.append(self.stream)
            self.stream = None
        else:
            self._close_stream()
        self._coming = coming

    def _drop_second(self, looks: int = 0) -> None:
        self._looks = looks
        second, self._second = self._second, None
        if second is not None:
            _close(second)

    def _waits_for_the_same(self) -> bool:
        """Return whether a JACK source is waited for, by the PortAudio that knew it."""
        follows = self._wanted == DEFAULT and time.monotonic() - self._lost_at > FOLLOW_SECONDS
        return self._portaudio is not None and not follows

    def _set_lost(self, lost: bool) -> None:
        if lost != self.lost:
            self.lost, self._lost_at = lost, time.monotonic()
            name = self.device.name if self.device else self._wanted
            self._notify(f"{name}: sound lost, waiting for it" if lost else f"{name}: sound is back")


def _close(stream: Stream | Outside) -> None:
    with suppress(OSError):  # a device that is gone may complain at being closed
        stream.close()
