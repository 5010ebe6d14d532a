"""The CPU's own backend: whole layers in compiled code, Winograd convolutions with everything else fused in.

Minimal filterings trade multiplications for sums that lose digits. In fp32 the large tiles are safe, F(6x6, 3x3),
F(4x4, 3x3) and F(4,2), and beat oneDNN's direct bf16 wherever bf16 is about twice as fast as fp32 (AVX-512 BF16).
There, precision "bf16" multiplies in bf16 with the small tiles, F(2x2, 3x3) and F(2,2), where a layer is large enough
for that to count. A processor with AMX multiplies bf16 eight times faster and more: there oneDNN does all
convolutions, directly. A processor without instructions for bf16 gains nothing from it: there this backend plays in
fp32 only.
Everything that is stored or summed up stays fp32.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.generator.backends.blocks import Blocks, Given, Images, Unavailable
from engine.generator.backends.native import native_staged
from engine.generator.backends.native.native_build import load
from engine.generator.backends.native.native_layers import ALONE, Conv, address, separable
from engine.generator.backends.native.native_staged import rows_of
from engine.generator.backends.native.native_styles import Styles
from engine.generator.backends.prepare import SLOPES, BlockPlan, LayerPlan, Prepared, padded
from engine.generator.backends.processor import NO_BF16, has_amx, lacks, multiplies_bf16
from engine.system.compiled import NO_COMPILER, compiler

WIDE = 64 * 64  # pixels; a smaller plain convolution stays in fp32, which costs next to nothing there


def refusal(prepared: Prepared, precision: str) -> str | None:
    """Say why this backend cannot play a network on this machine, or None."""
    if compiler() is None:
        return NO_COMPILER
    if prepared.network.is_staged:
        return native_staged.refusal(prepared, precision)
    return unplayable(prepared) or lacks(precision)


def open_blocks(prepared: Prepared, precision: str) -> Blocks:
    """Compile or load the layers; Unavailable where this machine cannot."""
    if prepared.network.is_staged:
        return native_staged.NativeStagedBlocks(prepared, precision)
    return NativeBlocks(prepared, torch.get_num_threads(), precision == "bf16")


def unplayable(prepared: Prepared) -> str | None:
    """Say why the compiled layers cannot play a network, or None."""
    if prepared.activation not in SLOPES:
        return f"its nonlinearity is {prepared.activation}"
    if prepared.network.img_channels > 4:
        return f"it paints {prepared.network.img_channels} channels"
    if any(separable(block.fir) is None for block in prepared.blocks):
        return "its resampling filter is not a separable 4x4"
    return None


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
        if reason := unplayable(prepared):
            raise Unavailable(f"the compiled layers cannot play this model: {reason}")
        if bf16 and not multiplies_bf16():
            raise Unavailable(NO_BF16)
        library = load()
        self.prepared, self.library, self.threads = prepared, library, threads
        self.precision = "bf16" if bf16 else "fp32"
        self.channels = prepared.network.img_channels

        def how(plan: LayerPlan) -> str:
            if not bf16:
                return "fp32"
            if all_bf16 or not library.vj_bf16():
                return "direct" if all_bf16 or plan.kind == "up" else "fp32"
            return "bf16" if plan.kind == "up" or math.prod(plan.shape) >= WIDE else "fp32"

        self._convs = [[Conv(plan, library, threads, how(plan)) for plan in block.convs] for block in prepared.blocks]
        self._work = torch.empty(max(conv.work_floats() for block in self._convs for conv in block))
        between = [math.prod(block.shape) * padded(block.convs[0].fan_out) for block in prepared.blocks[1:]]
        self._between = torch.empty(max(between, default=0))
        self._x: list[Tensor | None] = [torch.empty(self._x_shape(b)) for b in prepared.blocks]
        self._img = [None if b.rgb is None else torch.zeros(*b.shape, 4) for b in prepared.blocks]
        self._rgb_weights = [None if b.rgb is None else self._pad_rgb(b.rgb) for b in prepared.blocks]
        self._fir = [separable(b.fir) for b in prepared.blocks]
        const = prepared.blocks[0].source.const.detach().float()
        self._styles = Styles(prepared, library, threads)
        self._const = rows_of(const[None], padded(const.shape[0]))

    @staticmethod
    def _x_shape(plan: BlockPlan) -> tuple[int, int, int]:
        return (*plan.shape, padded(plan.convs[-1].fan_out))

    def given(self, ws: Tensor) -> Given:
        """See Blocks."""
        return Given(*self._styles(ws))

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

    def run(self, level: int, x: Tensor | None, img: Tensor | None, given: Given) -> Images:
        """See Blocks."""
        plan = self.prepared.blocks[level]
        rows = self._const if x is None else rows_of(x, self._convs[level][0].fan_in)
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
        if x is not None and plan.source.is_resnet:
            features.add_(plan.source.skip(x.float()), alpha=math.sqrt(0.5))
        if plan.rgb is None:
            return features, img
        return features, self._paint(plan, plan.rgb, out, img, given)

    def _paint(self, plan: BlockPlan, rgb: LayerPlan, x: Tensor, img: Tensor | None, given: Given) -> Tensor:
        constants, target = self._rgb_weights[plan.level], self._img[plan.level]
        assert constants is not None
        assert target is not None
        weight = constants[0] * given.styles[rgb.style_at : rgb.style_at + x.shape[2]]
        previous = None if img is None else rows_of(img, 4)
        threads = 1 if x.numel() * 4 < ALONE else self.threads
        clamp = -1.0 if rgb.clamp is None else rgb.clamp
        self.library.vj_rgb(
            *(address(x), *x.shape, address(weight), address(constants[1]), clamp, self.channels),
            *(address(previous), address(self._fir[plan.level]), address(target), address(given.rgba), threads),
        )
        return target[..., : self.channels].permute(2, 0, 1)[None]
