"""A video file: H.264 and AAC in step, whole or not there at all."""

from __future__ import annotations

import contextlib
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation
from numpy.typing import NDArray

from engine.errors import UserError

FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
THREADS = 8  # fixed: x264's choices depend on it, and the same show must give the same file everywhere
_SCALER = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP


class PartFile:
    """A file under a temporary name beside its target; the target is replaced whole or left as it was."""

    def __init__(self, path: Path) -> None:
        """Create the temporary file; UserError if the folder or the target cannot be written."""
        self.path = Path(os.path.realpath(path))  # through a link, not instead of it
        if self.path.exists() and not self.path.is_file():
            raise UserError(f"{path}: is not a file: choose another name for the video")
        self.part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            os.close(os.open(self.part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o666))
        except OSError as error:
            raise UserError(f"{path}: cannot write there ({error.strerror}): choose another folder") from error

    def keep(self) -> None:
        """Put the finished file in its place, so that a power cut leaves the old one or the new one."""
        with self.part.open("rb") as file:
            os.fsync(file.fileno())
        self.part.replace(self.path)
        if os.name == "posix":
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def discard(self) -> None:
        """Remove the temporary file."""
        with contextlib.suppress(OSError):
            self.part.unlink(missing_ok=True)


class Movie:
    """An encoder: pictures in, sound in, a file out. No GL and no clock: a frame is 1/fps long."""

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: float,
        samplerate: int | None = None,
        channels: int = 2,
        crf: int = 18,
    ) -> None:
        """UserError for a suffix or a place that cannot be; ``samplerate`` None makes a silent film."""
        path = Path(path)
        if path.suffix.lower() not in FORMATS:
            raise UserError(f"{path}: unknown kind of video {path.suffix!r}: end it in {', '.join(FORMATS)}")
        if not 0.0 < fps <= 1000.0:
            raise UserError(f"{fps:g} frames per second: choose 1 to 1000")
        self.frames = 0
        self._rate = Fraction(fps).limit_denominator(1001)
        self._samplerate, self._heard = samplerate, 0
        self._file = PartFile(path)
        try:
            options = {"movflags": "+faststart"} if FORMATS[path.suffix.lower()] != "matroska" else {}
            self._container: Any = av.open(
                str(self._file.part), "w", format=FORMATS[path.suffix.lower()], options=options
            )
            self._video = self._add_video(size, crf)
            self._audio = self._add_audio(samplerate, min(channels, 2)) if samplerate else None
        except BaseException:
            self._file.discard()
            raise

    def _add_video(self, size: tuple[int, int], crf: int) -> Any:
        stream = self._container.add_stream("libx264", rate=self._rate)
        stream.width, stream.height = size[0] & ~1, size[1] & ~1  # 4:2:0 has one colour for two pixels
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = 1 / self._rate
        context.color_range = ColorRange.MPEG
        context.colorspace, context.color_primaries = Colorspace.ITU709, ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709
        context.thread_count = THREADS
        context.thread_type = "FRAME"  # slices are not reproducible
        # The asm of x264's macroblock tree gives another file now and then, even on one thread.
        context.options = {"crf": str(crf), "preset": "veryfast", "x264-params": "mbtree=0"}
        return stream

    def _add_audio(self, samplerate: int, channels: int) -> Any:
        rate = samplerate if samplerate in AAC_RATES else 48000
        layout = "mono" if channels == 1 else "stereo"
        stream = self._container.add_stream("aac", rate=rate, layout=layout)
        stream.codec_context.bit_rate = 96_000 * channels
        return stream

    @property
    def seconds(self) -> Fraction:
        """How long the film is so far."""
        return self.frames / self._rate

    def picture(self, pixels: NDArray[np.uint8]) -> None:
        """Append a frame, uint8 RGB [H, W, 3] or RGBA [H, W, 4], top row first."""
        pixels = np.ascontiguousarray(pixels[: self._video.height, : self._video.width])
        layout = "rgb24" if pixels.shape[2] == 3 else "rgba"
        frame = av.VideoFrame.from_ndarray(pixels, format=layout).reformat(
            format="yuv420p",
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            dst_colorspace=Colorspace.ITU709,
            dst_color_trc=ColorTrc.BT709,
            dst_color_primaries=ColorPrimaries.BT709,
            interpolation=_SCALER,
        )
        frame.pts, frame.time_base = self.frames, 1 / self._rate
        self._container.mux(self._video.encode(frame))
        self.frames += 1

    def sound(self, samples: NDArray[np.float32]) -> None:
        """Append sound, float32 [n, channels]; what is no number becomes silence."""
        if self._audio is None or self._samplerate is None or not len(samples):
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
        self._container.mux(self._audio.encode(frame))

    def close(self) -> None:
        """Finish the file and put it in its place."""
        try:
            self._container.mux(self._video.encode(None))
            if self._audio is not None:
                self._container.mux(self._audio.encode(None))
            self._container.close()
            self._file.keep()
        except BaseException:
            self._file.discard()
            raise

    def abort(self) -> None:
        """Leave no trace: what was at the target before is still there."""
        with contextlib.suppress(av.error.FFmpegError, OSError, ValueError):
            self._container.close()
        self._file.discard()
