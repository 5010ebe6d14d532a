"""The players of songs: through the speakers or silently, with the position that sounds now."""

from __future__ import annotations

import contextlib
import time
from collections import deque

from engine.audio.inputs.portaudio import (
    ABORT,
    COMPLETE,
    CONTINUE,
    FLOAT32,
    JACK,
    DeviceInfo,
    NoSound,
    PortAudio,
    abandon,
    default_device,
    describe,
    open_portaudio,
)
from engine.audio.songs.feed import Feed
from engine.audio.songs.standstill import Standstill
from engine.borders.sound import Sound
from engine.system import leaving
from engine.system.jack_server import JackServer
from engine.system.quiet import quiet_stderr

BLOCKSIZE = 1024  # samples; one callback (21 ms at 48 kHz, seldom enough beside a busy render thread)
WINDOW_SECONDS = 1.0  # age of the oldest callback that the position depends on
WATCHER = "latentvj-song"  # name of the JACK client that watches the server
LOST_SECONDS = 0.5  # without a callback; then the device counts as gone


class SilentPlayer:
    """Plays a song without sound, in time: for ``--mute`` and for machines without a sound device."""

    latency = 0.0  # seconds

    def __init__(self, song: Sound, begin: float = 0.0) -> None:
        """Take the song's length; the position runs from ``start``, and from ``begin`` seconds."""
        self._song, self._begin = song, begin
        self._start: float | None = None
        self._standstill = Standstill()

    @property
    def length(self) -> float:
        """Return the song's length in seconds, as far as it is known."""
        return self._song.duration

    def start(self) -> None:
        """Begin to play."""
        self._start = time.monotonic()

    @property
    def position(self) -> float:
        """Return the seconds since the start and those before it, at most the song's length.

        Those in which the process stood do not count.
        """
        stood = self._standstill.look()
        if self._start is not None:
            self._start += stood
        since = 0.0 if self._start is None else time.monotonic() - self._start
        return min(self.length, self._begin + since)

    @property
    def taken(self) -> float:
        """Return how many seconds of the song nothing can change any more."""
        return self.position

    def edit(self, at: int) -> None:
        """Play what the song has become from sample ``at`` on: it is silent either way."""

    @property
    def finished(self) -> bool:
        """Return whether the song is over."""
        return self.position >= self.length

    def close(self) -> None:
        """Do nothing: there is no device."""


class SongPlayer:
    """Plays a song on the default output device through a PortAudio callback."""

    def __init__(self, song: Sound, begin: float = 0.0) -> None:
        """Open the device; the song is resampled if the device does not take its samplerate. Raises NoSound.

        It plays from ``begin`` seconds on.
        """
        self._song, self._begin = song, begin
        self._standstill = Standstill()
        self._portaudio: PortAudio | None = open_portaudio()
        self._server: JackServer | None = None  # of the output, where JACK has it
        try:
            self._open(song)
        except BaseException:
            self._portaudio.terminate()
            raise

    def _open(self, song: Sound) -> None:
        assert self._portaudio is not None
        device = default_device(self._portaudio, "output")
        channels = min(2, int(device["maxOutputChannels"]))
        with quiet_stderr():
            try:
                samplerate = self._device_rate(song, device, channels)
                self._progress = _Progress(samplerate)
                self._stream = self._portaudio.open(
                    rate=samplerate,
                    channels=channels,
                    format=FLOAT32,
                    output=True,
                    output_device_index=device["index"],
                    frames_per_buffer=BLOCKSIZE,
                    stream_callback=self._callback,
                    start=False,
                )
            except (OSError, ValueError) as error:
                words = describe(error) if isinstance(error, OSError) else str(error)
                raise NoSound(f"{device['name']} does not open ({words})") from error
        if self._portaudio.get_host_api_info_by_index(device["hostApi"])["name"] == JACK:
            self._server = JackServer(WATCHER)
        self._rate, self._channels = samplerate, channels
        self._feed = Feed(song, samplerate, channels, round(self._begin * song.samplerate))
        self._clear()
        self.latency = float(self._stream.get_output_latency())  # seconds from callback to speaker
        self._more, self._complete = CONTINUE, COMPLETE

    def _clear(self) -> None:
        """Begin with one feed."""
        self._changes: deque[tuple[int, Feed]] = deque()  # from which sample of the device on another one feeds it
        self._spent: list[Feed] = []  # feeds to close; the device's thread may not wait for theirs
        self._reached = self._begin

    def _device_rate(self, song: Sound, device: DeviceInfo, channels: int) -> int:
        """Return the song's samplerate, or the device's if the device takes no other (JACK)."""
        assert self._portaudio is not None
        try:
            self._portaudio.is_format_supported(
                song.samplerate,
                output_device=device["index"],
                output_channels=channels,
                output_format=FLOAT32,
            )
        except ValueError:
            rate: float = device["defaultSampleRate"]
            return round(rate)
        return song.samplerate

    def _callback(self, _input: object, count: int, _times: object, _status: int) -> tuple[bytes, int]:
        """Return the next ``count`` samples; PortAudio's thread calls this, so it does nothing else.

        Where the feed is behind the device plays silence, and the position waits.
        """
        data, taken = b"", 0
        while taken < count:
            change = self._changes[0] if self._changes else None
            left = count - taken if change is None else min(count - taken, change[0] - self._progress.handed - taken)
            if change is not None and left <= 0:
                self._spent.append(self._feed)
                self._feed = self._changes.popleft()[1]
                continue
            block = self._feed.take(left)
            data, taken = data + block.tobytes(), taken + len(block)
            if len(block) < left:
                break
        self._progress.mark(time.monotonic(), taken)
        over = self._feed.over and not self._changes
        return data + bytes((count - taken) * self._channels * 4), self._complete if over else self._more

    @property
    def taken(self) -> float:
        """Return how many seconds of the song the device has taken, with the block that it takes now."""
        return self._begin + (self._progress.handed + BLOCKSIZE) / self._rate

    def edit(self, at: int) -> None:
        """Play what the song has become from sample ``at`` on, which the device has not taken yet."""
        while self._spent:
            self._spent.pop().close()
        change = round((at / self._song.samplerate - self._begin) * self._rate)
        self._changes.append((change, Feed(self._song, self._rate, self._channels, at, at_once=False)))

    @property
    def length(self) -> float:
        """Return the song's length in seconds, as far as it is known."""
        return self._song.duration

    def start(self) -> None:
        """Begin to play."""
        with quiet_stderr():
            self._stream.start_stream()

    @property
    def position(self) -> float:
        """Return the position, in seconds of the song, that the speaker plays now; it never falls."""
        self._progress.stood(self._standstill.look())
        now = self._begin + self._progress.position(time.monotonic(), self.latency)
        self._reached = max(self._reached, min(self.length, now))
        return self._reached

    @property
    def lost(self) -> bool:
        """Return whether the device stopped asking for samples before the song's end; the position runs on."""
        return not self._feed.over and self._progress.lost(time.monotonic())

    @property
    def finished(self) -> bool:
        """Return whether the speaker has played the last sample."""
        return self.position >= self.length

    def close(self) -> None:
        """Stop at once and release the device; a second call does nothing."""
        portaudio, self._portaudio = self._portaudio, None
        if portaudio is None:
            return
        with quiet_stderr(), contextlib.ExitStack() as stack:
            for feed in (self._feed, *(feed for _, feed in self._changes), *self._spent):
                stack.callback(feed.close)
            if self._server is not None:
                stack.callback(self._server.closes)
            if self._server is not None and (self._server.dead or leaving.with_others()):
                self._more = self._complete = ABORT
                abandon(self._stream)
            else:
                stack.callback(portaudio.terminate)
                self._stream.close()


