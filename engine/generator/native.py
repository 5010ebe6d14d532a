"""The CPU's own backend: whole layers in compiled code, Winograd convolutions with everything else fused in.

Minimal filterings trade multiplications for sums that lose digits. In fp32 the large tiles are safe, F(4x4, 3x3) and
F(4,2), and beat oneDNN's direct bf16 wherever bf16 is about twice as fast as fp32 (AVX-512 BF16). There, precision
"bf16" multiplies in bf16 with the small tiles, F(2x2, 3x3) and F(2,2), where a layer is large enough for that to
count. A processor with AMX multiplies bf16 eight times faster and more: there oneDNN does all convolutions, directly.
Everything that is stored or summed up stays fp32.
"""

from __future__ import annotations

import ctypes
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.generator.blocks import Blocks, Given, Images, Unavailable
from engine.generator.native_build import load
from engine.generator.prepare import SLOPES, BlockPlan, LayerPlan, Prepared, padded

WIDE = 64 * 64  # pixels from which a plain convolution is filtered in bf16: below, fp32 costs next to nothing
ALONE = 15e6  # multiplications below which a layer is done sooner by one thread than two threads have met

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
# Rows 0..4: F(4,2), points 0, 1, -1, 2, infinity, on the taps (w2, w0) of the even outputs; row 5: w1 of the odd.
UP_ROWS = torch.tensor(
    [[0, 0, 1 / 2], [1 / 2, 0, 1 / 2], [-1 / 6, 0, 1 / 6], [1 / 3, 0, 1 / 6], [1, 0, 0], [0, 1, 0]],
    dtype=torch.float64,
)

# In bfloat16: F(2,3), points 0, 1, -1 and infinity; and F(2,2), points infinity, 1 and 0, on the same taps, w1 apart.
CONV2_ROWS = torch.tensor([[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]], dtype=torch.float64)
UP2_ROWS = torch.tensor([[0, 0, 1], [1, 0, 1], [1, 0, 0], [0, 1, 0]], dtype=torch.float64)


def _address(tensor: Tensor | None) -> int | None:
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


def refusal(prepared: Prepared) -> str | None:
    """Say why this backend cannot play a network, or None."""
    config = prepared.network.config
    if config.activation not in SLOPES:
        return f"its nonlinearity is {config.activation}"
    if config.img_channels > 4:
        return f"it paints {config.img_channels} channels"
    if config.channels and any(separable(block.fir) is None for block in prepared.blocks):
        return "its resampling filter is not a separable 4x4"
    return None


def has_amx() -> bool:
    """Whether this processor has matrix units for bf16."""
    ask = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return ask is not None and bool(ask())


