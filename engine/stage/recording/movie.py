"""Video files, of H.264 and AAC unless they keep alpha.

A Movie is written whole or not at all; a Muxer's file may be incomplete.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation
from numpy.typing import NDArray

from engine.borders.errors import UserError
from engine.stage.recording.codecs import Codec, layer
from engine.system.files import media
from engine.system.part_file import PartFile

FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}  # FFmpeg's container, by suffix
ALPHA_FORMATS = {".mov": "mov", ".webm": "webm"}  # of films with alpha
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)  # Hz
FINE_TICK = Fraction(1, 90_000)  # seconds; unit of timestamps where frames come at any time
THREADS = 8  # of the encoder; fixed, because x264's output depends on it and must be the same on every machine
AvObject: TypeAlias = Any  # a container, stream or packet; av's types lack what the encoder needs
_SCALER = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP


def container_format(path: Path) -> str:
    """Return FFmpeg's name of the container for the suffix of ``path``. Raises UserError for an unknown suffix."""
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"{path}: unknown kind of video {path.suffix!r}: end it in {', '.join(FORMATS)}")
    return FORMATS[path.suffix.lower()]


class SoundTrack:
    """The sound track of a file."""

    def __init__(self, container: AvObject, samplerate: int, channels: int, encoder: str = "aac") -> None:
        """``samplerate`` in Hz, of the samples that come; ``channels`` 1 or 2."""
        rate = samplerate if samplerate in AAC_RATES and encoder == "aac" else 48000
        layout = "mono" if channels == 1 else "stereo"
        self._samplerate, self._heard = samplerate, 0  # Hz, samples
        self._container = container
        self._stream: AvObject = container.add_stream(encoder, rate=rate, layout=layout)
        self._stream.codec_context.bit_rate = 96_000 * channels

    def append(self, samples: NDArray[np.float32]) -> None:
        """Append sound, float32 [n, channels]; NaN becomes silence."""
        if not len(samples):
            return
        clean = np.clip(np.nan_to_num(samples), -1.0, 1.0).astype(np.float32)
        if clean.shape[1] > 2:
            clean = clean.mean(axis=1, keepdims=True).repeat(2, axis=1)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(clean.T), format="fltp", layout="mono" if clean.shape[1] == 1 else "stereo"
        )
        frame.sample_rate, frame.pts = self._samplerate, self._heard
        frame.time_base = Fraction(1, self._samplerate)
        self._heard += len(samples)
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write the encoder's last packets."""
        self._container.mux(self._stream.encode(None))


class Muxer:
    """Encodes pictures and sound and writes their packets to a file. Timestamps are in units of ``tick`` seconds."""

    def __init__(
        self,
        path: Path,
        container: str,
        size: tuple[int, int],
        rate: Fraction,
        tick: Fraction,
        samplerate: int | None,
        channels: int,
        codec: Codec,
        options: dict[str, str],
        quick: bool = False,
    ) -> None:
        """``size`` is width and height, ``rate`` frames a second; ``samplerate`` None makes a silent film.

        ``options`` are the container's. ``quick`` converts colours less exactly, in half the time.
        """
        self._tick, self._codec = tick, codec
        self._scaler = Interpolation.BILINEAR if quick else _SCALER
        self._last: AvObject = None  # the newest picture's packet; it is written with the next one
        self._container: AvObject = av.open(media(path), "w", format=container, options=options)
        self._video = self._add_video(size, rate)
        self._audio = SoundTrack(self._container, samplerate, min(channels, 2), codec.sound) if samplerate else None

    def _add_video(self, size: tuple[int, int], rate: Fraction) -> AvObject:
        stream = self._container.add_stream(self._codec.encoder, rate=rate)
        stream.width, stream.height = size[0] & ~1, size[1] & ~1  # even: in 4:2:0 two pixels share a colour
        stream.pix_fmt = self._codec.pixels
        context = stream.codec_context
        context.time_base = self._tick
        if "yuv" in self._codec.pixels:
            context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
        context.color_primaries = ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709
        context.thread_count = THREADS
        context.thread_type = "FRAME"  # with slices the output is not reproducible
        context.options = dict(self._codec.options)
        return stream

    def tag(self, tags: Mapping[str, str]) -> None:
        """Write ``tags`` into the file, before its first picture."""
        self._container.metadata.update(tags)

    def picture(self, pixels: NDArray[np.uint8], at: int) -> None:
        """Append a frame at ``at`` ticks: uint8 RGB [H, W, 3] or RGBA [H, W, 4], top row first; it is scaled to fit."""
        layout, yuv = "rgb24" if pixels.shape[2] == 3 else "rgba", "yuv" in self._codec.pixels
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=layout).reformat(
            width=self._video.width,
            height=self._video.height,
            format=self._codec.pixels,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG if yuv else ColorRange.JPEG,
            dst_colorspace=Colorspace.ITU709 if yuv else None,
            dst_color_trc=ColorTrc.BT709,
            dst_color_primaries=ColorPrimaries.BT709,
            interpolation=self._scaler,
        )
        frame.pts, frame.time_base = at, self._tick
        self._write(self._video.encode(frame))

    def _write(self, packets: list[AvObject]) -> None:
        """Write pictures, each when its duration is known; the last one of a fragment has no successor there."""
        for packet in packets:
            before, self._last = self._last, packet
            if before is not None:
                before.duration = packet.dts - before.dts
                self._container.mux(before)

    def sound(self, samples: NDArray[np.float32]) -> None:
        """Append sound, float32 [n, channels]; NaN becomes silence."""
        if self._audio is not None:
            self._audio.append(samples)

    def finish(self) -> None:
        """Write the encoders' last packets and close the file."""
        self._write(self._video.encode(None))
        if self._last is not None:
            self._container.mux(self._last)
        if self._audio is not None:
            self._audio.finish()
        self._container.close()

    def abandon(self) -> None:
        """Close the file without the encoders' last packets."""
        with contextlib.suppress(av.error.FFmpegError, OSError, ValueError):
            self._container.close()


