"""What several families are built from: dense layers, the mapping network, nonlinearities, FIR filters.

Parameters carry the names of NVIDIA's `G_ema`, so that a state_dict loads as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LabelStyle = Literal["separate", "concat"]
Taps = tuple[float, ...] | tuple[tuple[float, ...], ...]

# Sees a block's output, hook(resolution, x [N,C,R,R], img [N,C,R,R] or None), and returns x, or (x, img) to
# change both. img already holds this block's RGB, so changing both moves everything painted so far.
Hook = Callable[[int, Tensor, Tensor | None], Tensor | tuple[Tensor, Tensor | None]]

ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {  # function, gain that keeps the variance
    "linear": (lambda x: x, 1.0),
    "relu": (F.relu, math.sqrt(2)),
    "lrelu": (lambda x: F.leaky_relu(x, 0.2), math.sqrt(2)),
    "tanh": (torch.tanh, 1.0),
    "sigmoid": (torch.sigmoid, 1.0),
    "elu": (F.elu, 1.0),
    "selu": (F.selu, 1.0),
    "softplus": (F.softplus, 1.0),
    "swish": (F.silu, math.sqrt(2)),
}


def activate(x: Tensor, name: str, gain: float = 1.0, clamp: float | None = None) -> Tensor:
    """The named nonlinearity with its own gain, bounded by `clamp`, times `gain`."""
    function, own_gain = ACTIVATIONS[name]
    x = function(x) * (own_gain * gain)
    return x if clamp is None else x.clamp(-clamp * gain, clamp * gain)


def normalize_2nd_moment(x: Tensor) -> Tensor:
    """Scale each row to a mean square of 1."""
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


def fir_kernel(taps: Taps) -> Tensor:
    """The kernel as a buffer of sum 1: 2-D, or 1-D from eight taps on, as the files hold it."""
    f = torch.tensor(taps, dtype=torch.float32)
    if f.ndim == 1 and f.numel() < 8:
        f = torch.outer(f, f)
    return f / f.sum()


def upfirdn(x: Tensor, f: Tensor, up: int, pad: tuple[int, int, int, int], gain: float = 1.0) -> Tensor:
    """Insert up-1 zeros between samples, pad (left, right, top, bottom; negative crops), convolve with f."""
    n, c, h, w = x.shape
    f = (torch.outer(f, f) if f.ndim == 1 else f).to(x.dtype) * gain
    if up > 1:
        x = F.pad(x.reshape(n, c, h, 1, w, 1), (0, up - 1, 0, 0, 0, up - 1)).reshape(n, c, h * up, w * up)
    kernel = f.flip(0, 1).expand(c, 1, *f.shape)  # flipped: conv2d correlates
    return F.conv2d(F.pad(x, pad), kernel, groups=c)


def upsample2(x: Tensor, f: Tensor) -> Tensor:
    """[N,C,H,W] -> [N,C,2H,2W] through the FIR kernel."""
    (fh, fw) = f.shape * (3 - f.ndim)
    return upfirdn(x, f, 2, ((fw + 1) // 2, (fw - 2) // 2, (fh + 1) // 2, (fh - 2) // 2), gain=4.0)


class FullyConnected(nn.Module):
    """A dense layer with equalized learning rate: stored weights are O(1/lr_multiplier), scaled when used."""

    def __init__(self, fan_in: int, fan_out: int, *, lr_multiplier: float = 1.0) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(fan_out, fan_in)), nn.Parameter(torch.empty(fan_out))
        self.weight_gain, self.bias_gain = lr_multiplier / math.sqrt(fan_in), lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        """[N, fan_in] -> [N, fan_out]."""
        return F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)


@dataclass(frozen=True, slots=True)
class MappingSettings:
    """What shapes a mapping network.

    `features` are the widths of its layers, the last is w_dim; `embed_features` the width of the label's embedding.
    `label_style` "separate" normalises z and the embedding each on its own (stylegan2-ada), "concat" both together
    (the first StyleGAN2).
    """

    z_dim: int
    c_dim: int
    w_dim: int
    num_ws: int
    features: tuple[int, ...]
    embed_features: int
    lr_multiplier: float = 0.01
    label_style: LabelStyle = "separate"
    normalize_z: bool = True
    activation: str = "lrelu"


class Mapping(nn.Module):
    """z [N, z_dim] and c [N, c_dim] -> ws [N, num_ws, w_dim], truncated towards w_avg."""

    w_avg: Tensor

    def __init__(self, settings: MappingSettings) -> None:
        super().__init__()
        self.settings = settings
        embed = settings.embed_features if settings.c_dim else 0
        if settings.c_dim:
            self.embed = FullyConnected(settings.c_dim, embed)
        widths = (settings.z_dim + embed, *settings.features)
        for i, (fan_in, fan_out) in enumerate(pairwise(widths)):
            self.add_module(f"fc{i}", FullyConnected(fan_in, fan_out, lr_multiplier=settings.lr_multiplier))
        self.register_buffer("w_avg", torch.empty(settings.w_dim))

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
    ) -> Tensor:
        """Without c, a conditional network is given the all-zero label. The cutoff counts ws; None is all."""
        own = self.settings
        x, joint = z, own.c_dim > 0 and own.label_style == "concat"
        if own.normalize_z and own.z_dim and not joint:
            x = normalize_2nd_moment(x)
        if own.c_dim:
            label = self.embed(z.new_zeros(len(z), own.c_dim) if c is None else c)
            x = torch.cat((x, label if joint else normalize_2nd_moment(label)), dim=1)
        if joint and own.normalize_z:
            x = normalize_2nd_moment(x)
        for i in range(len(own.features)):
            x = activate(self.get_submodule(f"fc{i}")(x), own.activation)
        ws = x.unsqueeze(1).repeat(1, own.num_ws, 1)  # [N, num_ws, w_dim]
        if truncation_psi == 1.0:
            return ws
        cutoff = own.num_ws if truncation_cutoff is None else truncation_cutoff
        return torch.cat((torch.lerp(self.w_avg, ws[:, :cutoff], truncation_psi), ws[:, cutoff:]), dim=1)


def affine_weights(synthesis: nn.Module) -> list[Tensor]:
    """Every layer's style weights [styles, w_dim], in the order of the layers."""
    return [parameter for name, parameter in synthesis.named_parameters() if name.endswith("affine.weight")]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from torch's global generator as `seed` says, and leave it as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


@torch.no_grad()
def start_values(state: dict[str, Tensor], lr_multiplier: float, kept: tuple[str, ...]) -> None:
    """Fill a state_dict with StyleGAN's starting values: unit variance once scaled, styles of one.

    Tensors whose names end in one of `kept` stay as they are.
    """
    for name, tensor in state.items():
        if name.endswith(kept):
            continue
        if name.endswith("affine.bias"):
            tensor.fill_(1.0)
        elif name.endswith(("bias", "noise_strength", "w_avg")):
            tensor.zero_()
        else:
            tensor.normal_(std=1 / lr_multiplier if name.startswith("mapping.fc") else 1.0)
