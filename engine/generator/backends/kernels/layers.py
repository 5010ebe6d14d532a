"""Blocks whose work beside the convolutions is done by the kernels of maps.cu. NOT YET RUN ON A GPU.

What a kernel does not take (another nonlinearity, a filter that is not separable, odd widths) is done by the plain
operators of the layer, and so is a block that does not agree with fp32 (half_check.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.generator.backends.blocks import Given
from engine.generator.backends.eager import SAFE_CLAMP, EagerBlocks, EagerLayer
from engine.generator.backends.kernels.kernels import COLORS, Kernels, fits
from engine.generator.backends.native.native_layers import separable
from engine.generator.backends.prepare import SLOPES, BlockPlan, LayerPlan, Prepared


@dataclass(slots=True)
class After:
    """See kernels.After."""

    scale: Tensor | None
    reach: Tensor | None
    bias: Tensor | None
    noise: Tensor | None
    style: Tensor | None
    slope: float
    clamp: float | None


class KernelLayer(EagerLayer):
    """A layer of two launches: the convolution, and all the rest."""

    def __init__(self, plan: LayerPlan, dtype: torch.dtype, kernels: Kernels) -> None:
        super().__init__(plan, dtype)
        self.fold = False
        self.kernels = kernels
        self.stencil = _taps(plan.fir) if plan.kind == "up" else None
        self.bias, self.own_reach = plan.bias.float().contiguous(), self.reach if dtype == torch.float16 else None

    def styled(
        self, x: Tensor, style: Tensor | None, scale: Tensor, noise: Tensor | None, following: Tensor | None
    ) -> Tensor:
        """See EagerLayer; ``style`` None: x comes times it. ``following`` is the next layer's: the result comes so."""
        y = self.convolve(x, style)
        noise = None if noise is None else noise.float().contiguous()
        slope = SLOPES[self.plan.activation]
        after = After(scale, self.own_reach, self.bias, noise, following, slope, self.clamp)
        return self.kernels.finish(y, after) if self.stencil is None else self.kernels.finish_up(y, self.stencil, after)


class KernelBlocks(EagerBlocks):
    """EagerBlocks with KernelLayers where the kernels take them."""

    def __init__(self, prepared: Prepared, dtype: torch.dtype, kernels: Kernels) -> None:
        super().__init__(prepared, dtype)
        self._kernels, self.kernels = kernels, kernels.name
        self.convs = [[self._layer(layer, dtype) for layer in block] for block in self.convs]
        self._fir = [_taps(block.fir) for block in prepared.blocks]
        self._rgb = [None if block.rgb is None else _rgb_weight(block.rgb) for block in prepared.blocks]

    def _layer(self, plain: EagerLayer, dtype: torch.dtype) -> EagerLayer:
        plan = plain.plan
        taken = plan.activation in SLOPES and fits(plan.fan_out) and (plan.kind != "up" or _taps(plan.fir) is not None)
        return KernelLayer(plan, dtype, self._kernels) if taken else plain

    def _convolve(self, level: int, x: Tensor, noises: list[Tensor], given: Given) -> Tensor:
        """See EagerBlocks: inside a block a layer's result comes times the style of the next."""
        layers, styled = self.convs[level], False
        for index, layer in enumerate(layers):
            plan, noise = layer.plan, noises[index] if index < len(noises) else None
            style, scale = self._style(plan, given), given.scales[plan.index, : plan.fan_out]
            if not isinstance(layer, KernelLayer):
                x, styled = layer(x, style, scale, noise), False
                continue
            behind = layers[index + 1] if index + 1 < len(layers) else None
            following = self._style(behind.plan, given) if isinstance(behind, KernelLayer) else None
            x = layer.styled(x, None if styled else style, scale, noise, following)
            styled = following is not None
        return x

    def _paint(
        self, plan: BlockPlan, rgb: LayerPlan, x: Tensor, img: Tensor | None, given: Given
    ) -> tuple[Tensor, bool]:
        """See EagerBlocks."""
        taps, weight = self._fir[plan.level], self._rgb[plan.level]
        stepped_down = not isinstance(self.convs[level := plan.level][-1], KernelLayer)
        if taps is None or weight is None or stepped_down or not fits(rgb.fan_in) or rgb.fan_out > COLORS:
            return super()._paint(plan, rgb, x, img, given)
        clamp = min(rgb.clamp or math.inf, SAFE_CLAMP) if self.dtypes[level] == torch.float16 else rgb.clamp
        before = None if img is None else img.float().contiguous()
        style = self._style(rgb, given)
        painted = self._kernels.paint(x, weight, style, rgb.bias, clamp, before, taps, given.rgba)
        return painted, given.rgba is not None


def _taps(fir: Tensor) -> Tensor | None:
    taps = separable(fir)
    return None if taps is None else taps.float().contiguous()


def _rgb_weight(plan: LayerPlan) -> Tensor:
    return plan.weight[:, :, 0, 0].float().contiguous()
