"""What the families before StyleGAN2 are built from: plain and upsampling convolutions, norms, dense layers.

Weights are stored as they multiply: a file's equalized learning rate is folded in when it is read. `quick` returns the
same layer for playing: channels last, in fp32, bf16 or fp16, an upsampling convolution as one transposed convolution.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Pair = tuple[int, int]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "lrelu": lambda x: F.leaky_relu(x, 0.2),
    "relu": F.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "linear": lambda x: x,
}


def pixel_norm(x: Tensor, eps: float = 1e-8) -> Tensor:
    """Scale every pixel's channels (or every row of [N, C]) to a mean square of 1."""
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + eps)


def instance_norm(x: Tensor, eps: float = 1e-8) -> Tensor:
    """Bring every map of x [N,C,H,W] to mean 0 and variance 1."""
    x = x - x.mean(dim=(2, 3), keepdim=True)
    return x * torch.rsqrt(x.square().mean(dim=(2, 3), keepdim=True) + eps)


def nearest2(x: Tensor) -> Tensor:
    """[N,C,H,W] -> [N,C,2H,2W], every pixel four times."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def fourfold(weight: Tensor) -> Tensor:
    """Return [O,I,3,3] as the 4x4 kernel [I,O,4,4] of a transposed convolution: the sum of its four shifted copies."""
    w = F.pad(weight, (1, 1, 1, 1))
    return (w[:, :, 1:, 1:] + w[:, :, :-1, 1:] + w[:, :, 1:, :-1] + w[:, :, :-1, :-1]).transpose(0, 1)


class Dense(nn.Module):
    """A dense layer, weight [out, in] and bias [out]."""

    def __init__(self, fan_in: int, fan_out: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(fan_out, fan_in)), nn.Parameter(torch.empty(fan_out))

    def forward(self, x: Tensor) -> Tensor:
        """[N, in] -> [N, out]."""
        return F.linear(x, self.weight, self.bias)


class Convolution(nn.Module):
    """A convolution that keeps the size, weight [O,I,k,k] without bias. With ``up`` it doubles the size first.

    A ``fused`` one spreads the pixels and convolves in one step (Karras et al., arXiv:1812.04948, appendix C), which
    is nearest-neighbour upsampling and the kernel turned by 180 degrees.
    """

    def __init__(self, fan_in: int, fan_out: int, size: int = 3, *, up: bool = False, fused: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(fan_out, fan_in, size, size))
        self.up, self.fused = up, up and fused

    def forward(self, x: Tensor) -> Tensor:
        """[N,I,H,W] -> [N,O,H,W], or twice that size."""
        if self.fused:
            return F.conv_transpose2d(x, fourfold(self.weight), stride=2, padding=1)
        return F.conv2d(nearest2(x) if self.up else x, self.weight, padding=self.weight.shape[2] // 2)

    @property
    def transposed(self) -> Tensor:
        """The weight [O,I,3,3] of the transposed convolution of stride 2 that an up is, before neighbours are added."""
        return self.weight.detach() if self.fused else self.weight.detach().flip(2, 3)

    def alone(self) -> None:
        """See a pixel without its neighbours, and grow no more."""
        self.weight = nn.Parameter(self.weight.detach().sum(dim=(2, 3), keepdim=True), requires_grad=False)
        self.up = self.fused = False

    def quick(self, dtype: torch.dtype) -> nn.Module:
        """Return the layer that plays it."""
        weight = self.weight.detach()
        if not self.up:
            return Quick(weight, None, dtype, padding=(weight.shape[2] // 2,) * 2)
        return Quick(fourfold(self.transposed), None, dtype, stride=(2, 2), padding=(1, 1), transposed=True)


class CompiledConvolution(Protocol):
    """A 3x3 convolution of one picture in compiled code."""

    def __call__(self, x: Tensor, keep: bool) -> Tensor:
        """[1,I,h,w] -> [1,O,H,W]; the next layer alone reads it, unless it is to ``keep``."""
        ...


class Compiled(Protocol):
    """Makes a network's layers in compiled code, for one picture on a CPU."""

    def blurs(self, blur: Sequence[float]) -> bool:
        """Whether an upsampling convolution can blur."""
        ...

    def convolution(
        self, weight: Tensor, shape: Pair, *, up: bool = False, blur: Sequence[float] = (), bias: Tensor | None = None,
        slope: float = 1.0,
    ) -> CompiledConvolution:  # fmt: skip
        """Return a convolution [O,I,3,3] to ``shape``, then bias and lrelu.

        An ``up`` is the transposed one of stride 2 whose neighbours are added; a ``blur`` follows it.
        """
        ...

    def adain(
        self, x: Tensor, bias: Tensor, noise: Tensor | None, strength: Tensor | None, slope: float, eps: float,
        scale: Tensor | None, shift: Tensor | None, keep: bool,
    ) -> Tensor:  # fmt: skip
        """Return lrelu(x + noise [H,W] * strength + bias), every map at mean 0 and variance 1, * scale + shift [C]."""
        ...

    def pixel_norm(self, x: Tensor, eps: float, slope: float) -> Tensor:
        """Return `pixel_norm` of x, then lrelu; x may be overwritten."""
        ...


