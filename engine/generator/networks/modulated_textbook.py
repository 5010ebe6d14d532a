"""The yardstick: StyleGAN2's forward pass as the textbook writes it, timed by the bench, never shown.

It does what the papers' published eager operators do (Karras et al., arXiv:1912.04958, section 2.2 and appendix
B): a modulated and demodulated weight per sample, grouped convolution, transposed convolution followed by a FIR
filter over a zero-stuffed image, then noise, bias, nonlinearity, gain and clamp one after the other; fp32 and
contiguous NCHW throughout. `modulated.py` is the oracle for correctness; this is the speed that people have today,
so it takes nothing from there but the weights and must not be made faster.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.generator.networks.layers import ACTIVATIONS
from engine.generator.networks.modulated import Block, SynthesisLayer, ToRGB
from engine.generator.networks.network import Network


def reference_image(network: Network, ws: Tensor, noise_mode: str = "const", stop_at: int | None = None) -> Tensor:
    """Return the raw image [N, C, R, R], about -1..1, for ``ws`` [N, num_ws, w_dim], the textbook's way.

    ``network`` has modulated blocks. ``noise_mode`` is "const" or "none"; ``stop_at`` names the block whose RGB is
    wanted (None: the last).
    """
    x, img = ws.new_empty(0), None
    for level, block in enumerate(network.blocks):
        first = max(2 * level - 1, 0)
        x, img = _block(block, x, img, ws[:, first : 2 * level + 2], noise_mode)
        if block.resolution == stop_at:
            break
    if img is None:
        raise ValueError(f"no RGB at {stop_at} px in this network")
    return img


def upfirdn2d(x: Tensor, f: Tensor, up: int, pad: tuple[int, int, int, int], gain: float) -> Tensor:
    """Stuff zeros, pad (negative crops), filter every channel on its own: [N,C,H,W] -> [N,C,H',W']."""
    n, c, h, w = x.shape
    x = x.reshape(n, c, h, 1, w, 1)
    x = F.pad(x, [0, up - 1, 0, 0, 0, up - 1])
    x = x.reshape(n, c, h * up, w * up)
    x = F.pad(x, [max(p, 0) for p in pad])
    left, right, top, bottom = (max(-p, 0) for p in pad)
    x = x[:, :, top : x.shape[2] - bottom, left : x.shape[3] - right]
    f = f * (gain ** (f.ndim / 2))
    f = f.flip(list(range(f.ndim)))
    if f.ndim == 2:
        return F.conv2d(x, f[None, None].repeat(c, 1, 1, 1), groups=c)
    x = F.conv2d(x, f[None, None, None, :].repeat(c, 1, 1, 1), groups=c)
    return F.conv2d(x, f[None, None, :, None].repeat(c, 1, 1, 1), groups=c)


def modulated_conv2d(
    x: Tensor, weight: Tensor, styles: Tensor, *, demodulate: bool, up_filter: Tensor | None
) -> Tensor:
    """Convolve each sample of x [N,I,H,W] with its own weight [O,I,k,k] * styles [N,I], as one grouped call."""
    n, _, h, w = x.shape
    out, fan_in, k, _ = weight.shape
    weights = weight.unsqueeze(0) * styles.reshape(n, 1, -1, 1, 1)  # [N, O, I, k, k]
    if demodulate:
        coefficients = (weights.square().sum(dim=[2, 3, 4]) + 1e-8).rsqrt()  # [N, O]
        weights = weights * coefficients.reshape(n, -1, 1, 1, 1)
    x = x.reshape(1, n * fan_in, h, w)
    if up_filter is None:
        x = F.conv2d(x, weights.reshape(n * out, fan_in, k, k), padding=k // 2, groups=n)
        return x.reshape(n, out, h, w)
    transposed = weights.transpose(1, 2).reshape(n * fan_in, out, k, k)
    x = F.conv_transpose2d(x, transposed, stride=2, groups=n)
    fw, fh = up_filter.shape[-1], up_filter.shape[0]
    left, top = (fw + 1) // 2 + k // 2 - (k - 1), (fh + 1) // 2 + k // 2 - (k - 1)
    right, bottom = (fw - 2) // 2 + k // 2 - (k - 2), (fh - 2) // 2 + k // 2 - (k - 2)
    x = upfirdn2d(x, up_filter, 1, (left, right, top, bottom), gain=4)
    return x.reshape(n, out, 2 * h, 2 * w)


def _up2(x: Tensor, f: Tensor) -> Tensor:
    fw, fh = f.shape[-1], f.shape[0]
    return upfirdn2d(x, f, 2, ((fw + 1) // 2, (fw - 2) // 2, (fh + 1) // 2, (fh - 2) // 2), gain=4)


def _bias_act(x: Tensor, bias: Tensor, name: str, gain: float, clamp: float | None) -> Tensor:
    x = x + bias.reshape(1, -1, 1, 1)
    function, own_gain = ACTIVATIONS[name]
    x = function(x)
    if own_gain * gain != 1:
        x = x * (own_gain * gain)
    if clamp is not None:
        x = x.clamp(-clamp * gain, clamp * gain)
    return x


def _layer(layer: SynthesisLayer, x: Tensor, w: Tensor, noise_mode: str, gain: float = 1.0) -> Tensor:
    styles = layer.affine(w)
    up_filter = layer.resample_filter if layer.up else None
    x = modulated_conv2d(x, layer.weight, styles, demodulate=True, up_filter=up_filter)
    if layer.config.use_noise and noise_mode == "const":
        x = x + layer.noise_const * layer.noise_strength
    return _bias_act(x, layer.bias, layer.config.activation, gain, layer.config.conv_clamp)


def _torgb(layer: ToRGB, x: Tensor, w: Tensor) -> Tensor:
    styles = layer.affine(w) * layer.style_gain
    x = modulated_conv2d(x, layer.weight, styles, demodulate=False, up_filter=None)
    return _bias_act(x, layer.bias, "linear", 1.0, layer.config.conv_clamp)


def _block(block: Block, x: Tensor, img: Tensor | None, ws: Tensor, noise_mode: str) -> tuple[Tensor, Tensor | None]:
    if block.is_first:
        x = block.const.unsqueeze(0).repeat(len(ws), 1, 1, 1).contiguous()
        x = _layer(block.conv1, x, ws[:, 0], noise_mode)
    elif block.is_resnet:
        skip = block.skip
        residual = _up2(F.conv2d(x, skip.weight * skip.weight_gain), skip.resample_filter) * math.sqrt(0.5)
        x = _layer(block.conv0, x, ws[:, 0], noise_mode)
        x = _layer(block.conv1, x, ws[:, 1], noise_mode, gain=math.sqrt(0.5))
        x = residual + x
    else:
        x = _layer(block.conv0, x, ws[:, 0], noise_mode)
        x = _layer(block.conv1, x, ws[:, 1], noise_mode)
    if img is not None:
        img = _up2(img, block.resample_filter)
    if block.has_rgb:
        rgb = _torgb(block.torgb, x, ws[:, -1])
        img = rgb if img is None else img + rgb
    return x, img


@torch.inference_mode()
def reference_frame(network: Network, ws: Tensor, stop_at: int | None = None) -> Tensor:
    """Return one finished frame, uint8 [R, R, 3 or 1], for ``ws`` [1, num_ws, w_dim], as people's scripts do."""
    image = reference_image(network, ws, stop_at=stop_at)[0]
    return (image.permute(1, 2, 0) * 127.5 + 128).clamp(0, 255).to(torch.uint8)
