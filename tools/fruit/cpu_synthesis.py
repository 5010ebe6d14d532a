"""The same synthesis as engine.generator.networks.stylegan2, arranged for training on a CPU.

The parameters and the pictures are the same; only the order of the arithmetic differs. Two things cost most of a
step in the plain network. PyTorch's weight gradient of a convolution is ten to seventy times slower than its matrix
products where maps are very small or the convolution has a stride: here it is nine matrix products. And the gain of
the nonlinearity is part of the demodulation, which saves two passes over every map.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.generator.backends.processor import has_fast_bf16
from engine.generator.networks.layers import upfirdn, upsample2
from engine.generator.networks.modulated import Block, SynthesisLayer, demodulation
from engine.generator.networks.stylegan2 import Synthesis

_backward = torch.ops.aten.convolution_backward


def quickest() -> torch.dtype:
    """Return the precision in which this processor learns quickest: bf16 that it must imitate is ten times slower."""
    return torch.bfloat16 if has_fast_bf16() else torch.float32


def _rows(x: Tensor) -> Tensor:
    """[N, C, H, W] -> [NHW, C]."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


class Convolution(torch.autograd.Function):
    """3x3, padding 1: x [N,I,H,W], weight [O,I,3,3]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        """Convolve in x's precision."""
        w = weight.to(x.dtype, memory_format=torch.channels_last)
        ctx.save_for_backward(x, w)
        return F.conv2d(x, w, padding=1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients for x and weight."""
        (g,), (x, w) = grads, ctx.saved_tensors
        geometry = (None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1)
        gx = _backward(g, x, w, *geometry, [True, False, False])[0]
        height, width = x.shape[2:]
        if height > 8:
            return gx, _backward(g, x, w, *geometry, [False, True, False])[1].float()
        padded, outs = F.pad(x, (1, 1, 1, 1)), _rows(g).t()
        taps = [outs @ _rows(padded[:, :, i : i + height, j : j + width]) for i in range(3) for j in range(3)]
        return gx, torch.stack(taps, dim=2).float().view(w.shape)


class UpConvolution(torch.autograd.Function):
    """Transposed 3x3, stride 2: x [N,I,H,W], weight [O,I,3,3] -> [N,O,2H+1,2W+1]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        """Convolve in x's precision."""
        w = weight.transpose(0, 1).to(x.dtype, memory_format=torch.channels_last)
        ctx.save_for_backward(x, w)
        return F.conv_transpose2d(x, w, stride=2)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients for x and weight."""
        (g,), (x, w) = grads, ctx.saved_tensors
        gx = _backward(g, x, w, None, [2, 2], [0, 0], [1, 1], True, [0, 0], 1, [True, False, False])[0]
        height, width = x.shape[2:]
        ins = _rows(x)
        taps = [
            _rows(g[:, :, i : i + 2 * height : 2, j : j + 2 * width : 2]).t() @ ins for i in range(3) for j in range(3)
        ]
        return gx, torch.stack(taps, dim=2).float().view(w.shape[1], w.shape[0], 3, 3)


def layer(x: Tensor, w: Tensor, conv: SynthesisLayer) -> Tensor:
    """One modulated convolution without noise: x [N,I,H,W], w [N, w_dim]."""
    styles = conv.affine(w)
    x = x * styles.to(x.dtype)[:, :, None, None]
    if conv.up:
        x = UpConvolution.apply(x, conv.weight)  # type: ignore[no-untyped-call]
        x = upfirdn(x, conv.resample_filter, 1, (1, 1, 1, 1), gain=4.0)
    else:
        x = Convolution.apply(x, conv.weight)  # type: ignore[no-untyped-call]
    gain = demodulation(conv.weight, styles) * math.sqrt(2)  # lrelu(ax) = a lrelu(x) for a > 0
    bias = (conv.bias * math.sqrt(2)).to(x.dtype)[None, :, None, None]
    return F.leaky_relu(torch.addcmul(bias, x, gain.to(x.dtype)[:, :, None, None]), 0.2, inplace=True)


def draw(synthesis: Synthesis, w: Tensor, resolution: int, dtype: torch.dtype | None = None) -> Tensor:
    """One w for all layers, w [N, w_dim] -> [N, 3, resolution, resolution] float32. Skip networks, no noise."""
    dtype = dtype or quickest()
    img: Tensor | None = None
    x = w.new_empty(0)
    for size in synthesis.config.resolutions:
        x, img = _block(synthesis, size, w, x, img, dtype)
        if size == resolution:
            break
    assert img is not None
    return img


def draw_window(
    synthesis: Synthesis, w: Tensor, cut: int, window: tuple[int, int, int], dtype: torch.dtype | None = None
) -> tuple[Tensor, Tensor]:
    """Draw at full size only what lies in a window (y, x, side) of block ``cut``, and all of it at that block.

    Returns ([N, 3, s, s] with s = side * full / cut, [N, 3, cut, cut]). Around the border of the window the picture
    differs, by a few pixels of each block, since what lies outside is taken for zero.
    """
    img: Tensor | None = None
    dtype = dtype or quickest()
    coarse = x = w.new_empty(0)
    y0, x0, side = window
    for size in synthesis.config.resolutions:
        x, img = _block(synthesis, size, w, x, img, dtype)
        if size == cut:
            coarse = img
            x = x[:, :, y0 : y0 + side, x0 : x0 + side].contiguous(memory_format=torch.channels_last)
            img = img[:, :, y0 : y0 + side, x0 : x0 + side]
    assert img is not None
    return img, coarse


def _block(
    synthesis: Synthesis, size: int, w: Tensor, x: Tensor, img: Tensor | None, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """One resolution: features x [N, C, h, w] and the picture so far [N, 3, h, w] or None."""
    block = synthesis.get_submodule(f"b{size}")
    assert isinstance(block, Block)
    if block.is_first:
        x = block.const.to(dtype).expand(len(w), -1, -1, -1).contiguous(memory_format=torch.channels_last)
    else:
        x = layer(x, w, block.conv0)
    x = layer(x, w, block.conv1)
    styles = block.torgb.affine(w) * block.torgb.style_gain
    weight = block.torgb.weight[None, :, :, 0, 0] * styles[:, None]  # [N, 3, I]
    flat = x.permute(0, 2, 3, 1).reshape(len(w), -1, x.shape[1])  # [N, HW, I]
    rgb = torch.bmm(flat, weight.transpose(1, 2).to(dtype)).float() + block.torgb.bias
    rgb = rgb.view(len(w), *x.shape[2:], -1).permute(0, 3, 1, 2)
    return x, rgb if img is None else upsample2(img, block.resample_filter) + rgb
