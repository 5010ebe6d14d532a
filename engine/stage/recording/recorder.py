"""Recorders for a live show: an encoder thread behind a short queue, and screenshots.

The show never waits: where the encoder is too slow, frames are dropped and counted. The file consists of fragments of
a second, so all up to the last one plays after a crash, a power cut or ``kill -9``.
"""

from __future__ import annotations

import functools
import itertools
import os
import queue
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.borders.errors import UserError
from engine.stage.letterbox import letterbox
from engine.stage.matte.straight import straight
from engine.stage.passes.canvas import Size
from engine.stage.recording.codecs import Codec
from engine.stage.recording.movie import FINE_TICK, Muxer, container_format
from engine.system.part_file import PartFile, in_use

MAX_PICTURES = 6  # pictures that wait for the encoder; further ones are dropped
MAX_ITEMS = 4096  # pictures and pieces of sound that wait, over a minute of sound; further sound is dropped
END_BYTES = 16  # of a film of fragments: its box mfro
# A fragment lasts a second, however slowly pictures come; a crash loses at most one.
_FRAGMENTS = {"movflags": "+frag_keyframe+delay_moov+default_base_moof", "frag_duration": "1000000"}


def live_codec(fps: float, name: str | None = None) -> tuple[str, dict[str, str]]:
    """Return an encoder and its options: NVIDIA's where it runs, else x264 at its fastest. NVENC has NOT been run yet.

    ``fps`` sets the distance of keyframes, one a second. ``name`` chooses another encoder of FFmpeg.
    """
    second = str(max(1, round(fps)))
    if name is None and _opens("h264_nvenc"):
        return "h264_nvenc", {"preset": "p4", "rc": "vbr", "cq": "21", "g": second, "bf": "0"}
    options = {"preset": "ultrafast", "crf": "20", "g": second, "bf": "0", "x264-params": "mbtree=0"}
    return name or "libx264", options


@functools.cache
def _opens(name: str) -> bool:
    """Return whether an encoder and its hardware are there."""
    try:
        context = av.CodecContext.create(name, "w")
        context.width, context.height, context.pix_fmt = 320, 240, "yuv420p"  # type: ignore[attr-defined]
        context.time_base = Fraction(1, 60)
        context.open()
    except (av.error.FFmpegError, ValueError):
        return False
    return True


