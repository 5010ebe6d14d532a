"""What an attribute really changes: the recogniser's answer on pictures before and after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from engine.generator.attributes.boundary import Array
from engine.generator.networks.network import Network
from engine.generator.perceptual.names import ATTRIBUTES
from engine.generator.perceptual.recogniser import Recogniser

BATCH = 16  # pictures at a time
PSI = 0.7  # truncation of the pictures that are measured


@dataclass(frozen=True, slots=True)
class Measured:
    """Standard deviations that each of ATTRIBUTES moves by when a slider goes from 0 to 1: mean, and mean of |x|."""

    change: dict[str, float]
    leak: dict[str, float]


class Meter:
    """Pictures of one model, before and after."""

    def __init__(self, network: Network, recogniser: Recogniser, count: int) -> None:
        """Draw ``count`` w."""
        self._network, self._recogniser = network, recogniser
        z = np.random.RandomState(11).randn(count, network.z_dim).astype(np.float32)
        with torch.inference_mode():
            ws = network.truncate(network.map(torch.from_numpy(z).to(network.device)), PSI)
        self.ws: Array = ws.double().cpu().numpy()
        self._before = self.told(self.ws)
        self.spread = self._before.std(axis=0).clip(1e-6)

    @torch.inference_mode()
    def told(self, ws: Array) -> NDArray[np.float64]:
        """Return the attributes [n, 8] that the recogniser sees in the pictures of ws [n, num_ws, w_dim]."""
        found = []
        for part in torch.split(torch.from_numpy(ws).float(), BATCH):
            pictures = self._network.synthesize(part.to(self._network.device))
            pictures = pictures.expand(-1, 3, -1, -1) if pictures.shape[1] == 1 else pictures
            found.append(self._recogniser.recognise(pictures[:, :3].float().cpu()).attributes.double().numpy())
        return np.concatenate(found)

    def measure(self, move: Callable[[Array, float], Array]) -> Measured:
        """Return what ``move`` of ws by 1 changes: half the way from -1 to 1."""
        change = (self.told(move(self.ws, 1.0)) - self.told(move(self.ws, -1.0))) / 2.0 / self.spread
        means, leaks = change.mean(axis=0), np.abs(change).mean(axis=0)
        return Measured(
            dict(zip(ATTRIBUTES, means.tolist(), strict=True)), dict(zip(ATTRIBUTES, leaks.tolist(), strict=True))
        )
