"""The three kernels of maps.cu as calls on tensors, and what launches them. NOT YET RUN ON A GPU.

Compiled to the letter and run on a CPU by the tests: tests/builders/cuda_interpreter.py.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from engine.generator.backends.blocks import DTYPES

WIDE, STRIP = 8, 8  # channels of a thread, finished rows of a thread: as in maps.cu
THREADS = 256  # of a block
LANES = 32  # threads that share a pixel in `paint`, at most
COLORS = 4  # channels of a picture, at most
PAINTERS = 2048  # blocks of `paint`, at most: a thread that paints many pixels reads its weights once

Value = Tensor | int | float | None
NAMES = {dtype: name for name, dtype in DTYPES.items()}


class Launcher(Protocol):
    """Starts a kernel of maps.cu."""

    def __call__(self, kernel: str, blocks: int, threads: int, *values: Value) -> None:
        """Start ``kernel`` on the current stream; tensors are passed by address, None as null."""
        ...


def arguments(values: Sequence[Value]) -> list[ctypes.c_void_p | ctypes.c_int | ctypes.c_float]:
    """Return ``values`` as C has them: pointers, int, float."""
    made: list[ctypes.c_void_p | ctypes.c_int | ctypes.c_float] = []
    for value in values:
        if isinstance(value, Tensor):
            made.append(ctypes.c_void_p(value.data_ptr()))
        elif isinstance(value, int):
            made.append(ctypes.c_int(value))
        else:
            made.append(ctypes.c_void_p(None) if value is None else ctypes.c_float(value))
    return made


def fits(channels: int) -> bool:
    """Return whether the kernels take maps of so many channels."""
    return channels % WIDE == 0


class After(Protocol):
    """What follows a layer's convolution: all fp32, contiguous, None where there is none."""

    scale: Tensor | None  # [O], the frame's
    reach: Tensor | None  # [O], the weight's own
    bias: Tensor | None  # [O]
    noise: Tensor | None  # [H, W], all gains included
    style: Tensor | None  # [O] of the next layer
    slope: float
    clamp: float | None


class Kernels:
    """The kernels on tensors that lie where ``launch`` reads them."""

    def __init__(self, launch: Launcher, name: str) -> None:
        self._launch, self.name = launch, name  # the name is a part of what was found of a model on a card

    def finish(self, y: Tensor, after: After) -> Tensor:
        """Finish a convolution's bare result y [1, O, H, W] in place, channels-last."""
        y = y.contiguous(memory_format=torch.channels_last)
        pixels, channels = y.shape[2] * y.shape[3], y.shape[1]
        self._start(f"finish_{NAMES[y.dtype]}", pixels * channels // WIDE, y, y, pixels, channels, *_given(after))
        return y

    def finish_up(self, y: Tensor, taps: Tensor, after: After) -> Tensor:
        """Filter and finish a bare transposed convolution y [1, O, 2h+1, 2w+1] -> [1, O, 2h, 2w], channels-last."""
        y = y.contiguous(memory_format=torch.channels_last)
        _, channels, height, width = y.shape
        height, width = height - 1, width - 1
        shape = (1, channels, height, width)
        out = torch.empty(shape, dtype=y.dtype, device=y.device, memory_format=torch.channels_last)
        work = -(-height // STRIP) * width * channels // WIDE
        sizes = (height, width, channels)
        self._start(f"finish_up_{NAMES[y.dtype]}", work, y, out, *sizes, taps, *_given(after))
        return out

    def paint(
        self,
        x: Tensor,
        weight: Tensor,
        style: Tensor,
        bias: Tensor,
        clamp: float | None,
        before: Tensor | None,
        taps: Tensor,
        rgba: Tensor | None,
    ) -> Tensor:
        """ToRGB of x [1, I, H, W] by ``weight`` [colors, I] onto ``before`` [1, colors, H/2, W/2] twice as large.

        Returns the picture [1, colors, H, W] fp32; fills ``rgba`` [H, W, 4] uint8 with it where that is given.
        """
        x = x.contiguous(memory_format=torch.channels_last)
        _, channels, height, width = x.shape
        colors = len(weight)
        img = torch.empty((1, colors, height, width), device=x.device)
        lanes = min(LANES, (groups := channels // WIDE) & -groups)
        blocks = min(PAINTERS, -(-height * width * lanes // THREADS))
        sizes, limit = (height, width, channels, lanes), math.inf if clamp is None else float(clamp)
        values = (x, *sizes, weight, style, bias, colors, limit, before, taps, img, rgba)
        self._launch(f"paint_{NAMES[x.dtype]}", blocks, THREADS, *values)
        return img

    def _start(self, kernel: str, work: int, *values: Value) -> None:
        self._launch(kernel, -(-work // THREADS), THREADS, *values)


def _given(after: After) -> tuple[Value, ...]:
    limit = math.inf if after.clamp is None else float(after.clamp)
    return after.scale, after.reach, after.bias, after.noise, after.style, float(after.slope), limit
