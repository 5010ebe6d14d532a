"""Decodes the first audio stream of any file that FFmpeg reads, from its beginning or from a place in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from engine.audio.songs.resampler import Resampler
from engine.borders.errors import UserError
from engine.borders.sound import Samples
from engine.system.files import media

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

PREROLL_SECONDS = 1.0  # decoded before a place that is sought: packets of MP3 and AAC build on those before


class Decoder:
    """An open file and the place up to which it is decoded. It belongs to one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open ``path``. Raises UserError, which names it, when it has no sound that can be decoded."""
        import av

        self._path = path
        try:
            self._container = av.open(media(path), metadata_errors="ignore")
        except av.error.FFmpegError as error:
            reason = (error.strerror or "unknown format").lower()
            raise UserError(
                f"{path}: not a playable sound file ({reason}); convert it to WAV, FLAC, MP3, M4A or Ogg and try again"
            ) from error
        try:
            self._open()
        except BaseException:
            self._container.close()
            raise

    def _open(self) -> None:
        if not self._container.streams.audio:
            raise UserError(f"{self._path}: has no sound in it; choose a file with an audio track")
        self._stream = self._container.streams.audio[0]
        codec = self._stream.codec_context
        self.layout, self.layout_channels = codec.layout.name, codec.layout.nb_channels
        if not codec.sample_rate or not self.layout_channels:
            raise UserError(
                f"{self._path}: the sound has no samplerate or channels, the file is damaged; use another copy of it"
            )
        self.samplerate = 44100 if codec.sample_rate % 11025 == 0 else 48000  # what devices and encoders take
        self.channels = 1 if self.layout_channels == 1 else 2
        self.packets = self.damaged = 0  # decoded frames and broken packets, broken packets
        self.at: int | None = 0  # the sample that the next block begins with; None after `seek`, until it is known
        self._origin: float | None = None  # seconds that the file gives its first sample

    @property
    def estimate(self) -> float | None:
        """Return the seconds that the file says it lasts, None where it says nothing."""
        if self._stream.duration is not None and self._stream.time_base is not None:
            return float(self._stream.duration * self._stream.time_base)
        return None if self._container.duration is None else self._container.duration / 1e6

    def blocks(self) -> Iterator[Samples]:
        """Yield the samples from where the file stands to its end; ``at`` is where each block begins."""
        resampler = Resampler(self.channels, self.samplerate)
        for frame in self._frames():
            self.packets += 1
            if frame is None:
                self.damaged += 1
                continue
            self._place(frame)
            yield from self._placed(resampler(frame))
        yield from self._placed(resampler(None))

    def seek(self, sample: int) -> bool:
        """Go to a place somewhat before ``sample``; `blocks` begins there. Return whether the file can do that.

        ``at`` says where that is, when the first block has come.
        """
        import av

        if self._origin is None or self._stream.time_base is None:
            return False
        seconds = max(0.0, sample / self.samplerate - PREROLL_SECONDS) + self._origin
        try:
            self._container.seek(int(seconds / self._stream.time_base), stream=self._stream)
        except av.error.FFmpegError:
            return False
        self._stream.codec_context.flush_buffers()
        self.at = None
        return True

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _placed(self, blocks: list[Samples]) -> Iterator[Samples]:
        for block in blocks:
            yield block
            if self.at is not None:
                self.at += len(block)

    def _place(self, frame: AudioFrame) -> None:
        """Learn from the first frame after the opening or a `seek` which sample it begins with."""
        if self._origin is not None and self.at is not None:
            return
        if frame.pts is None or frame.time_base is None:
            self._origin = None  # the file cannot be sought
            return
        time = float(frame.pts * frame.time_base)
        if self._origin is None:
            self._origin = time
        if self.at is None:
            self.at = round((time - self._origin) * self.samplerate)

    def _frames(self) -> Iterator[AudioFrame | None]:
        """Yield the decoded frames, with None in the place of a damaged packet."""
        import av

        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError:  # the file is cut off; the part before still plays
                yield None
                return
            try:
                yield from packet.decode()
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                yield None
