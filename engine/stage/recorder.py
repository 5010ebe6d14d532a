"""Recording while performing: an encoder thread behind a short queue, and stills.

The picture never waits: where the encoder cannot keep up, frames are dropped and counted. The file is in
fragments of a second, so that what was recorded before a crash, a power cut or ``kill -9`` plays.
"""

from __future__ import annotations

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
import moderngl
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.errors import UserError
from engine.stage.canvas import Size
from engine.stage.movie import Muxer, PartFile, container_format

TICK = Fraction(1, 90_000)  # s, of the timestamps: live frames come when they come
WAITING = 6  # pictures that may wait for the encoder
SOUND_WAITING = 4096  # pieces of sound: more than a minute
_FRAGMENTS = "+frag_keyframe+delay_moov+default_base_moof"


def live_codec(fps: float, name: str | None = None) -> tuple[str, dict[str, str]]:
    """Return NVIDIA's encoder where it runs, else x264 as light as it gets. NVENC has NOT been run yet."""
    second = str(max(1, round(fps)))
    if name is None and _opens("h264_nvenc"):
        return "h264_nvenc", {"preset": "p4", "rc": "vbr", "cq": "21", "g": second, "bf": "0"}
    options = {"preset": "ultrafast", "crf": "20", "g": second, "bf": "0", "x264-params": "mbtree=0"}
    return name or "libx264", options


def _opens(name: str) -> bool:
    """Whether an encoder is there and its hardware too."""
    try:
        context = av.CodecContext.create(name, "w")
        context.width, context.height, context.pix_fmt = 320, 240, "yuv420p"  # type: ignore[attr-defined]
        context.time_base = Fraction(1, 60)
        context.open()
    except (av.error.FFmpegError, ValueError):
        return False
    return True


class Recorder:
    """Encodes what ``picture`` and ``sound`` are given on a thread of its own, until ``close``."""

    def __init__(
        self,
        path: Path,
        size: Size,
        fps: float,
        samplerate: int | None = None,
        channels: int = 2,
        codec: str | None = None,
    ) -> None:
        """UserError if the file cannot be written. ``fps`` is what to expect; every frame has its own time."""
        path = Path(path)
        container = container_format(path)
        options = {} if container == "matroska" else {"movflags": _FRAGMENTS}
        self.path, self.size = path, size
        self.dropped, self.frames = 0, 0
        self.failure = ""
        self._waiting = 0
        self._last = -1
        self._queue: queue.SimpleQueue[tuple[int, NDArray[Any]] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        try:
            path.open("wb").close()  # FFmpeg would only find out with the first packet
            self._muxer = Muxer(
                path, container, size, Fraction(fps).limit_denominator(1001), TICK, samplerate, channels,
                live_codec(fps, codec), {**options, "flush_packets": "1"},
            )  # fmt: skip
        except OSError as error:
            raise UserError(f"{path}: cannot record there ({error.strerror}): choose another folder") from error
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def picture(self, pixels: NDArray[np.uint8], seconds: float) -> None:
        """Record a picture, uint8 [H, W, 3 or 4], shown ``seconds`` after the first; never waits."""
        at = round(seconds / TICK)
        with self._lock:
            if self.failure or self._waiting >= WAITING or at <= self._last:
                self.dropped += 1
                return
            self._waiting += 1
            self._last = at
        self._queue.put((at, pixels))

    def sound(self, samples: NDArray[np.float32]) -> None:
        """Record sound, float32 [n, channels], that follows what was recorded before; never waits."""
        if not self.failure and self._queue.qsize() < SOUND_WAITING:
            self._queue.put((-1, samples.copy()))

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if self.failure:
                continue
            at, data = item
            try:
                if at < 0:
                    self._muxer.sound(data)
                else:
                    self._muxer.picture(data, at)
                    self.frames += 1
            except (av.error.FFmpegError, OSError, ValueError) as error:  # a full disk ends this, not the show
                self.failure = f"{self.path}: recording stopped: {error}"
            finally:
                if at >= 0:
                    with self._lock:
                        self._waiting -= 1

    def close(self) -> None:
        """Finish the file; a second call does nothing."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
            if self.failure:
                self._muxer.abandon()
                return
            try:
                self._muxer.finish()
            except (av.error.FFmpegError, OSError) as error:
                self.failure = f"{self.path}: the end was not written: {error}"


class Tap:
    """Reads the window's picture without waiting for the GPU: each one when the next has been drawn."""

    def __init__(self, window: Any, recorder: Recorder, now: Callable[[], float] = time.monotonic) -> None:
        """``now`` is the clock that the recorded sound is on, in seconds."""
        self._window, self._recorder, self._now = window, recorder, now
        self._start: float | None = None
        self._buffers: list[moderngl.Buffer] = []
        self._pending: tuple[moderngl.Buffer, Size, float] | None = None

    def take(self) -> None:
        """Take the picture that is about to be presented."""
        now = self._now()
        self._start = now if self._start is None else self._start
        size = self._window.size
        self._flush()
        buffer = self._buffer(size[0] * size[1] * 4)
        self._window.target.read_into(buffer, viewport=(0, 0, *size), components=4)
        self._pending = (buffer, size, now - self._start)

    def _flush(self) -> None:
        if self._pending is not None:
            buffer, size, seconds = self._pending
            self._pending = None
            raw = np.frombuffer(buffer.read(size=size[0] * size[1] * 4), np.uint8)
            self._recorder.picture(raw.reshape(size[1], size[0], 4)[::-1], seconds)

    def _buffer(self, size: int) -> moderngl.Buffer:
        """Return the buffer that was not read into last."""
        if not self._buffers or self._buffers[0].size != size:
            for old in self._buffers:
                old.release()
            self._buffers = [self._window.ctx.buffer(reserve=size) for _ in range(2)]
        self._buffers.reverse()
        return self._buffers[0]

    def close(self) -> None:
        """Take the last picture, finish the recording."""
        self._flush()
        for buffer in self._buffers:
            buffer.release()
        self._buffers = []
        self._recorder.close()


def screenshot(window: Any, folder: Path, name: str | None = None) -> threading.Thread:
    """Save what was drawn to ``window`` as a PNG, on the returned thread; UserError if it cannot be there."""
    width, height = window.size
    raw = window.target.read(viewport=(0, 0, width, height), components=4)
    stem = name or time.strftime("latentvj-%Y%m%d-%H%M%S")
    candidates = (Path(folder) / f"{stem}{'' if n == 1 else f'_{n}'}.png" for n in itertools.count(1))
    path = next(each for each in candidates if not each.exists())
    file = PartFile(path)

    def save() -> None:
        pixels = np.frombuffer(raw, np.uint8).reshape(height, width, 4)[::-1, :, :3]
        try:
            Image.fromarray(np.ascontiguousarray(pixels)).save(file.part, "PNG")
            file.keep()
        except OSError:
            file.discard()
            raise

    thread = threading.Thread(target=save, name=os.fspath(path))
    thread.start()
    return thread
