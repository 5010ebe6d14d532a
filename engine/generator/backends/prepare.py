"""What every fast backend needs from a checkpoint, worked out once: plans of the layers, styles, demodulation.

A layer's modulated convolution (Karras et al., arXiv:1912.04958, section 2.2) is split into a style per input
map, one shared weight, and a scale per output map. All constant gains (equalized learning rate, the square root
of two after lrelu, the resnet's) are folded into scale, bias and noise here, so that a backend multiplies once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from engine.generator.networks.layers import ACTIVATIONS
from engine.generator.networks.modulated import Block, SynthesisLayer, ToRGB
from engine.generator.networks.network import Network

PAD = 16  # numbers; a layer's styles begin at a multiple, for whole vector registers in the native backend
SLOPES = {"lrelu": 0.2, "relu": 0.0, "linear": 1.0}  # slope below 0 of nonlinearities that commute with a gain

Kind = Literal["conv", "up", "rgb"]


def padded(channels: int) -> int:
    """Round a channel count up to whole vector registers."""
    return -(-channels // PAD) * PAD


@dataclass(frozen=True, slots=True, eq=False)
class LayerPlan:
    """One convolution, its constants folded: y = act(conv(x * style) * scale + noise + bias).

    ``weight`` is [O, I, k, k]; ``bias`` [O] and ``noise`` (the stored map [H, W] or None) carry ``gain``
    already, and so does the scale that `Modulation` returns; ``noise_gain`` is the layer's own strength times
    that, for other noise. ``post_gain`` follows nonlinearities that no gain passes through. ``clamp`` bounds the
    result, gains included. ``index`` counts the convolutions (and apart from them the ToRGBs); ``style_at`` is
    where the layer's styles begin among the styles of all layers.
    """

    kind: Kind
    index: int
    ws_index: int
    style_at: int
    fan_in: int
    fan_out: int
    shape: tuple[int, int]
    weight: Tensor
    bias: Tensor
    clamp: float | None
    fir: Tensor
    noise: Tensor | None = None
    noise_gain: Tensor | None = None
    activation: str = "linear"
    gain: float = 1.0
    post_gain: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class BlockPlan:
    """The layers of one resolution; ``source`` is the network's own block, for its constant and skip weights."""

    level: int
    resolution: int
    shape: tuple[int, int]
    convs: tuple[LayerPlan, ...]
    rgb: LayerPlan | None
    source: Block
    fir: Tensor


def _conv_plan(
    layer: SynthesisLayer, index: int, ws_index: int, style_at: int, shape: tuple[int, int], gain: float
) -> LayerPlan:
    config = layer.config
    full = ACTIVATIONS[config.activation][1] * gain
    before = full if config.activation in SLOPES else 1.0
    noise = noise_gain = None
    if config.use_noise:
        noise_gain = (layer.noise_strength * before).detach().float()
        noise = layer.noise_const.detach().float() * noise_gain
    return LayerPlan(
        kind="up" if layer.up else "conv",
        index=index,
        ws_index=ws_index,
        style_at=style_at,
        fan_in=layer.weight.shape[1],
        fan_out=layer.weight.shape[0],
        shape=shape,
        weight=layer.weight.detach().float(),
        bias=(layer.bias * before).detach().float(),
        noise=noise,
        noise_gain=noise_gain,
        activation=config.activation,
        gain=before,
        post_gain=full / before,
        clamp=None if config.conv_clamp is None else config.conv_clamp * gain,
        fir=layer.resample_filter.float(),
    )


def _rgb_plan(layer: ToRGB, index: int, ws_index: int, style_at: int, shape: tuple[int, int], fir: Tensor) -> LayerPlan:
    return LayerPlan(
        kind="rgb",
        index=index,
        ws_index=ws_index,
        style_at=style_at,
        fan_in=layer.weight.shape[1],
        fan_out=layer.weight.shape[0],
        shape=shape,
        weight=layer.weight.detach().float(),
        bias=layer.bias.detach().float(),
        clamp=layer.config.conv_clamp,
        fir=fir.float(),
    )


