"""Pictures of a network's middle blocks that look like the whole: where a descent begins, and what is shown of it.

Kim, Kang and Cho show that work on an early block's picture leads the way at a fraction of the time. A skip network
that stops early lacks the colours of the blocks above; the calibration (`engine/generator/calibration`) adds them.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from engine.generator.backends.prepare import Prepared, prepare
from engine.generator.calibration.calibration import Calibration
from engine.generator.networks.network import Network

FIRST = 64  # pixels of the earliest block that says enough of a picture


class Coarse:
    """A network's calibrated pictures, differentiable."""

    def __init__(self, network: Network, calibration: Calibration | None = None) -> None:
        """``calibration`` is the model's own; without one the rest of the network is taken as it is."""
        self.network = network
        self.stops = [r for r in network.stops if r >= FIRST] if network.blocks else []
        if network.resolution not in self.stops:
            self.stops.append(network.resolution)
        self.prepared: Prepared | None = prepare(network) if len(self.stops) > 1 else None
        self.calibration = calibration
        if self.prepared is not None and calibration is None:
            self.calibration = Calibration(self.prepared)

    def paint(self, ws: Tensor, stop: int) -> Tensor:
        """Return the picture [1, C, R, R] of ws [1, num_ws, w_dim] at one of `stops`."""
        if stop == self.network.resolution or self.prepared is None or self.calibration is None:
            return self.network.synthesize(ws)
        seen: list[Tensor] = []

        def watch(resolution: int, x: Tensor, img: Tensor | None) -> Tensor:
            if resolution == stop:
                seen.append(x)
            return x

        image = self.network.synthesize(ws, hook=watch, stop_at=stop)
        level = self.calibration.resolutions.index(stop)
        styles = self.prepared.modulation(ws[0])
        return self.calibration.finish(self.prepared, level, seen[0], image, *styles)


def shrunk(image: Tensor, scale: int) -> Tensor:
    """Return a picture ``scale`` times smaller, by means over areas."""
    return image if scale == 1 else F.avg_pool2d(image, scale)


def scale_of(network: Network, stop: int) -> int:
    """Return how many times smaller than the whole a stop's picture is."""
    return network.resolution // stop
