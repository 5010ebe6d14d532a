"""Calibration of StyleGAN and PGGAN stopped early: what the omitted blocks would have painted, per pixel.

Such a network paints its last maps only. The ToRGB of an earlier block is what its training had when it had grown so
far; it was not taught since. The omitted blocks run per pixel, with the frame's styles: every 3x3 convolution as the
sum of its taps, every norm over the maps as they are. A ridge regression then mixes three pictures into one: that of
the early ToRGB, that of the blocks above, and what a matrix makes of the stop's maps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.generator.backends.prepare import Prepared
from engine.generator.backends.staged import StagedBlocks
from engine.generator.calibration.calibration import Calibration, Rest, pixels
from engine.generator.networks.convolutions import ACTIVATIONS
from engine.generator.networks.staged import Staged

# What gives a pooled picture's value before the network's last nonlinearity; the bounds keep it finite.
BEFORE: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda y: y,
    "tanh": lambda y: y.clamp(-0.999, 0.999).atanh(),
    "sigmoid": lambda y: y.clamp(0.001, 0.999).logit(),
}


class StagedCalibration(Calibration):
    """The rest of a staged network above each of its stops: no kernels of its own, and one `paint` [3, 3]."""

    def __init__(self, prepared: Prepared, rests: dict[int, Rest] | None = None) -> None:
        """``rests`` are by resolution; a stop without one shows what the blocks above paint per pixel."""
        network = prepared.network
        assert isinstance(network, Staged)
        self.resolutions, self.device = network.resolutions, network.device
        self.rests = {resolution: rest.on(self.device) for resolution, rest in (rests or {}).items()}
        self._above: Staged | None = None

    def rest(self, prepared: Prepared, level: int) -> Rest:
        """See Calibration. Makes ready, too, what runs the blocks above."""
        network = prepared.network
        assert isinstance(network, Staged)
        if self._above is None:
            self._above = network.pointwise()
        resolution, channels = self.resolutions[level], network.img_channels
        if resolution not in self.rests:
            same = torch.eye(channels, device=self.device)
            own, bias = same.new_zeros(channels, network.channels[level]), same.new_zeros(channels)
            self.rests[resolution] = Rest(own, -same, bias, [], [same])  # colour is added to the stop's own picture
        return self.rests[resolution]

    def seen(self, prepared: Prepared, level: int, x: Tensor, img: Tensor | None, styles: Tensor) -> tuple[Tensor, ...]:
        """Return three sets of rows: the maps [P, C], the stop's own picture [P, 3] and that of the blocks above."""
        network, above = prepared.network, self._above
        assert isinstance(network, Staged)
        if above is None:
            self.rest(prepared, level)
            above = self._above
            assert above is not None
        x = x.float()
        so_far = network.paint(level, x) if img is None else img.float()
        y, before = x, so_far
        for upper in range(level + 1, network.top + 1):
            if network.lod % 1.0 and upper == network.top:
                before = above.paint(upper - 1, y)
            y = above.block(upper, y, styles[None], ())
        painted = above.paint(network.top, y)
        return pixels(x), pixels(so_far), pixels(torch.lerp(painted, before, network.lod % 1.0))

    def finish(
        self, prepared: Prepared, level: int, x: Tensor, img: Tensor | None, styles: Tensor, scales: Tensor
    ) -> Tensor:
        """See Calibration."""
        network = prepared.network
        assert isinstance(network, Staged)
        if level + 1 == len(self.resolutions):
            return network.picture(level, x.float(), img)
        rest = self.rest(prepared, level)
        rows, so_far, above = self.seen(prepared, level, x, img, styles)
        whole = so_far + F.linear(rows, rest.own, rest.bias)
        whole += F.linear(so_far, rest.colour) + F.linear(above, rest.paint[0])
        return ACTIVATIONS[network.output](whole.view(*x.shape[2:], -1).permute(2, 0, 1)[None])


class StagedRegression:
    """The sums of a stop's ridge regression, over all pictures."""

    def __init__(self, calibration: StagedCalibration, prepared: Prepared, level: int) -> None:
        self.calibration, self.prepared, self.level = calibration, prepared, level
        self.rest = calibration.rest(prepared, level)
        self.channels, self.width = self.rest.own.shape
        size = self.width + 2 * self.channels + 1
        self.gram = torch.zeros(size, size, dtype=torch.float64)
        self.moment = torch.zeros(size, self.channels, dtype=torch.float64)

    def add(self, x: Tensor, img: Tensor | None, styles: Tensor, target: Tensor, chosen: Tensor) -> None:
        """Add the ``chosen`` pixels of a picture, whose whole at the stop's size is ``target`` [P, 3]."""
        seen = self.calibration.seen(self.prepared, self.level, x, img, styles)
        rows, so_far, above = (part[chosen] for part in seen)
        features = torch.cat([rows, so_far, above, torch.ones(len(rows), 1)], dim=1)
        self.gram += (features.T @ features).double()
        self.moment += (features.T @ (target[chosen] - above)).double()  # the ridge pulls towards the blocks above

    def take(self, solved: Tensor) -> Rest:
        """Return the rest of a solution [size, 3]."""
        own, colour, above = torch.split_with_sizes(solved[:-1].T, [self.width, self.channels, self.channels], dim=1)
        same = torch.eye(self.channels)
        return Rest(own.contiguous(), colour - same, solved[-1], [], [above + same])


def pictures(
    prepared: Prepared, ws: Tensor, levels: list[int]
) -> Iterator[tuple[int, Tensor, Tensor | None, Tensor, Tensor]]:
    """Paint every one of ``ws`` [n, num_ws, w_dim] whole; yield for each stop its level, x, img, styles and target.

    The target [P, channels] is the whole picture averaged down, before the last nonlinearity.
    """
    network = prepared.network
    assert isinstance(network, Staged)
    blocks = StagedBlocks(network, "fp32")
    for one in ws:
        given, x, img = blocks.given(one), None, None
        kept = {}
        for level in range(len(network.resolutions)):
            x, img = blocks.run(level, x, img, given)
            if level in levels:
                kept[level] = x, img
        assert x is not None
        whole = blocks.picture(len(network.resolutions) - 1, x, img)
        for level, (maps, painted) in kept.items():
            pooled = F.avg_pool2d(whole, network.resolutions[-1] // network.resolutions[level])
            yield level, maps, painted, given.styles, pixels(BEFORE[network.output](pooled))