class Modulation:
    """The styles and scales of every layer: one matrix product for all styles, one for all demodulations.

    ``__call__`` takes ws [num_ws, w_dim] fp32 and returns (styles [S], scales [convolutions, widest]): flat, fp32,
    a layer's part begins at its plan's ``style_at``, and its scales are row ``index``. With ``normalize`` the
    styles of a demodulated layer have a maximum of one, which its scales absorb (exactly, but for the epsilon):
    fp16 needs it, because a sum over thousands of products would overflow.
    """

    def __init__(self, plans: list[LayerPlan], layers: list[SynthesisLayer | ToRGB], normalize: bool) -> None:
        self.normalize = normalize
        device, w_dim = layers[0].affine.weight.device, layers[0].affine.weight.shape[1]
        size = max(plan.style_at + padded(plan.fan_in) for plan in plans)
        self._weight = torch.zeros(w_dim, size, device=device)
        self._bias = torch.zeros(size, device=device)
        self._rows = torch.zeros(1, size, dtype=torch.long, device=device)
        for plan, layer in zip(plans, layers, strict=True):
            at = slice(plan.style_at, plan.style_at + plan.fan_in)
            affine, gain = layer.affine, layer.style_gain
            self._weight[:, at] = affine.weight.detach().float().T * (affine.weight_gain * gain)
            self._bias[at] = affine.bias.detach().float() * (affine.bias_gain * gain)
            self._rows[0, at] = plan.ws_index
        self._prepare_demodulation([plan for plan in plans if plan.kind != "rgb"], size, device)

    def _prepare_demodulation(self, convs: list[LayerPlan], size: int, device: torch.device) -> None:
        fan_in = max(padded(plan.fan_in) for plan in convs)
        fan_out = max(padded(plan.fan_out) for plan in convs)
        self._power = torch.zeros(len(convs), fan_out, fan_in, device=device)
        self._gather = torch.full((len(convs), fan_in), size, device=device)  # `size` points at a zero
        self._scatter = torch.full((size + 1,), len(convs), device=device)  # ToRGBs point at a one
        for row, plan in enumerate(convs):
            at = torch.arange(plan.style_at, plan.style_at + plan.fan_in, device=device)
            self._power[row, : plan.fan_out, : plan.fan_in] = plan.weight.square().sum(dim=(2, 3))
            self._gather[row, : plan.fan_in] = at
            self._scatter[at] = row
        self._gains = torch.tensor([plan.gain for plan in convs], device=device)[:, None]
        self._zero, self._one = torch.zeros(1, device=device), torch.ones(1, device=device)

    def parts(self, plan: LayerPlan) -> tuple[Tensor, Tensor, Tensor | None, float]:
        """Return a layer's affine [w_dim, I] and bias [I], its demodulation [O, I] (None of a ToRGB), and its gain.

        I and O are padded. For a backend that makes styles and scales by itself; not normalised.
        """
        width, at = padded(plan.fan_in), plan.style_at
        weight, bias = (each[..., at : at + width].contiguous() for each in (self._weight, self._bias))
        if plan.kind == "rgb":
            return weight, bias, None, 1.0
        power = self._power[plan.index, : padded(plan.fan_out), :width].contiguous()
        return weight, bias, power, float(self._gains[plan.index, 0])

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The shapes of what a call returns."""
        return (len(self._bias) + 1,), tuple(self._power.shape[:2])

    def __call__(self, ws: Tensor) -> tuple[Tensor, Tensor]:
        """Return the flat styles [S + 1] and the scales [convolutions, widest] for ws [num_ws, w_dim]."""
        styles = torch.cat(((ws @ self._weight).gather(0, self._rows)[0] + self._bias, self._zero))
        per_layer = styles[self._gather]  # [convolutions, I]
        if self.normalize:
            largest = per_layer.abs().amax(dim=1).clamp_min(1e-8)
            per_layer = per_layer / largest[:, None]
            styles = styles / torch.cat((largest, self._one))[self._scatter]
        scales = torch.bmm(self._power, per_layer.square()[:, :, None])[:, :, 0]
        return styles, torch.rsqrt(scales + 1e-8) * self._gains


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A network made ready: its blocks' plans and their common modulation."""

    network: Network
    blocks: tuple[BlockPlan, ...]
    modulation: Modulation

    @property
    def activation(self) -> str:
        """The nonlinearity of its convolutions, by its name in ACTIVATIONS."""
        return self.blocks[0].convs[0].activation


def prepare(network: Network, normalize: bool = False) -> Prepared:
    """Fold what is constant in a network of modulated blocks; its tensors stay where they are and are only read."""
    if network.is_staged:
        return bare(network)
    blocks: list[BlockPlan] = []
    plans: list[LayerPlan] = []
    layers: list[SynthesisLayer | ToRGB] = []
    style_at = conv_index = 0
    for level, block in enumerate(network.blocks):
        first = max(2 * level - 1, 0)
        convs: list[LayerPlan] = []
        for layer in block.layers():
            gain = math.sqrt(0.5) if block.is_resnet and layer is block.conv1 else 1.0
            convs.append(_conv_plan(layer, conv_index, first + len(convs), style_at, block.shape, gain))
            layers.append(layer)
            style_at += padded(convs[-1].fan_in)
            conv_index += 1
        rgb = None
        if block.has_rgb:
            rgb = _rgb_plan(block.torgb, level, 2 * level + 1, style_at, block.shape, block.resample_filter)
            layers.append(block.torgb)
            style_at += padded(rgb.fan_in)
        plans += convs if rgb is None else [*convs, rgb]
        blocks.append(BlockPlan(level, block.resolution, block.shape, tuple(convs), rgb, block, block.resample_filter))
    return Prepared(network, tuple(blocks), Modulation(plans, layers, normalize))


class Unmodulated(Modulation):
    """What stands for the modulation of a network that has none; it is never called."""

    def __init__(self) -> None:
        pass


def bare(network: Network) -> Prepared:
    """Return a network of other blocks as builders take it: there are no plans of its layers."""
    return Prepared(network, (), Unmodulated())
