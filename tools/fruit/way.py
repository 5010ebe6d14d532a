"""The way between the default model's w and the renderer's numbers, and the exact attributes of any w.

The model's w are affine in theta (w = A theta + b, presets/models/fruit.md), so least squares finds both directions.
The attributes of a picture of the model are then known without looking at it: what the renderer would have drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.generator.networks.network import Network
from tools.fruit.mapping import parameters_of
from tools.fruit.parameters import Array
from tools.fruit.render import THETA
from tools.recognise.lessons import labels

FIT = 6000  # z that the way is fitted on


@dataclass(frozen=True, slots=True)
class Way:
    """From w to theta, and from a change of theta to one of w."""

    centre: Tensor  # [w_dim]
    slope: Tensor  # [w_dim, THETA], float64
    mean: Tensor  # [THETA]
    forth: Tensor  # [THETA, w_dim]: what a change of theta adds to w

    @staticmethod
    def of(network: Network) -> Way:
        """Fit it."""
        z = torch.randn(FIT, THETA, generator=torch.Generator().manual_seed(9))
        with torch.no_grad():
            drawn, theta = network.map(z)[:, 0], parameters_of(z)
        centre, mean = drawn.mean(0), theta.mean(0)
        x, y = (drawn - centre).double(), (theta - mean).double()
        back = torch.linalg.lstsq(x, y, rcond=1e-4, driver="gelsd").solution
        forth = torch.linalg.lstsq(y, x, rcond=1e-4, driver="gelsd").solution
        return Way(centre, back, mean, forth.float())

    def theta(self, w: Tensor) -> Array:
        """Return theta [N, THETA] of w [N, w_dim]."""
        found: Array = ((w - self.centre).double() @ self.slope + self.mean).float().numpy()
        return found

    def labels(self, ws: Tensor) -> Tensor:
        """Return the renderer's exact attributes [N, K] of ws [N, num_ws, w_dim], which are taken for their mean."""
        return torch.from_numpy(labels(self.theta(ws.mean(1))))