class _Progress:
    """The position of playback, from the times of the callbacks.

    A callback comes on time or late, never early. So the earliest one of the last second tells when sample 0 was
    delivered: a late callback does not shake the picture, and a dropout's delay is known within a second.
    """

    def __init__(self, samplerate: int) -> None:
        self.handed = 0  # samples that the device has taken
        self._samplerate = samplerate
        self._marks: deque[tuple[float, float]] = deque()  # monotonic seconds: of a callback, and of sample 0 by it
        self._origin: float | None = None  # monotonic seconds at which sample 0 was due
        self._last = 0.0  # monotonic seconds of the last callback
        self._stood = (0.0, 0.0)  # the last callback, and seconds since then in which the process stood

    def mark(self, now: float, count: int) -> None:
        """Note a callback for ``count`` samples at ``now`` (monotonic seconds); only PortAudio's thread calls this."""
        self._marks.append((now, now - self.handed / self._samplerate))
        while self._marks[0][0] < now - WINDOW_SECONDS:
            self._marks.popleft()
        self.handed += count
        self._last = now
        self._origin = min(origin for _, origin in self._marks)  # one assignment, so other threads may read it

    def stood(self, seconds: float) -> None:
        """Note that the process stood: if the callbacks stood as well, the position waits for the next one."""
        if seconds:
            before = self._stood[1] if self._stood[0] == self._last else 0.0
            self._stood = self._last, before + seconds

    def position(self, now: float, latency: float) -> float:
        """Return seconds of the song at ``now`` (monotonic seconds); 0 before the first sample sounds.

        ``latency`` are the seconds from callback to speaker. A late callback delays picture and sound alike; a lost
        device does not stop the picture.
        """
        if self._origin is None:
            return 0.0
        handed = self.handed / self._samplerate
        if self.lost(now):
            return handed + now - self._last - LOST_SECONDS - (self._stood[1] if self._stood[0] == self._last else 0.0)
        return max(0.0, min(handed, now - self._origin - latency))

    def lost(self, now: float) -> bool:
        """Return whether the callbacks have stopped."""
        return self._origin is not None and now - self._last > LOST_SECONDS


def open_player(song: Sound, mute: bool = False, begin: float = 0.0) -> tuple[SongPlayer | SilentPlayer, str | None]:
    """Return a player that begins at ``begin`` seconds, and a notice when it must be silent without ``mute``."""
    if mute:
        return SilentPlayer(song, begin), None
    try:
        return SongPlayer(song, begin), None
    except NoSound as error:
        return SilentPlayer(song, begin), f"{error}: playing silently, in time"