class _Conv:
    """One convolution's packed weights and constants; calls the library."""

    def __init__(self, plan: LayerPlan, library: ctypes.CDLL, threads: int, how: str) -> None:
        """``how``: "fp32" and "bf16" filter minimally, "direct" leaves the products to oneDNN, in bf16."""
        self.plan, self.library, self.bf16 = plan, library, int(how == "bf16")
        self.up = plan.kind == "up"
        self.fan_in, self.fan_out = padded(plan.fan_in), padded(plan.fan_out)
        height, width = plan.shape
        self.source = (height // 2, width // 2) if self.up else (height, width)
        pixels = math.prod(self.source) * (81 / 16 if self.up else 36 / 16)
        self.threads = 1 if pixels * self.fan_in * self.fan_out < ALONE else threads
        self.bias = _pad_vector(plan.bias)
        self.fir = separable(plan.fir)
        self.parts = _Parts(plan, self.source) if how == "direct" else None
        self.weight = None
        if how == "fp32":
            self.weight = _pack(plan.weight, UP_ROWS if self.up else CONV_ROWS, library.vj_block())
        elif how == "bf16":
            self.weight = _pair(_pack(plan.weight, UP2_ROWS if self.up else CONV2_ROWS, library.vj_block()))

    def work_floats(self) -> int:
        if self.parts is not None:
            return self.fan_out * (self.source[1] + 1)
        size = (*self.source, self.fan_in, self.fan_out)
        return int(self.library.vj_work(*size, int(self.up), self.bf16, self.threads))

    def __call__(
        self, x: Tensor, style: Tensor, scale: Tensor, noise: Tensor | None, strength: float, out: Tensor, work: Tensor
    ) -> None:
        """Take x [h, w, I] to out [H, W, O], both padded fp32; noise [H, W] or None."""
        clamp = -1.0 if self.plan.clamp is None else self.plan.clamp
        after = (_address(scale), _address(self.bias), _address(noise), strength, SLOPES[self.plan.activation], clamp)
        size, ends = (*self.source, self.fan_in), (_address(out), _address(work), self.threads)
        if self.parts is not None:
            modulated = torch.empty(x.shape, dtype=torch.bfloat16)
            pixels = size[0] * size[1]
            self.library.vj_modulate(
                _address(x), pixels, self.fan_in, _address(style), _address(modulated), self.threads
            )
            results = self.parts(modulated)  # kept by name until they have been read
            parts = [_address(part) for part in results]
            if self.up:
                self.library.vj_filter(*parts, *self.source, self.fan_out, *after, _address(self.fir), *ends)
            else:
                self.library.vj_finish(*parts, *self.source, self.fan_out, *after, ends[0], self.threads)
        elif self.up:
            weight = (_address(self.weight), self.fan_out, _address(style))
            self.library.vj_up3(_address(x), *size, *weight, *after, _address(self.fir), *ends[:2], self.bf16, ends[2])
        else:
            weight = (_address(self.weight), self.fan_out, _address(style))
            self.library.vj_conv3(_address(x), *size, *weight, *after, *ends[:2], self.bf16, ends[2])


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


class NativeBlocks(Blocks):
    """Blocks by compiled code; fp32 images [H, W, C] with padded channels, which the others see as [1, C, H, W].

    A block's results lie in buffers of its own until it is run again.
    """

    backend = "native"

    def __init__(self, prepared: Prepared, threads: int, bf16: bool, all_bf16: bool | None = None) -> None:
        """Compile or load, and transform the weights; Unavailable where this network or machine cannot.

        ``all_bf16`` leaves every convolution to oneDNN, not the upsampling ones alone (None: where there is AMX).
        """
        all_bf16 = has_amx() if all_bf16 is None else all_bf16
        if reason := refusal(prepared):
            raise Unavailable(f"the compiled layers cannot play this model: {reason}")
        library = load()
        self.prepared, self.library, self.threads = prepared, library, threads
        self.precision = "bf16" if bf16 else "fp32"
        self.channels = prepared.network.config.img_channels

        def how(plan: LayerPlan) -> str:
            if not bf16:
                return "fp32"
            if all_bf16 or not library.vj_bf16():
                return "direct" if all_bf16 or plan.kind == "up" else "fp32"
            return "bf16" if plan.kind == "up" or math.prod(plan.shape) >= WIDE else "fp32"

        self._convs = [
            [_Conv(plan, library, threads, how(plan)) for plan in block.convs]
            for block in prepared.blocks
        ]
        self._work = torch.empty(max(conv.work_floats() for block in self._convs for conv in block))
        between = [math.prod(block.shape) * padded(block.convs[0].fan_out) for block in prepared.blocks[1:]]
        self._between = torch.empty(max(between, default=0))
        self._x: list[Tensor | None] = [torch.empty(self._x_shape(b)) for b in prepared.blocks]
        self._img = [None if b.rgb is None else torch.zeros(*b.shape, 4) for b in prepared.blocks]
        self._rgb_weights = [None if b.rgb is None else self._pad_rgb(b.rgb) for b in prepared.blocks]
        self._fir = [separable(b.fir) for b in prepared.blocks]
        const = prepared.blocks[0].source.const.detach().float()
        self._const = self._as_rows(const[None], padded(const.shape[0]))

    @staticmethod
    def _x_shape(plan: BlockPlan) -> tuple[int, int, int]:
        return (*plan.shape, padded(plan.convs[-1].fan_out))

    def trim(self, levels: int) -> None:
        """See Blocks."""
        blocks = self.prepared.blocks
        rest = range(levels, len(blocks))
        for level in rest:
            self._x[level] = self._img[level] = None
        kept = [math.prod(block.shape) * padded(block.convs[0].fan_out) for block in blocks[1:levels]]
        self._between = torch.empty(max(kept, default=0))

    def _buffers(self, level: int) -> Tensor:
        """Return the block's buffer, made anew where it was given back."""
        plan, x = self.prepared.blocks[level], self._x[level]
        if x is None:
            x = torch.empty(self._x_shape(plan))
            self._img[level] = None if plan.rgb is None else torch.zeros(*plan.shape, 4)
            between = math.prod(plan.shape) * padded(plan.convs[0].fan_out)
            if self._between.numel() < between:
                self._between = torch.empty(between)
            self._x[level] = x
        return x

    @staticmethod
    def _pad_rgb(plan: LayerPlan) -> tuple[Tensor, Tensor]:
        weight, bias = torch.zeros(4, padded(plan.fan_in)), torch.zeros(4)
        weight[: plan.fan_out, : plan.fan_in] = plan.weight[:, :, 0, 0]
        bias[: plan.fan_out] = plan.bias
        return weight, bias

    @staticmethod
    def _as_rows(image: Tensor, channels: int) -> Tensor:
        """[1, C, H, W] -> [H, W, channels] fp32, a view where it was one of ours."""
        rows = image[0].permute(1, 2, 0)
        height, width, own = rows.shape
        ours = (width * channels, channels, 1)
        whole = rows.storage_offset() + height * width * channels <= rows.untyped_storage().nbytes() // 4
        if rows.dtype == torch.float32 and rows.stride() == ours and (own == channels or whole):
            return rows.as_strided((height, width, channels), ours)
        copy = torch.zeros(height, width, channels)
        copy[..., :own] = rows
        return copy

    def run(self, level: int, x: Tensor | None, img: Tensor | None, given: Given) -> Images:
        """See Blocks."""
        plan = self.prepared.blocks[level]
        rows = self._const if x is None else self._as_rows(x, self._convs[level][0].fan_in)
        out = self._buffers(level)
        for i, conv in enumerate(self._convs[level]):
            last = i == len(self._convs[level]) - 1
            target = out if last else self._between[: out.numel()].view(out.shape)
            noise, gain = (conv.plan.noise, given.strength) if given.maps is None else (given.maps[i], 1.0)
            style = given.styles[conv.plan.style_at : conv.plan.style_at + conv.fan_in]
            use = None if noise is None or gain == 0 else noise
            conv(rows, style, given.scales[conv.plan.index], use, gain, target, self._work)
            rows = target
        features = out[..., : plan.convs[-1].fan_out].permute(2, 0, 1)[None]
        if x is not None and plan.source.config.architecture == "resnet":
            features.add_(plan.source.skip(x.float()), alpha=math.sqrt(0.5))
        if plan.rgb is None:
            return features, img
        return features, self._paint(plan, plan.rgb, out, img, given)

    def _paint(self, plan: BlockPlan, rgb: LayerPlan, x: Tensor, img: Tensor | None, given: Given) -> Tensor:
        constants, target = self._rgb_weights[plan.level], self._img[plan.level]
        assert constants is not None
        assert target is not None
        weight = constants[0] * given.styles[rgb.style_at : rgb.style_at + x.shape[2]]
        previous = None if img is None else self._as_rows(img, 4)
        threads = 1 if x.numel() * 4 < ALONE else self.threads
        clamp = -1.0 if rgb.clamp is None else rgb.clamp
        self.library.vj_rgb(
            *(_address(x), *x.shape, _address(weight), _address(constants[1]), clamp, self.channels),
            *(_address(previous), _address(self._fir[plan.level]), _address(target), _address(given.rgba), threads),
        )
        return target[..., : self.channels].permute(2, 0, 1)[None]