class Recorder:
    """Encodes pictures and sound in its own thread, until ``close``."""

    def __init__(
        self,
        path: Path,
        size: Size,
        fps: float,
        samplerate: int | None = None,
        channels: int = 2,
        codec: str | None = None,
    ) -> None:
        """``size`` is width and height. ``fps`` is the expected rate, but every frame has its own time.

        ``samplerate`` None makes a silent film. Raises UserError if the file cannot be written.
        """
        path = Path(path)
        container = container_format(path)
        self._fragmented = container != "matroska"
        options = _FRAGMENTS if self._fragmented else {}
        self.path, self.size = path, size
        self.dropped, self.frames = 0, 0
        self.failure = ""
        self._waiting = 0
        self._last = -1
        self._queue: queue.SimpleQueue[tuple[int, NDArray[Any]] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        try:
            path.open("wb").close()  # FFmpeg would fail later, at the first packet
        except OSError as error:
            raise UserError(f"{path}: cannot record there ({error.strerror}): choose another folder") from error
        self._muxer: Muxer | None = None
        # The thread opens it, because that takes a frame's time or more; pictures wait in the queue meanwhile.
        self._open = functools.partial(
            Muxer, path, container, size, Fraction(fps).limit_denominator(1001), FINE_TICK, samplerate, channels,
            Codec(*live_codec(fps, codec)), {**options, "flush_packets": "1"}, quick=True,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def picture(self, pixels: NDArray[np.uint8], seconds: float) -> None:
        """Record a picture, uint8 [H, W, 3 or 4], that is shown ``seconds`` after the first; this never waits.

        A picture of another size than the film's is fitted into it, with bars where its shape is another.
        """
        at = round(seconds / FINE_TICK)
        with self._lock:
            if self.failure or self._waiting >= MAX_PICTURES or at <= self._last:
                self.dropped += 1
                return
            self._waiting += 1
            self._last = at
        self._queue.put((at, pixels))

    def sound(self, samples: NDArray[np.float32]) -> None:
        """Record sound, float32 [n, channels], that follows the sound before it; this never waits."""
        if not self.failure and self._queue.qsize() < MAX_ITEMS:
            self._queue.put((-1, samples.copy()))

    def _run(self) -> None:
        try:
            self._muxer = muxer = self._open()
        except (av.error.FFmpegError, OSError, ValueError) as error:
            self.failure = f"{self.path}: cannot be recorded: {error}"
            return
        while (item := self._queue.get()) is not None:
            if self.failure:
                continue
            at, data = item
            try:
                if at < 0:
                    muxer.sound(data)
                else:
                    muxer.picture(letterbox(data, self.size), at)
                    self.frames += 1
            except (av.error.FFmpegError, OSError, ValueError) as error:  # a full disk ends the recording, not the show
                self.failure = f"{self.path}: recording stopped: {error}"
            finally:
                if at >= 0:
                    with self._lock:
                        self._waiting -= 1

    def close(self) -> None:
        """Finish the file; a second call does nothing."""
        self._queue.put(None)
        self._thread.join()
        muxer, self._muxer = self._muxer, None
        if muxer is None:
            return
        if self.failure:
            muxer.abandon()
            return
        try:
            muxer.finish()
            if self._fragmented and self.frames and not whole(self.path):
                raise OSError("the disk is full, or gone")
        except (av.error.FFmpegError, OSError) as error:
            self.failure = f"{self.path}: the end was not written: {error}"


class Still:
    """A screenshot: a thread writes the PNG of the picture that it is given."""

    def __init__(self, folder: Path, tell: Callable[[str], None], name: str | None = None) -> None:
        """``tell`` gets a line about the result, from the thread. Raises UserError if ``folder`` cannot be written."""
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{folder}: cannot make this folder: {error.strerror}") from error
        self.path = free(folder / f"{name or stamp()}.png")
        self._tell, self._file = tell, PartFile(self.path)

    def picture(self, pixels: NDArray[np.uint8]) -> threading.Thread:
        """Write a premultiplied picture, uint8 [H, W, 4], top row first; return the thread that writes it."""
        # The thread is no daemon and the bus joins it, so a show that ends waits for its last screenshot.
        thread = threading.Thread(target=self._save, args=(pixels,), name=os.fspath(self.path))
        thread.start()
        return thread

    def _save(self, pixels: NDArray[np.uint8]) -> None:
        try:
            whole = bool((pixels[..., 3] == 255).all())  # without anything that shows through
            Image.fromarray(np.ascontiguousarray(pixels[..., :3] if whole else straight(pixels))).save(
                self._file.part, "PNG"
            )
            self._file.keep()
        except OSError as error:
            self._file.discard()
            self._tell(f"{self.path}: the screenshot could not be written: {error.strerror or error}")
        else:
            self._tell(f"screenshot: {self.path}")


def whole(path: Path) -> bool:
    """Return whether a film of fragments has its end, the table of its fragments (ISO 14496-12, mfro).

    FFmpeg does not report where the last fragment could not be written.
    """
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - END_BYTES))
        return b"mfro" in file.read()


def stamp() -> str:
    """Return a file name, without suffix, with the present date and time."""
    return time.strftime("latentvj-%Y%m%d-%H%M%S")


def free(path: Path) -> Path:
    """Return ``path``, or the first of ``path`` with _2, _3, … that does not exist and that nobody writes now."""
    names = (path.with_name(f"{path.stem}{'' if n == 1 else f'_{n}'}{path.suffix}") for n in itertools.count(1))
    return next(each for each in names if not os.path.lexists(each) and not in_use(each))