class Quick(nn.Module):
    """A convolution for playing: its constants folded, its weight channels last in ``dtype``."""

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        dtype: torch.dtype,
        *,
        stride: Pair = (1, 1),
        padding: Pair = (0, 0),
        transposed: bool = False,
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight.to(dtype).contiguous(memory_format=torch.channels_last))
        self.register_buffer("bias", None if bias is None else bias.to(dtype))
        self.stride, self.padding, self.transposed = stride, padding, transposed

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        if self.transposed:
            return F.conv_transpose2d(x, self.weight, self.bias, self.stride, self.padding)
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding)


class Projection(nn.Module):
    """A transposed convolution of one pixel for playing: a matrix product."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.shape = weight.shape[1:]
        self.register_buffer("weight", weight.flatten(1).T.to(dtype).contiguous())
        self.register_buffer("bias", bias.to(dtype)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """[N,I,1,1] -> [N,O,kh,kw]."""
        y = F.linear(x.flatten(1), self.weight).view(len(x), *self.shape) + self.bias
        return y.contiguous(memory_format=torch.channels_last)


class Shuffled(nn.Module):
    """A transposed 4x4 convolution of stride 2 and padding 1 to few maps, for playing.

    Its four phases are one 3x3 convolution to four times the maps, whose pixels are then put beside each other (Shi et
    al., arXiv:1609.05158): a transposed one to three maps leaves most of a vector register empty.
    """

    MOST = 16  # maps; to more the transposed convolution is faster

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        taps = {0: ((3, 0), (1, 1)), 1: ((2, 1), (0, 2))}  # by phase: the kernel's row, and where it reads
        phases = weight.new_zeros(weight.shape[1], 2, 2, weight.shape[0], 3, 3)  # [O, phase, phase, I, 3, 3]
        for i, rows in taps.items():
            for j, columns in taps.items():
                for row, at in rows:
                    for column, beside in columns:
                        phases[:, i, j, :, at, beside] = weight[:, :, row, column].T
        self.conv = Quick(phases.flatten(0, 2), bias.repeat_interleave(4), dtype, padding=(1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[N,I,H,W] -> [N,O,2H,2W]."""
        return F.pixel_shuffle(self.conv(x), 2)


class Packed(nn.Module):
    """A transposed convolution of one picture on a CPU, for playing, its weight laid out once as oneDNN reads it.

    PyTorch's own call lays it out anew every time, which for few pixels takes longer than the products.
    """

    bias: Tensor

    def __init__(
        self, weight: Tensor, bias: Tensor, dtype: torch.dtype, shape: Pair, *, stride: Pair, padding: Pair
    ) -> None:
        super().__init__()
        self.stride, self.padding = list(stride), list(padding)
        packed, none, size = weight.to(dtype).contiguous(), [0, 0], [1, len(weight), *shape]
        # No buffer: a tensor of oneDNN's cannot be copied or moved.
        self._packed = (
            torch.ops.mkldnn._reorder_convolution_transpose_weight(
                packed, self.padding, none, self.stride, [1, 1], 1, size
            ),
        )
        self.register_buffer("bias", bias.to(dtype))

    @staticmethod
    def fits(weight: Tensor) -> bool:
        """Whether oneDNN computes it."""
        return weight.device.type == "cpu" and bool(torch._C._has_mkldnn and torch._C._get_mkldnn_enabled())

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        y: Tensor = torch.ops.mkldnn._convolution_transpose_pointwise(
            x, self._packed[0], self.bias, self.padding, [0, 0], self.stride, [1, 1], 1, "none", [], ""
        )
        return y


def quickened(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return the quick form of a layer that has one."""
    return cast(Convolution, module).quick(dtype)