class Movie:
    """A film from pictures and sound, without GL and without a clock. A frame lasts 1/fps, or as long as it says."""

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: float,
        samplerate: int | None = None,
        channels: int = 2,
        crf: int = 18,
        uneven: bool = False,
        alpha: Codec | None = None,
    ) -> None:
        """``size`` is width and height; ``samplerate`` None makes a silent film; ``crf`` is x264's quality.

        The frames of an ``uneven`` film last about 1/fps, each its own time. ``alpha`` is the codec of a film that
        keeps what shows through. Raises UserError for an unknown suffix
        and a path that cannot be written.
        """
        self._path = path = Path(path)
        container = container_format(path) if alpha is None else ALPHA_FORMATS[path.suffix.lower()]
        if not 0.0 < fps <= 1000.0:
            raise UserError(f"{fps:g} frames per second: choose 1 to 1000")
        self.frames = 0
        self._rate = Fraction(fps).limit_denominator(1001)
        self._tick = FINE_TICK if uneven else 1 / self._rate
        self._at = 0  # ticks
        self._size, self._alpha = size, alpha is not None
        self._file = PartFile(path)
        # The assembly code of x264's macroblock tree sometimes gives another file, even with one thread.
        opaque = Codec("libx264", {"crf": str(crf), "preset": "veryfast", "x264-params": "mbtree=0"})
        codec, options = alpha or opaque, {"movflags": "+faststart"} if container in ("mp4", "mov") else {}
        try:
            self._muxer = Muxer(
                self._file.part, container, size, self._rate, self._tick, samplerate, channels, codec, options
            )
        except BaseException:
            self._file.discard()
            raise

    @property
    def seconds(self) -> Fraction:
        """Return the film's length so far, in seconds."""
        return self._at * self._tick

    def tag(self, tags: Mapping[str, str]) -> None:
        """Write ``tags`` into the file, before its first picture: only Matroska keeps any name."""
        self._muxer.tag(tags)

    def picture(self, pixels: NDArray[np.uint8], until: float | None = None) -> None:
        """Append a frame, uint8 RGB [H, W, 3] or premultiplied RGBA [H, W, 4], top row first.

        In an uneven film it is shown ``until`` that time, in seconds from the film's beginning.
        """
        with self._told():
            pixels = pixels[: self._size[1] & ~1, : self._size[0] & ~1]
            self._muxer.picture(layer(pixels) if self._alpha else pixels, self._at)
        self.frames += 1
        self._at = self._at + 1 if until is None else max(self._at + 1, round(until / self._tick))

    def sound(self, samples: NDArray[np.float32]) -> None:
        """Append sound, float32 [n, channels]."""
        with self._told():
            self._muxer.sound(samples)

    def close(self) -> None:
        """Finish the file and replace the target with it."""
        try:
            with self._told():
                self._muxer.finish()
                self._file.keep()
        except BaseException:
            self._file.discard()
            raise

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Raise UserError, which names the file, where it cannot be written: a disk that is full, for example."""
        try:
            yield
        except (av.error.FFmpegError, OSError) as error:
            raise UserError(
                f"{self._path}: cannot be written after {float(self.seconds):.1f} s of film "
                f"({error.strerror or error}); none of it is kept: make room, or choose another disk"
            ) from error

    def abort(self) -> None:
        """Discard the film; the target stays unchanged."""
        self._muxer.abandon()
        self._file.discard()
