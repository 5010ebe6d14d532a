"""Blocks by torch.compile (inductor), where a C++ compiler is at hand: PyTorch's own way to fused CPU code.

Every block is a module whose weights are frozen into what is compiled: convolutions go to oneDNN, in bf16 if asked,
and everything pointwise becomes loops over fp32 registers. Compiling takes a minute the first time; torch keeps the
code in the user's cache, under keys of its own that hold the graph, the versions and the processor.
"""

from __future__ import annotations

import math
import os
import threading
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from platformdirs import user_cache_path
from torch import Tensor, nn

from engine.generator.backends.blocks import DTYPES, Blocks, Given, Images, Unavailable
from engine.generator.backends.eager import LAYOUT, filter_up
from engine.generator.backends.prepare import SLOPES, BlockPlan, LayerPlan, Prepared
from engine.generator.networks.layers import ACTIVATIONS, upsample2
from engine.system.compiled import NO_COMPILER, compiler

MAX_COMPILED = 256  # blocks of one process; torch counts recompilations per code object, and all blocks share one
_COMPILING = threading.Lock()  # held while compiling: inductor's settings belong to the process


class _Layer(nn.Module):
    """One convolution on constants: (x, styles, scales, noise) -> fp32 act(conv(x * style) * scale + noise + bias)."""

    weight: Tensor
    bias: Tensor
    fir: Tensor
    none: Tensor

    def __init__(self, plan: LayerPlan, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype, self.up, self.row, self.fan_out = dtype, plan.kind == "up", plan.index, plan.fan_out
        self.at = slice(plan.style_at, plan.style_at + plan.fan_in)
        self.activation, self.clamp, self.post_gain = plan.activation, plan.clamp, plan.post_gain
        weight = plan.weight.to(dtype)
        if self.up:
            weight = weight.transpose(0, 1).contiguous()
            self.register_buffer("fir", plan.fir.to(dtype))
            self.register_buffer("none", torch.zeros(plan.fan_out, dtype=dtype))
        self.register_buffer("weight", weight.contiguous(memory_format=LAYOUT))
        self.register_buffer("bias", plan.bias[None, :, None, None].clone())

    def forward(self, x: Tensor, styles: Tensor, scales: Tensor, noise: Tensor | None) -> Tensor:
        """Takes x [1, I, h, w], `Modulation`'s styles and scales, and the noise map [H, W] with all its gains."""
        x = (x * styles[self.at][None, :, None, None]).to(self.dtype)
        if self.up:
            y = filter_up(F.conv_transpose2d(x, self.weight, stride=2), self.fir, self.none, None)
        else:
            y = F.conv2d(x, self.weight, padding=1)
        y = y.float() * scales[self.row, : self.fan_out][None, :, None, None] + self.bias
        if noise is not None:
            y = y + noise
        if self.activation in SLOPES:
            y = F.leaky_relu(y, SLOPES[self.activation])
        elif self.activation != "linear":
            y = ACTIVATIONS[self.activation][0](y) * self.post_gain
        return y if self.clamp is None else y.clamp(-self.clamp, self.clamp)


class _Block(nn.Module):
    """One block on constants: (x, img, styles, scales, noise maps) -> (x, img), all fp32."""

    rgb_weight: Tensor
    rgb_bias: Tensor
    fir: Tensor
    const: Tensor
    skip: Tensor
    skip_fir: Tensor

    def __init__(self, plan: BlockPlan, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.convs = nn.ModuleList(_Layer(conv, dtype) for conv in plan.convs)
        self.rgb = plan.rgb
        self.resnet = plan.source.is_resnet
        self.register_buffer("fir", plan.fir.float())
        if plan.level == 0:
            self.register_buffer("const", plan.source.const.detach().float()[None].contiguous(memory_format=LAYOUT))
        if self.resnet:
            skip = plan.source.skip
            self.register_buffer("skip", (skip.weight.detach() * (skip.weight_gain * math.sqrt(0.5))).to(dtype))
            self.register_buffer("skip_fir", skip.resample_filter.float())
        if plan.rgb is not None:
            self.register_buffer("rgb_weight", plan.rgb.weight)
            self.register_buffer("rgb_bias", plan.rgb.bias[:, None, None].clone())

    def forward(
        self, x: Tensor | None, img: Tensor | None, styles: Tensor, scales: Tensor, maps: list[Tensor]
    ) -> Images:
        """See `Given` for styles and scales; ``maps`` are the noise of each convolution, or none at all."""
        start = self.const if x is None else x
        y = start
        for i, layer in enumerate(self.convs):
            y = layer(y, styles, scales, maps[i] if maps else None)
        if self.resnet:
            y = y + upsample2(F.conv2d(start.to(self.dtype), self.skip).float(), self.skip_fir)
        if self.rgb is None:
            return y, img
        style = styles[self.rgb.style_at : self.rgb.style_at + self.rgb.fan_in]
        weight = (self.rgb_weight * style[None, :, None, None]).to(self.dtype)
        painted = F.conv2d(y.to(self.dtype), weight).float() + self.rgb_bias
        if self.rgb.clamp is not None:
            painted = painted.clamp(-self.rgb.clamp, self.rgb.clamp)
        return y, painted if img is None else upsample2(img, self.fir) + painted


def refusal(prepared: Prepared, precision: str) -> str | None:
    """Say why this backend cannot play a network on this machine, or None."""
    return NO_COMPILER if compiler() is None else None


def open_blocks(prepared: Prepared, precision: str) -> InductorBlocks:
    """Compile every block; Unavailable where that is impossible."""
    return InductorBlocks(prepared, precision)


class InductorBlocks(Blocks):
    """Every block compiled by torch.compile for this processor."""

    backend = "inductor"

    def __init__(self, prepared: Prepared, precision: str) -> None:
        """Compile by running a frame; Unavailable with one line where that is impossible."""
        if compiler() is None:
            raise Unavailable(NO_COMPILER)
        self.prepared, self.precision = prepared, precision
        self._blocks: list[Callable[..., Images]] = []
        with _COMPILING, torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            freeze = _settings()
            for plan in prepared.blocks:
                block = _Block(plan, DTYPES[precision]).eval()
                self._blocks.append(torch.compile(block, dynamic=False, fullgraph=True, options=freeze))
            try:
                self._compile()
            except Exception as error:
                said = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise Unavailable(f"torch.compile failed: {said}") from error

    def _compile(self) -> None:
        """Run every block once as it will be run: contiguity and grad mode are part of what is compiled."""
        network = self.prepared.network
        given = Given(*self.prepared.modulation(torch.zeros(network.num_ws, network.w_dim)))
        x = img = None
        for level in range(len(self._blocks)):
            x, img = self.run(level, x, img, given)

    def run(self, level: int, x: Tensor | None, img: Tensor | None, given: Given) -> Images:
        """See Blocks. x and img are new tensors every time."""
        # Compiled code accepts one tensor layout, so warped maps are brought to it.
        images = [None if one is None else one.float().contiguous(memory_format=LAYOUT) for one in (x, img)]
        noise = given.noise(self.prepared.blocks[level])
        with torch.inference_mode():  # as when it was compiled: the mode is part of what is compiled
            x, img = self._blocks[level](*images, given.styles, given.scales, noise)
        given.show(img)
        return x, img


def _settings() -> dict[str, Any]:
    """Point inductor at the user's cache and return what it is to do; a folder the user has chosen stays."""
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(user_cache_path("latentvj") / "inductor"))
    import torch._dynamo.config as dynamo  # not before it is needed: torch's compiler takes seconds to import

    dynamo.recompile_limit = max(dynamo.recompile_limit, MAX_COMPILED)
    return {"freezing": True}
