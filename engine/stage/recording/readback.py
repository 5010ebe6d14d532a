"""Readback of the picture from the GPU without waiting: a ring of pixel buffers, each read some frames later."""

from __future__ import annotations

import contextlib
import ctypes
from collections import deque
from collections.abc import Callable, Sequence

import moderngl
import numpy as np

from engine.borders.contracts import Pixels, Window
from engine.stage.passes.canvas import Size

PACK, STREAM_READ = 0x88EB, 0x88E1  # GL_PIXEL_PACK_BUFFER, and the use of a buffer that the host reads
_CALLS = {
    "glBindBuffer": (ctypes.c_uint, ctypes.c_uint),
    "glBufferData": (ctypes.c_uint, ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_uint),
}
RING = 3  # buffers; a picture has two frames to arrive


def readable(ctx: moderngl.Context, size: int) -> moderngl.Buffer:
    """Return a pixel buffer of ``size`` bytes for OpenGL to fill and the host to read.

    moderngl says that OpenGL only draws from its buffers. A driver may then keep them in the card's own memory, which
    a host reads at a hundredth of the speed.
    """
    buffer = ctx.buffer(reserve=size)
    with contextlib.suppress(AttributeError):  # of another moderngl: slower, not wrong
        load = ctx.mglo._context.load
        bind, store = (ctypes.CFUNCTYPE(None, *types)(load(name)) for name, types in _CALLS.items())
        bind(PACK, buffer.glo)
        store(PACK, size, None, STREAM_READ)
        bind(PACK, 0)
    return buffer


class Readback:
    """Delivers the picture of ``window`` to those who want it, one or two frames later."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._free: list[moderngl.Buffer] = []
        self._under_way: deque[tuple[moderngl.Buffer, Size, Sequence[Callable[[Pixels], object]]]] = deque()

    def take(self, wanted: Sequence[Callable[[Pixels], object]]) -> None:
        """Deliver an earlier picture that is due, and start to read the present one, if ``wanted`` is not empty.

        ``wanted`` are called with the pixels, uint8 [H, W, 4], top row first.
        """
        if len(self._under_way) >= RING - 1 or (self._under_way and not wanted):
            self._hand_over()
        if not wanted:
            return
        size: Size = self._window.size
        buffer = self._buffer(size[0] * size[1] * 4)
        self._window.target.read_into(buffer, viewport=(0, 0, *size), components=4)
        self._under_way.append((buffer, size, wanted))

    def flush(self) -> None:
        """Deliver all pictures that are being read; this waits for the GPU."""
        while self._under_way:
            self._hand_over()

    def _hand_over(self) -> None:
        buffer, (width, height), wanted = self._under_way.popleft()
        pixels = np.frombuffer(buffer.read(size=width * height * 4), np.uint8).reshape(height, width, 4)[::-1]
        self._free.append(buffer)
        for want in wanted:
            want(pixels)

    def _buffer(self, size: int) -> moderngl.Buffer:
        """Return a free buffer of ``size`` bytes."""
        for old in [buffer for buffer in self._free if buffer.size != size]:
            self._free.remove(old)
            old.release()
        return self._free.pop() if self._free else readable(self._window.ctx, size)

    def close(self) -> None:
        """Deliver the rest and release the buffers."""
        self.flush()
        for buffer in self._free:
            buffer.release()
        self._free = []
