"""Blocks in plain PyTorch from prepared weights: runs wherever torch does, and what compilers are given.

Per layer: either the style and scale go into the weight (few weights, many pixels: no extra pass over the
image), or they multiply the maps before and after one shared weight (many weights, few pixels).
"""

from __future__ import annotations

import math
from itertools import zip_longest

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.generator.backends.blocks import DTYPES, Blocks, Given, Images
from engine.generator.backends.prepare import SLOPES, BlockPlan, LayerPlan, Prepared
from engine.generator.networks.layers import ACTIVATIONS, upsample2

SAFE_CLAMP = 256.0  # bound of activations in fp16, StyleGAN2-ADA's own; it keeps every sum inside fp16's range
LAYOUT = torch.channels_last


class EagerLayer:
    """One convolution: x [1, I, h, w] -> [1, O, H, W] in ``dtype``."""

    def __init__(self, plan: LayerPlan, dtype: torch.dtype) -> None:
        self.plan, self.dtype = plan, dtype
        self.wide = dtype == torch.bfloat16  # its eight bits only multiply: all else stays fp32 and is rounded once
        weight = plan.weight
        if dtype == torch.float16:  # the styles come normalised: a weight of unit reach keeps sums in range
            reach = weight.abs().amax(dim=(1, 2, 3)) * math.sqrt(weight[0].numel())
            self.reach = reach.clamp_min(1e-8)
            weight = weight / self.reach[:, None, None, None]
        else:
            self.reach = torch.ones(plan.fan_out, device=weight.device)
        self.weight = weight.contiguous(memory_format=LAYOUT)
        self.weight_low = self.weight.to(dtype)
        self.transposed = self.weight_low.transpose(0, 1)
        if weight.device.type == "cuda":  # a view is contiguous in no format: cuDNN would lay it out in every frame
            self.transposed = self.transposed.contiguous(memory_format=LAYOUT)
        self.bias_low = plan.bias if self.wide else plan.bias.to(dtype)
        pixels = math.prod(plan.shape) * (plan.fan_in // 4 if plan.kind == "up" else plan.fan_in)
        few = weight.numel() < pixels
        self.fold = weight.device.type == "cpu" and few
        self.fold_style = weight.device.type == "cuda" and few  # the style goes into the weight, the scale stays apart
        self.low_scale = not self.wide
        self.constant = False  # keep every weight a constant, for compilers that must see them
        self.clamp = plan.clamp
        if dtype == torch.float16:
            self.clamp = min(plan.clamp or math.inf, SAFE_CLAMP * plan.post_gain)
        small = weight.device.type == "cpu" and plan.kind == "up" and not self.fold
        self.taps = _exact_taps(self.weight_low) if small else None
        self.fir = plan.fir.to(dtype)
        self.none = torch.zeros(plan.fan_out, dtype=dtype, device=weight.device)

    def __call__(self, x: Tensor, style: Tensor, scale: Tensor, noise: Tensor | None) -> Tensor:
        """Style [I] and scale [O] fp32; noise [H, W] with all its gains, or None."""
        scale, bias = scale * self.reach, self.bias_low
        if self.fold:
            weight = (self.weight * (scale[:, None] * style[None])[:, :, None, None]).to(self.dtype)
            own, later = (None, bias) if self.wide else (bias, None)
            if self.plan.kind == "conv":
                y = F.conv2d(x, weight, own, padding=1)
            else:
                y = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
                y = filter_up(y, self.fir, self.none if own is None else own, None)
            return self.finish(y, None, later, noise)
        if self.low_scale:
            scale = scale.to(self.dtype)
        y = self.convolve(x, style)
        return self.finish(y, scale, bias, noise) if self.plan.kind == "conv" else self.finish_up(y, scale, bias, noise)

    def convolve(self, x: Tensor, style: Tensor | None) -> Tensor:
        """Return the bare convolution of x times ``style`` [I] fp32 (None: x comes times it)."""
        weight = self.weight_low if self.plan.kind == "conv" else self.transposed
        if style is not None and self.fold_style:
            low = style.to(self.dtype)
            weight = weight * (low[:, None, None] if self.plan.kind == "conv" else low[:, None, None, None])
        elif style is not None:
            x = (x * (style if self.wide else style.to(self.dtype))[None, :, None, None]).to(self.dtype)
        if self.plan.kind == "conv":
            return F.conv2d(x, weight, padding=1)
        return F.conv_transpose2d(x, weight, stride=2) if self.taps is None else _interleave(x, self.taps)

    def finish_up(self, y: Tensor, scale: Tensor, bias: Tensor, noise: Tensor | None) -> Tensor:
        """The same for a bare transposed convolution y [1, O, 2h+1, 2w+1], which is filtered first."""
        if self.constant or self.wide:
            return self.finish(filter_up(y, self.fir, self.none, None), scale, bias, noise)
        return self.finish(filter_up(y, self.fir, bias, scale), None, None, noise)

    def finish(self, y: Tensor, scale: Tensor | None, bias: Tensor | None, noise: Tensor | None) -> Tensor:
        """Return act(y * scale + bias + noise), clamped; y may be overwritten."""
        if self.wide:
            y = y.float()
        if bias is not None:
            maps = bias[None, :, None, None]
            y = y.add_(maps) if scale is None else torch.addcmul(maps, y, scale[None, :, None, None])
        if noise is not None:
            y = y.add_(noise.to(y.dtype))
        name = self.plan.activation
        if name in SLOPES:
            y = F.leaky_relu_(y, SLOPES[name]) if name != "linear" else y
        else:
            y = ACTIVATIONS[name][0](y).mul_(self.plan.post_gain)
        return (y if self.clamp is None else y.clamp_(-self.clamp, self.clamp)).to(self.dtype)


def _exact_taps(weight: Tensor) -> list[tuple[Tensor, tuple[int, int]]]:
    """The 2x2, 2x1, 1x2 and 1x1 kernels that a transposed 3x3 of stride 2 consists of, with their padding."""
    even, odd = [2, 0], [1]
    return [
        (
            weight[:, :, rows][:, :, :, columns].contiguous(memory_format=LAYOUT),
            (len(rows) - 1, len(columns) - 1),
        )
        for rows in (even, odd)
        for columns in (even, odd)
    ]


def _interleave(x: Tensor, taps: list[tuple[Tensor, tuple[int, int]]]) -> Tensor:
    """The transposed convolution by four small ones at the low resolution: the same sums, no zeros in them."""
    n, _, h, w = x.shape
    y = x.new_empty(n, len(taps[0][0]), 2 * h + 1, 2 * w + 1).contiguous(memory_format=LAYOUT)
    for i, (kernel, padding) in enumerate(taps):
        y[:, :, i // 2 :: 2, i % 2 :: 2] = F.conv2d(x, kernel, padding=padding)
    return y


def filter_up(y: Tensor, fir: Tensor, bias: Tensor, scale: Tensor | None) -> Tensor:
    """Finish an upsampling: y [N,O,2H+1,2W+1] through the FIR, times scale [O], plus bias [O] -> [N,O,2H,2W]."""
    kernel = (torch.outer(fir, fir) if fir.ndim == 1 else fir).flip(0, 1)[None, None] * 4
    fh, fw = kernel.shape[2:]
    left, top = (fw + 1) // 2 - 1, (fh + 1) // 2 - 1
    right, bottom = (fw - 2) // 2, (fh - 2) // 2
    kernels = kernel.expand(len(bias), 1, fh, fw) if scale is None else kernel * scale[:, None, None, None]
    if left == right == 1 and top == bottom == 1:
        return F.conv2d(y, kernels, bias, padding=1, groups=len(bias))
    return F.conv2d(F.pad(y, (left, right, top, bottom)), kernels, bias, groups=len(bias))


class EagerBlocks(Blocks):
    """Every block of a prepared network in one precision, on the network's device."""

    backend = "eager"
    kernels = ""  # who does what is not a convolution, where that is not torch: by name

    def __init__(self, prepared: Prepared, dtype: torch.dtype) -> None:
        self.prepared, self.dtype = prepared, dtype
        self.precision = next(name for name, known in DTYPES.items() if known == dtype)
        self.dtypes = [dtype] * len(prepared.blocks)  # of every block: one that fails in ``dtype`` has another
        self.convs = [[EagerLayer(plan, dtype) for plan in block.convs] for block in prepared.blocks]
        self._const = prepared.blocks[0].source.const.detach().to(dtype)[None].contiguous(memory_format=LAYOUT)

    def step(self, level: int, dtype: torch.dtype, kind: type[EagerLayer] = EagerLayer) -> None:
        """Let one block be multiplied in another type, by layers of ``kind``."""
        self.dtypes[level] = dtype
        self.convs[level] = [kind(layer.plan, dtype) for layer in self.convs[level]]

    def run(self, level: int, x: Tensor | None, img: Tensor | None, given: Given) -> Images:
        """See Blocks: x comes in the precision of the block before, img in fp32."""
        plan, dtype = self.prepared.blocks[level], self.dtypes[level]
        resnet, shown = plan.source.is_resnet, False
        start = self._const.to(dtype) if x is None else x.to(dtype, memory_format=LAYOUT)
        noises = given.noise(plan) if given.maps is not None or given.strength else []
        y = self._convolve(level, start, noises, given)
        if resnet:
            skip = plan.source.skip
            kernel = (skip.weight * (skip.weight_gain * math.sqrt(0.5))).to(dtype)
            y = upsample2(F.conv2d(start, kernel), skip.resample_filter) + y
        if plan.rgb is not None:
            img, shown = self._paint(plan, plan.rgb, y, img, given)
        if not shown:
            given.show(img)
        return y, img

    def _style(self, plan: LayerPlan, given: Given) -> Tensor:
        """Return what a layer's input [I] is multiplied by."""
        return given.styles[plan.style_at : plan.style_at + plan.fan_in]

    def _convolve(self, level: int, x: Tensor, noises: list[Tensor], given: Given) -> Tensor:
        """Return what the convolutions of a block make of x; ``noises``: one for each, or none."""
        for layer, noise in zip_longest(self.convs[level], noises):
            plan = layer.plan
            x = layer(x, self._style(plan, given), given.scales[plan.index, : plan.fan_out], noise)
        return x

    def _paint(
        self, plan: BlockPlan, rgb: LayerPlan, x: Tensor, img: Tensor | None, given: Given
    ) -> tuple[Tensor, bool]:
        """Return the picture after a block, and whether ``given.rgba`` is filled with it."""
        style = self._style(rgb, given)
        if self.convs[0][0].constant:
            painted = F.conv2d(x * style[None, :, None, None], rgb.weight) + rgb.bias[:, None, None]
        else:
            weight = (rgb.weight[:, :, 0, 0] * style)[:, :, None, None].to(x.dtype)
            painted = F.conv2d(x, weight).float() + rgb.bias[:, None, None]
        clamp = rgb.clamp
        if x.dtype == torch.float16:
            clamp = min(clamp or math.inf, SAFE_CLAMP)
        if clamp is not None:
            painted = painted.clamp(-clamp, clamp)
        return (painted if img is None else upsample2(img.float(), plan.fir) + painted), False
