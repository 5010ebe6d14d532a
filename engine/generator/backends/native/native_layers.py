"""One convolution of the native backend: its weights as native.cpp reads them, and the call."""

from __future__ import annotations

import ctypes
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.generator.backends.prepare import SLOPES, LayerPlan, padded

MINIMAL, BFLOAT, DIRECT, WIDE = 0, 1, 2, 3  # how native.cpp multiplies
SMALL = 8 * 8  # pixels; of a smaller source the taps are summed up as they are: minimal filtering reads more weights
SMALL_UP, NARROW = 16 * 16, 256  # the same for an upsampling layer of no more channels
WEIGHTY = 48 * 48  # pixels; in a smaller picture the 64 planes of weights of the widest tiles cost more than they save
ALONE = 15e6  # multiplications; a smaller layer runs on one thread, because two would wait for each other longer

# Weight transforms of the minimal filterings in native.cpp. F(4,3) has the points 0, 1, -1, 2, -2 and infinity.
CONV_ROWS = torch.tensor(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
    dtype=torch.float64,
)
# F(6,3) has the points 0, 1, -1, 2, -2, 1/2, -1/2 and infinity.
WIDE_ROWS = torch.tensor(
    [
        [1, 0, 0],
        [-2 / 9, -2 / 9, -2 / 9],
        [-2 / 9, 2 / 9, -2 / 9],
        [1 / 90, 1 / 45, 2 / 45],
        [1 / 90, -1 / 45, 2 / 45],
        [32 / 45, 16 / 45, 8 / 45],
        [32 / 45, -16 / 45, 8 / 45],
        [0, 0, 1],
    ],
    dtype=torch.float64,
)
# Rows 0..4: F(4,2), points 0, 1, -1, 2, infinity, on the taps (w2, w0) of the even outputs; row 5: w1 of the odd.
UP_ROWS = torch.tensor(
    [[0, 0, 1 / 2], [1 / 2, 0, 1 / 2], [-1 / 6, 0, 1 / 6], [1 / 3, 0, 1 / 6], [1, 0, 0], [0, 1, 0]],
    dtype=torch.float64,
)

# In bfloat16: F(2,3), points 0, 1, -1 and infinity; and F(2,2), points infinity, 1 and 0, on the same taps, w1 apart.
CONV2_ROWS = torch.tensor([[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]], dtype=torch.float64)
UP2_ROWS = torch.tensor([[0, 0, 1], [1, 0, 1], [1, 0, 0], [0, 1, 0]], dtype=torch.float64)


def address(tensor: Tensor | None) -> int | None:
    """Where the library finds a tensor's numbers; None is its null pointer."""
    return None if tensor is None else tensor.data_ptr()


