"""A song through the speakers, and where in it the speakers are now."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import numpy as np

from engine.audio.inputs.portaudio import NoSound, default_device, describe, open_portaudio
from engine.audio.songs.song import Song, resample
from engine.system.quiet import quiet_stderr

BLOCKSIZE = 1024  # samples a callback: 21 ms at 48 kHz, calm enough for a busy render thread
SETTLE_SECONDS = 1.0  # callbacks this recent decide where playback is
LOST_SECONDS = 0.5  # without a callback for so long, the device is taken for gone


class SilentPlayer:
    """Plays nothing, in time: the player of machines without sound."""

    latency = 0.0  # seconds

    def __init__(self, song: Song) -> None:
        """Prepare; the clock runs from ``start``."""
        self.length = song.duration
        self._start: float | None = None

    def start(self) -> None:
        """Begin at 0."""
        self._start = time.monotonic()

    @property
    def position(self) -> float:
        """Return the seconds since the start, at most the song's length."""
        return 0.0 if self._start is None else min(self.length, time.monotonic() - self._start)

    @property
    def finished(self) -> bool:
        """Tell whether the song is over."""
        return self.position >= self.length

    def close(self) -> None:
        """Nothing to release."""


class Player:
    """Plays a song on the default output device through a PortAudio callback."""

    def __init__(self, song: Song) -> None:
        """Open the device, resampling the song when the device takes no other rate. Raises NoSound."""
        self.length = song.duration
        self._portaudio: Any = open_portaudio()
        try:
            self._open(song)
        except BaseException:
            self._portaudio.terminate()
            raise

    def _open(self, song: Song) -> None:
        import pyaudio

        device = default_device(self._portaudio, "output")
        channels = min(2, int(device["maxOutputChannels"]))
        with quiet_stderr():
            try:
                song = self._at_device_rate(song, device, channels)
                self._samplerate = song.samplerate
                self._pcm = _interleave(song, channels)  # [n, channels]
                self._progress = _Progress(song.samplerate)
                self._stream = self._portaudio.open(
                    rate=song.samplerate, channels=channels, format=pyaudio.paFloat32, output=True,
                    output_device_index=device["index"], frames_per_buffer=BLOCKSIZE,
                    stream_callback=self._callback, start=False)
            except (OSError, ValueError) as error:
                words = describe(error) if isinstance(error, OSError) else str(error)
                raise NoSound(f"{device['name']} does not open ({words})") from error
        self.latency = float(self._stream.get_output_latency())  # seconds from callback to speaker
        self._reached = 0.0
        self._more, self._complete = pyaudio.paContinue, pyaudio.paComplete

    def _at_device_rate(self, song: Song, device: dict[str, Any], channels: int) -> Song:
        """Return the song at its own rate if the device takes it (JACK does not), else at the device's."""
        import pyaudio

        try:
            self._portaudio.is_format_supported(
                song.samplerate, output_device=device["index"], output_channels=channels,
                output_format=pyaudio.paFloat32)
        except ValueError:
            return resample(song, round(device["defaultSampleRate"]))
        return song

    def _callback(self, _input: Any, count: int, _times: Any, _status: int) -> tuple[bytes, int]:
        """Hand over the next ``count`` samples; runs in PortAudio's thread, so it does nothing else."""
        begin = self._progress.handed
        self._progress.mark(time.monotonic(), count)
        block = self._pcm[begin:begin + count]
        data = block.tobytes() + bytes((count - len(block)) * self._pcm.shape[1] * 4)
        return data, self._more if begin + count < len(self._pcm) else self._complete

    def start(self) -> None:
        """Begin to play."""
        with quiet_stderr():
            self._stream.start_stream()

    @property
    def position(self) -> float:
        """Return the second of the song now leaving the speaker: never falling, from 0 to the length."""
        now = self._progress.position(time.monotonic(), self.latency)
        self._reached = max(self._reached, min(self.length, now))
        return self._reached

    @property
    def lost(self) -> bool:
        """Tell whether the device stopped asking for samples in mid-song; the position runs on."""
        return self._progress.handed < len(self._pcm) and self._progress.lost(time.monotonic())

    @property
    def finished(self) -> bool:
        """Tell whether the last sample has left the speaker."""
        return self.position >= self.length

    def close(self) -> None:
        """Stop at once and release the device; calling it again does nothing."""
        if self._portaudio is None:
            return
        with quiet_stderr():
            try:
                self._stream.close()
            finally:
                self._portaudio.terminate()
                self._portaudio = None


class _Progress:
    """Where playback is, from the moments of the callbacks.

    A callback comes at its due moment or late, never early, so the earliest of the last second's
    tells when sample 0 was handed over: a late one does not shake the picture, and after a dropout
    the delay is learnt within a second.
    """

    def __init__(self, samplerate: int) -> None:
        self.handed = 0  # samples
        self._samplerate = samplerate
        self._marks: deque[tuple[float, float]] = deque()  # (moment, moment sample 0 would have been due)
        self._origin: float | None = None
        self._last = 0.0

    def mark(self, now: float, count: int) -> None:
        """Note a callback for ``count`` samples; PortAudio's thread alone calls this."""
        self._marks.append((now, now - self.handed / self._samplerate))
        while self._marks[0][0] < now - SETTLE_SECONDS:
            self._marks.popleft()
        self.handed += count
        self._last = now
        self._origin = min(origin for _, origin in self._marks)  # one assignment, which readers may take

    def position(self, now: float, latency: float) -> float:
        """Return seconds of song; 0 before the first sample sounds.

        A late callback holds the picture back with the sound; a device that is gone does not.
        """
        if self._origin is None:
            return 0.0
        handed = self.handed / self._samplerate
        if self.lost(now):
            return handed + now - self._last - LOST_SECONDS
        return max(0.0, min(handed, now - self._origin - latency))

    def lost(self, now: float) -> bool:
        """Tell whether callbacks have stopped coming."""
        return self._origin is not None and now - self._last > LOST_SECONDS


def _interleave(song: Song, channels: int) -> Any:
    """Return the samples for the device, float32 [n, channels]: mono to both speakers, stereo to one as its mean."""
    samples = song.samples
    if channels == 1 or song.channels == 1:
        samples = np.repeat(song.mono()[:, None], channels, axis=1)
    return np.ascontiguousarray(np.clip(samples, -1.0, 1.0))


def open_player(song: Song, mute: bool = False) -> tuple[Player | SilentPlayer, str | None]:
    """Return a player, and one line of notice when it is silent though sound was wanted."""
    if mute:
        return SilentPlayer(song), None
    try:
        return Player(song), None
    except NoSound as error:
        return SilentPlayer(song), f"{error}: playing silently, in time"
