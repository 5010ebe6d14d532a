"""Pictures at a reduced resolution that look like the whole model's: what the blocks left out would have added.

A skip network that stops at block R shows what R and the blocks below have painted; colour and shading that the
blocks above would have added is missing. Seen from as far away as R pixels see them, those blocks barely look at
their neighbourhood: each of their 3x3 convolutions acts like the sum of its nine taps. So the rest of the network
is run per pixel, as 1x1 convolutions at R, with its own styles and demodulation of this very w. That follows every
w without having seen it, where a ToRGB with other weights cannot: no fixed weights know the styles above.

Its weights come from the network itself (`Rest.of`), from a closed-form fit (calibration_fit) or from
`tools/calibrate.py`. Nothing of the blocks below is touched: without a reduction, every bit is as before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.generator.backends.eager import SAFE_CLAMP
from engine.generator.backends.prepare import SLOPES, BlockPlan, LayerPlan, Prepared
from engine.generator.networks.stylegan2 import ACTIVATIONS


@dataclass(slots=True, eq=False)
class Rest:
    """The blocks above one stop, per pixel. C are the stop's maps, 3 stands for the picture's channels.

    ``own`` [3, C] is added to the stop's ToRGB, ``colour`` [3, 3] acts on what is painted so far, ``bias`` [3].
    Of every block above: ``kernels``, two of [O, I], and ``paint`` [3, O], its ToRGB.
    """

    own: Tensor
    colour: Tensor
    bias: Tensor
    kernels: list[Tensor]
    paint: list[Tensor]

    @classmethod
    def of(cls, prepared: Prepared, level: int) -> Rest:
        """The network's own weights, each 3x3 kernel as the sum of its taps."""
        plan, above = prepared.blocks[level], prepared.blocks[level + 1 :]
        bias = plan.convs[0].weight.new_zeros(prepared.network.config.img_channels)
        rgbs = [block.rgb for block in above if block.rgb is not None]
        return cls(
            own=bias.new_zeros(len(bias), plan.convs[-1].fan_out),
            colour=bias.new_zeros(len(bias), len(bias)),
            bias=torch.stack([bias, *(rgb.bias for rgb in rgbs)]).sum(dim=0),
            kernels=[conv.weight.sum(dim=(2, 3)) for block in above for conv in block.convs],
            paint=[rgb.weight[:, :, 0, 0].clone() for rgb in rgbs],
        )

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, the tensors themselves."""
        named: dict[str, Tensor] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            named |= {field.name: value} if isinstance(value, Tensor) else {
                f"{field.name}.{i}": tensor for i, tensor in enumerate(value)
            }
        return named

    def on(self, device: torch.device) -> Rest:
        """The same on another device."""
        kernels, paint = [k.to(device) for k in self.kernels], [p.to(device) for p in self.paint]
        return Rest(self.own.to(device), self.colour.to(device), self.bias.to(device), kernels, paint)

    @torch.no_grad()
    def take(self, other: Rest) -> None:
        """Take the other's numbers into the memory of these: captured graphs stay valid."""
        theirs = other.tensors()
        for name, tensor in self.tensors().items():
            tensor.copy_(theirs[name])


def perceive(
    rest: Rest, prepared: Prepared, level: int, rows: Tensor, styles: Tensor, scales: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """Return (own [P, 3], what each block above paints, [P, 3] each) for the stop's maps as rows [P, C]."""
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
    """The layer's nonlinearity with what follows it."""
    if plan.activation in SLOPES:
        y = F.leaky_relu(y, SLOPES[plan.activation])
    else:
        y = ACTIVATIONS[plan.activation][0](y) * plan.post_gain
    clamp = plan.clamp
    if y.dtype == torch.float16:  # as the blocks do
        clamp = min(plan.clamp or math.inf, SAFE_CLAMP * plan.post_gain)
    return y if clamp is None else y.clamp(-clamp, clamp)


def pixels(image: Tensor) -> Tensor:
    """[1, C, H, W] -> [H * W, C], a view where the channels lie last."""
    return image[0].permute(1, 2, 0).reshape(-1, image.shape[1])


class Calibration:
    """The rest of a network above each of its stops."""

    def __init__(self, prepared: Prepared, rests: dict[int, Rest] | None = None) -> None:
        """``rests`` by resolution; stops without one are given the network's own weights when they are met."""
        self.resolutions = prepared.network.config.resolutions
        self.device = prepared.blocks[0].convs[0].weight.device
        self.rests = {resolution: rest.on(self.device) for resolution, rest in (rests or {}).items()}

    def rest(self, prepared: Prepared, level: int) -> Rest:
        """Return what follows block ``level``."""
        resolution = self.resolutions[level]
        if resolution not in self.rests:
            self.rests[resolution] = Rest.of(prepared, level)
        return self.rests[resolution]

    def finish(
        self, prepared: Prepared, level: int, x: Tensor, img: Tensor, styles: Tensor, scales: Tensor
    ) -> Tensor:
        """Return the picture that block ``level``, the stop, should show: x [1, C, R, R], img [1, 3, R, R] -> img.

        ``styles`` and ``scales`` are `Modulation`'s of this frame. The last block's picture is returned as it is.
        """
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
        """Take over another calibration of the same network, in place where graphs may read it."""
        for resolution, rest in better.rests.items():
            if resolution in self.rests:
                self.rests[resolution].take(rest)
            else:
                self.rests[resolution] = rest.on(self.device)


def stops(prepared: Prepared) -> list[int]:
    """The levels at which a picture can be taken before the last."""
    blocks: tuple[BlockPlan, ...] = prepared.blocks
    is_skip = prepared.network.config.architecture == "skip"
    return [block.level for block in blocks[:-1] if block.resolution >= 8] if is_skip else []