def _pack(weight: Tensor, rows: Tensor, block: int) -> Tensor:
    """Transform [O, I, 3, 3] and lay it out as the matrix products read it: [planes, O/block, I, block]."""
    fan_out, fan_in = weight.shape[:2]
    count = len(rows) ** 2
    halfway = torch.einsum("ak,oikl->aoil", rows, weight.double())
    planes = torch.zeros(count, padded(fan_in), padded(fan_out))
    planes[:, :fan_in, :fan_out] = torch.einsum("bl,aoil->abio", rows, halfway).reshape(count, fan_in, fan_out)
    split = planes.reshape(count, padded(fan_in), padded(fan_out) // block, block)
    return split.transpose(1, 2).contiguous()


def _pack_taps(weight: Tensor, block: int) -> Tensor:
    """Lay [O, I, 3, 3] out as the sums over taps read it: [9, O/block, I, block]."""
    fan_out, fan_in = weight.shape[:2]
    taps = torch.zeros(9, padded(fan_in), padded(fan_out))
    taps[:, :fan_in, :fan_out] = weight.permute(2, 3, 1, 0).reshape(9, fan_in, fan_out)
    return taps.reshape(9, padded(fan_in), -1, block).transpose(1, 2).contiguous()


def _pair(packed: Tensor) -> Tensor:
    """Lay [planes, O/block, I, block] out for products of pairs, in bfloat16: [planes, O/block, I/2, block, 2]."""
    planes, panels, fan_in, block = packed.shape
    return packed.reshape(planes, panels, fan_in // 2, 2, block).transpose(3, 4).bfloat16().contiguous()


def _pad_vector(values: Tensor) -> Tensor:
    return F.pad(values, (0, padded(len(values)) - len(values)))


def separable(fir: Tensor) -> Tensor | None:
    """The eight taps native.cpp wants, four down and four across, mirrored, gain 2 each; None if there are none."""
    if fir.shape != (4, 4):
        return None
    down, across = fir.sum(dim=1), fir.sum(dim=0)
    if not torch.allclose(torch.outer(down, across), fir * fir.sum(), atol=1e-6):
        return None
    return torch.cat((down.flip(0), across.flip(0))) * 2


def wider(height: int, width: int) -> bool:
    """Whether tiles of 6 x 6 outputs multiply less for a picture than those of 4 x 4, though they jut out further."""
    wide, small = (n * n * math.ceil(height / m) * math.ceil(width / m) for n, m in ((8, 6), (6, 4)))
    return wide < small and height * width >= WEIGHTY


class Conv:
    """One convolution's packed weights and constants; calls the library."""

    edge = 0.0  # what an upsampling FIR's first and last output lack of it: see filter_rows in native.cpp

    def __init__(self, plan: LayerPlan, library: ctypes.CDLL, threads: int, how: str) -> None:
        """``how``: "fp32" and "bf16" filter minimally, "direct" leaves the products to oneDNN, in bf16."""
        self.slope = SLOPES[plan.activation]
        self.plan, self.library, self.up = plan, library, plan.kind == "up"
        self.fan_in, self.fan_out = padded(plan.fan_in), padded(plan.fan_out)
        height, width = plan.shape
        self.source = (height // 2, width // 2) if self.up else (height, width)
        source = math.prod(self.source)
        small = source <= SMALL or (self.up and source <= SMALL_UP and max(self.fan_in, self.fan_out) <= NARROW)
        minimal = MINIMAL if self.up or not wider(*self.source) else WIDE
        self.how = BFLOAT if how == "bf16" else DIRECT if small else minimal
        pixels = source * (
            9 if self.how == DIRECT else 81 / 16 if self.up else 64 / 36 if self.how == WIDE else 36 / 16
        )
        self.threads = 1 if pixels * self.fan_in * self.fan_out < ALONE else threads
        self.bias = _pad_vector(plan.bias)
        self.fir = separable(plan.fir)
        self.parts = _Parts(plan, self.source) if how == "direct" else None
        self.weight = None
        if how == "fp32" and self.how == DIRECT:
            self.weight = _pack_taps(plan.weight, library.vj_block(self.fan_out))
        elif how == "fp32":
            rows = UP_ROWS if self.up else WIDE_ROWS if self.how == WIDE else CONV_ROWS
            self.weight = _pack(plan.weight, rows, library.vj_block(self.fan_out))
        elif how == "bf16":
            self.weight = _pair(_pack(plan.weight, UP2_ROWS if self.up else CONV2_ROWS, library.vj_block(self.fan_out)))

    def work_floats(self) -> int:
        """How much scratch a call wants."""
        if self.parts is not None:
            return self.fan_out * (self.source[1] + 1)
        size = (*self.source, self.fan_in, self.fan_out)
        return int(self.library.vj_work(*size, int(self.up), self.how, self.threads))

    def __call__(
        self, x: Tensor, style: Tensor, scale: Tensor, noise: Tensor | None, strength: float, out: Tensor, work: Tensor
    ) -> None:
        """Take x [h, w, I] to out [H, W, O], both padded fp32; noise [H, W] or None."""
        clamp = -1.0 if self.plan.clamp is None else self.plan.clamp
        after = (address(scale), address(self.bias), address(noise), strength, self.slope, clamp)
        size, ends = (*self.source, self.fan_in), (address(out), address(work), self.threads)
        if self.parts is not None:
            modulated = torch.empty(x.shape, dtype=torch.bfloat16)
            what = (address(x), math.prod(self.source), self.fan_in, address(style), address(modulated))
            self.library.vj_modulate(*what, self.threads)
            results = self.parts(modulated)  # kept by name until they have been read
            parts = [address(part) for part in results]
            if self.up:
                self.library.vj_filter(*parts, *self.source, self.fan_out, *after, address(self.fir), *ends)
            else:
                self.library.vj_finish(*parts, *self.source, self.fan_out, *after, ends[0], self.threads)
        elif self.up:
            weight = (address(self.weight), self.fan_out, address(style))
            fir = (address(self.fir), self.edge)
            self.library.vj_up3(address(x), *size, *weight, *after, *fir, *ends[:2], self.how, ends[2])
        else:
            weight = (address(self.weight), self.fan_out, address(style))
            self.library.vj_conv3(address(x), *size, *weight, *after, *ends[:2], self.how, ends[2])


class _Parts:
    """Convolutions by oneDNN in bf16: a 3x3, or a transposed one of stride 2 as its exact taps, 2x2 to 1x1."""

    def __init__(self, plan: LayerPlan, source: tuple[int, int]) -> None:
        fan_in, fan_out = padded(plan.fan_in), padded(plan.fan_out)
        weight = torch.zeros(fan_out, fan_in, 3, 3)
        weight[: plan.fan_out, : plan.fan_in] = plan.weight
        kinds = ([2, 0], [1]) if plan.kind == "up" else ([0, 1, 2],)  # taps of even and odd outputs
        self.taps = []
        for rows in kinds:
            for columns in kinds:
                part = weight[:, :, rows][:, :, :, columns].bfloat16()
                padding = [len(taps) // 2 for taps in (rows, columns)]
                shape = [1, fan_in, *source]
                packed = torch.ops.mkldnn._reorder_convolution_weight(part, padding, [1, 1], [1, 1], 1, shape)
                self.taps.append((packed, padding))

    def __call__(self, x: Tensor) -> list[Tensor]:
        """[h, w, I] bf16 -> the result or its four parts, each [rows, columns, O] bf16 in memory."""
        image = x.permute(2, 0, 1)[None]
        convolve = torch.ops.mkldnn._convolution_pointwise
        return [
            convolve(image, packed, None, padding, [1, 1], [1, 1], 1, "none", [], "").contiguous(
                memory_format=torch.channels_last
            )
            for packed, padding in self.taps
        ]
