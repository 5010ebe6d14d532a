"""StyleGAN's and PGGAN's blocks by compiled code: the convolutions of StyleGAN2's, and norms of their own.

An upsampling convolution, fused or not, is a transposed 3x3 whose neighbours are added (Karras et al.,
arXiv:1812.04948, appendix C), and a blur follows: that is the FIR filter of StyleGAN2's up, but for what lies beyond
the edge. What a network does otherwise stays in PyTorch.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.generator.backends.blocks import Unavailable
from engine.generator.backends.native.native_build import load
from engine.generator.backends.native.native_layers import Conv, address
from engine.generator.backends.prepare import LayerPlan, Prepared, padded
from engine.generator.backends.processor import has_amx, lacks
from engine.generator.backends.staged import StagedBlocks
from engine.generator.networks.convolutions import Compiled, Pair
from engine.generator.networks.staged import Staged

WIDE = 64 * 64  # pixels; a smaller plain convolution stays in fp32
ALONE = 1 << 16  # numbers; a norm of fewer runs on one thread
BLUR = (1.0, 2.0, 1.0)  # the blur that fits into the compiled up


def refusal(prepared: Prepared, precision: str) -> str | None:
    """Say why the compiled layers cannot play a network, or None; a compiler is there."""
    network = prepared.network
    if not isinstance(network, Staged) or not network.compiles:
        return "its layers are played by PyTorch"
    if precision == "bf16" and has_amx():
        return "this processor multiplies bf16 faster by PyTorch"
    return lacks(precision)


class Padded:
    """Images [H, W, C] with padded channels, in buffers that are kept."""

    def __init__(self) -> None:
        self._between: dict[int, Tensor] = {}

    def between(self, use: int, shape: Pair, channels: int) -> Tensor:
        """Return a buffer [H, W, C] that the next layer reads and no later one."""
        count = math.prod(shape) * channels
        if use not in self._between or self._between[use].numel() < count:
            self._between[use] = torch.empty(count)
        return self._between[use][:count].view(*shape, channels)


def rows_of(image: Tensor, channels: int) -> Tensor:
    """[1, C, H, W] -> [H, W, channels] fp32, a view where it was one of ours: then what is padded is zero."""
    rows = image[0].permute(1, 2, 0)
    height, width, own = rows.shape
    ours = (width * channels, channels, 1)
    whole = rows.storage_offset() + height * width * channels <= rows.untyped_storage().nbytes() // 4
    if rows.dtype == torch.float32 and rows.stride() == ours and (own == channels or whole):
        return rows.as_strided((height, width, channels), ours)
    copy = torch.zeros(height, width, channels)
    copy[..., :own] = rows
    return copy


def image_of(rows: Tensor, channels: int) -> Tensor:
    """[H, W, padded] -> [1, C, H, W], a view."""
    return rows[..., :channels].permute(2, 0, 1)[None]


class NativeConvolution:
    """A 3x3 convolution, the up and the blur with it, then bias and lrelu. Its result is kept until the next."""

    def __init__(
        self,
        kit: NativeKit,
        weight: Tensor,
        shape: Pair,
        taps: Sequence[float] | None,
        bias: Tensor | None,
        slope: float,
    ) -> None:
        fan_out, fan_in = weight.shape[:2]
        up = taps is not None
        fir = torch.tensor(taps or (0.0, 1.0, 1.0, 0.0))
        plan = LayerPlan(
            kind="up" if up else "conv", index=0, ws_index=0, style_at=0, fan_in=fan_in, fan_out=fan_out, shape=shape,
            weight=weight, bias=torch.zeros(fan_out) if bias is None else bias.detach().float(), clamp=None,
            fir=torch.outer(fir, fir) / fir.sum().square(),
        )  # fmt: skip
        bf16 = kit.bf16 and (up or math.prod(shape) >= WIDE)
        self.kit, self.shape, self.fan_in, self.fan_out = kit, shape, fan_in, fan_out
        self.conv = Conv(plan, kit.library, kit.threads, "bf16" if bf16 else "fp32")
        self.conv.slope = slope
        self.conv.edge = float(fir[0] / fir.sum() * 2)
        self.style, self.scale = torch.ones(padded(fan_in)), torch.ones(padded(fan_out))
        kit.needs(self.conv.work_floats())

    def __call__(self, x: Tensor, keep: bool) -> Tensor:
        """[1,I,h,w] -> [1,O,H,W]; ``keep``: in memory of its own."""
        width = padded(self.fan_out)
        out = torch.empty(*self.shape, width) if keep else self.kit.buffers.between(0, self.shape, width)
        self.conv(rows_of(x, padded(self.fan_in)), self.style, self.scale, None, 0.0, out, self.kit.work)
        return image_of(out, self.fan_out)


class NativeKit(Compiled):
    """Makes the compiled layers of one network, which share their scratch."""

    def __init__(self, library: ctypes.CDLL, threads: int, bf16: bool) -> None:
        self.library, self.threads, self.bf16 = library, threads, bf16
        self.buffers = Padded()
        self.work = torch.empty(0)

    def needs(self, floats: int) -> None:
        """Have at least so much scratch."""
        if self.work.numel() < floats:
            self.work = torch.empty(floats)

    def blurs(self, blur: Sequence[float]) -> bool:
        """See Compiled."""
        return tuple(blur) == BLUR

    def convolution(
        self, weight: Tensor, shape: Pair, *, up: bool = False, blur: Sequence[float] = (), bias: Tensor | None = None,
        slope: float = 1.0,
    ) -> NativeConvolution:  # fmt: skip
        """See Compiled."""
        taps = None if not up else (1.0, 3.0, 3.0, 1.0) if blur else (0.0, 1.0, 1.0, 0.0)
        return NativeConvolution(self, weight.detach().float(), shape, taps, bias, slope)

    def adain(
        self, x: Tensor, bias: Tensor, noise: Tensor | None, strength: Tensor | None, slope: float, eps: float,
        scale: Tensor | None, shift: Tensor | None, keep: bool,
    ) -> Tensor:  # fmt: skip
        """See Compiled."""
        channels, width = x.shape[1], padded(x.shape[1])
        rows = rows_of(x, width)
        out = torch.empty(rows.shape) if keep else self.buffers.between(1, (rows.shape[0], rows.shape[1]), width)
        ones, zeros = torch.ones(channels), torch.zeros(channels)
        given = (strength, bias, ones if scale is None else scale, shift)
        vectors = [F.pad((zeros if one is None else one).detach().float(), (0, width - channels)) for one in given]
        grain = None if noise is None else noise.float().contiguous()
        strengths, biases, scales, shifts = (address(vector) for vector in vectors)
        self.library.vj_adain(
            *(address(rows), rows.shape[0] * rows.shape[1], width, address(grain), strengths, biases),
            *(slope, eps, scales, shifts, address(out), 1 if out.numel() < ALONE else self.threads),
        )
        return image_of(out, channels)

    def pixel_norm(self, x: Tensor, eps: float, slope: float) -> Tensor:
        """See Compiled. In place: x is a convolution's result."""
        rows = rows_of(x, padded(x.shape[1]))
        threads = 1 if rows.numel() < ALONE else self.threads
        count, width = rows.shape[0] * rows.shape[1], rows.shape[2]
        self.library.vj_pixel_norm(address(rows), count, width, x.shape[1], eps, slope, threads)
        return image_of(rows, x.shape[1])


class NativeStagedBlocks(StagedBlocks):
    """Blocks of a staged network whose layers are compiled."""

    backend = "native"

    def __init__(self, prepared: Prepared, precision: str) -> None:
        """Compile or load, and transform the weights; Unavailable where this machine cannot."""
        if reason := refusal(prepared, precision):
            raise Unavailable(reason)
        network = prepared.network
        assert isinstance(network, Staged)
        library = load()
        bf16 = precision == "bf16" and bool(library.vj_bf16())
        made = network.compiled(NativeKit(library, torch.get_num_threads(), bf16))
        self._take(made, "bf16" if bf16 else "fp32", prepared)
