"""Calibration of reduced pictures: it estimates what the omitted blocks would add, so that both sizes look alike.

A skip network that stops at block R shows the contributions of R and the blocks below. The colour and shading of the
blocks above are missing. At the scale of R pixels, those blocks hardly depend on their neighbourhood: each 3x3
convolution acts like the sum of its nine taps. So the rest of the network runs per pixel, as 1x1 convolutions at R,
with the styles and the demodulation of the frame's w. This works for every w. A ToRGB with other weights would not,
because fixed weights do not depend on the styles above.

The weights come from the network itself (`Rest.of`), from a closed-form fit (`fit`) or from `tools/calibrate.py`. The
blocks below do not change: without a reduction, every bit is the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.generator.backends.eager import SAFE_CLAMP
from engine.generator.backends.prepare import SLOPES, LayerPlan, Prepared
from engine.generator.networks.layers import ACTIVATIONS


@dataclass(slots=True, eq=False)
class Rest:
    """The blocks above one stop, per pixel. C is the number of the stop's maps, 3 that of the picture's channels.

    ``own`` [3, C] is added to the stop's ToRGB, ``colour`` [3, 3] multiplies the picture so far, ``bias`` is [3].
    Every block above has two ``kernels`` [O, I] and its ToRGB, ``paint`` [3, O].
    """

    own: Tensor
    colour: Tensor
    bias: Tensor
    kernels: list[Tensor]
    paint: list[Tensor]

    @classmethod
    def of(cls, prepared: Prepared, level: int) -> Rest:
        """Return the network's own weights above block ``level``; each 3x3 kernel is the sum of its taps."""
        plan, above = prepared.blocks[level], prepared.blocks[level + 1 :]
        bias = plan.convs[0].weight.new_zeros(prepared.network.img_channels)
        rgbs = [block.rgb for block in above if block.rgb is not None]
        return cls(
            own=bias.new_zeros(len(bias), plan.convs[-1].fan_out),
            colour=bias.new_zeros(len(bias), len(bias)),
            bias=torch.stack([bias, *(rgb.bias for rgb in rgbs)]).sum(dim=0),
            kernels=[conv.weight.sum(dim=(2, 3)) for block in above for conv in block.convs],
            paint=[rgb.weight[:, :, 0, 0].clone() for rgb in rgbs],
        )

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors by name, without copies."""
        named: dict[str, Tensor] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            named |= (
                {field.name: value}
                if isinstance(value, Tensor)
                else {f"{field.name}.{i}": tensor for i, tensor in enumerate(value)}
            )
        return named

    def on(self, device: torch.device) -> Rest:
        """Return the same on another device."""
        kernels, paint = [k.to(device) for k in self.kernels], [p.to(device) for p in self.paint]
        return Rest(self.own.to(device), self.colour.to(device), self.bias.to(device), kernels, paint)

    @torch.no_grad()
    def take(self, other: Rest) -> None:
        """Copy the values of ``other`` into this one's memory, so that captured CUDA graphs stay valid."""
        theirs = other.tensors()
        for name, tensor in self.tensors().items():
            tensor.copy_(theirs[name])


def perceive(
    rest: Rest, prepared: Prepared, level: int, rows: Tensor, styles: Tensor, scales: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """Return the stop's addition [P, 3] and that of each block above [P, 3], from the stop's maps as rows [P, C].

    ``styles`` and ``scales`` are those of the frame's `Modulation`. P is the number of pixels.
    """
    plan, above = prepared.blocks[level], prepared.blocks[level + 1 :]
    assert plan.rgb is not None
    own = _product(rows, rest.own * _style(plan.rgb, styles))
    painted, kernels, paint = [], iter(rest.kernels), iter(rest.paint)
    for block in above:
        for conv in block.convs:
            scale = scales[conv.index, : conv.fan_out]
            rows = _activate(conv, _product(rows, next(kernels) * _style(conv, styles) * scale[:, None], conv.bias))
        if block.rgb is not None:
            painted.append(_product(rows, next(paint) * _style(block.rgb, styles)))
    return own, painted


def _style(plan: LayerPlan, styles: Tensor) -> Tensor:
    return styles[plan.style_at : plan.style_at + plan.fan_in]


def _product(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.linear(rows, weight.to(rows.dtype), None if bias is None else bias.to(rows.dtype))


def _activate(plan: LayerPlan, y: Tensor) -> Tensor:
    """Return the layer's nonlinearity of ``y``, with gain and clamp."""
    if plan.activation in SLOPES:
        y = F.leaky_relu(y, SLOPES[plan.activation])
    else:
        y = ACTIVATIONS[plan.activation][0](y) * plan.post_gain
    clamp = plan.clamp
    if y.dtype == torch.float16:  # like the blocks
        clamp = min(plan.clamp or math.inf, SAFE_CLAMP * plan.post_gain)
    return y if clamp is None else y.clamp(-clamp, clamp)


def pixels(image: Tensor) -> Tensor:
    """Return an image [1, C, H, W] as rows [H * W, C]; it is a view if the channels are last in memory."""
    return image[0].permute(1, 2, 0).reshape(-1, image.shape[1])


class Calibration:
    """The rest of a network above each of its stops."""

    def __init__(self, prepared: Prepared, rests: dict[int, Rest] | None = None) -> None:
        """``rests`` are by resolution; a stop without one gets the network's own weights when it is first used."""
        self.resolutions = prepared.network.resolutions
        self.device = prepared.blocks[0].convs[0].weight.device
        self.rests = {resolution: rest.on(self.device) for resolution, rest in (rests or {}).items()}

    def rest(self, prepared: Prepared, level: int) -> Rest:
        """Return the rest of the network above block ``level``."""
        resolution = self.resolutions[level]
        if resolution not in self.rests:
            self.rests[resolution] = Rest.of(prepared, level)
        return self.rests[resolution]

    def finish(
        self, prepared: Prepared, level: int, x: Tensor, img: Tensor | None, styles: Tensor, scales: Tensor
    ) -> Tensor:
        """Return the finished picture [1, 3, R, R] of block ``level``, the stop.

        ``x`` [1, C, R, R] are its maps and ``img`` [1, 3, R, R] is the picture so far. ``styles`` and ``scales`` are
        those of the frame's `Modulation`. The last block's picture is returned unchanged.
        """
        assert img is not None
        if level + 1 == len(self.resolutions):
            return img
        rest = self.rest(prepared, level)
        own, painted = perceive(rest, prepared, level, pixels(x), styles, scales)
        so_far = pixels(img.float())
        added = F.linear(so_far, rest.colour, rest.bias) + own.float()
        for part in painted:
            added += part.float()
        return (so_far + added).view(*img.shape[2:], -1).permute(2, 0, 1)[None]

    def take(self, better: Calibration) -> None:
        """Copy another calibration of the same network; existing memory is reused, because CUDA graphs may read it."""
        for resolution, rest in better.rests.items():
            if resolution in self.rests:
                self.rests[resolution].take(rest)
            else:
                self.rests[resolution] = rest.on(self.device)


def stops(prepared: Prepared) -> list[int]:
    """Return the levels below the last at which a picture can be taken."""
    network = prepared.network
    return [level for level, size in enumerate(network.resolutions[:-1]) if size in network.stops]
