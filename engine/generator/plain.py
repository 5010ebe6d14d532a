"""The plain player: the readable network itself, of any family, on any device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.borders.contracts import NoiseMode
from engine.borders.params import Params
from engine.generator import cuda
from engine.generator.aspect import cut
from engine.generator.backends.blocks import to_rgba
from engine.generator.backends.prepare import Prepared
from engine.generator.calibration.calibration import Calibration
from engine.generator.networks.layers import Hook
from engine.generator.networks.network import Network
from engine.generator.noise import STILL, Grain, maps_beside
from engine.generator.player import Player


class PlainPlayer(Player):
    """A network of any family, as it is written: PyTorch, fp32, channels-last."""

    backend = "plain"
    precision = "fp32"

    def __init__(self, network: Network, resolution: int | None = None, aspect: Fraction | None = None) -> None:
        """``resolution`` in pixels, one of the network's stops (None: all of it); UserError when it is not one."""
        super().__init__(network.eval().requires_grad_(False), aspect)
        self.set_resolution(resolution)
        for parameter in self.network.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.to(parameter.dtype, memory_format=torch.channels_last)
        self._layers = self.network.noises()
        self._strengths = [layer.strength.detach().clone() for layer in self._layers]
        self._calibration: tuple[Calibration, Prepared] | None = None
        self._fields: list[Tensor] = []
        self._grains = dict.fromkeys(self.network.resolutions, Grain())

    def prepare_sizes(self, sizes: Sequence[int]) -> None:
        """There is nothing to prepare."""

    def relieve(self) -> None:
        """Nothing is kept between frames."""

    def settle(self, timeout: float | None = None) -> None:
        """Nothing faster is under way: this is the backend it stays on."""

    def calibrate(self, now: Calibration | None, fit: Callable[[], Calibration] | None = None) -> None:
        """Make reduced pictures look like the whole ones: by ``fit`` where it is given, else by ``now``."""
        if now is not None and fit is not None:
            now.take(fit())  # fitted on the CPU; ``now`` is where the network is
        self._calibration = None if now is None else (now, self.prepared())

    def work(self, resolution: int) -> float:
        """There is one size in mid-show: every frame costs the same."""
        return 1.0

    @property
    def sizes(self) -> tuple[int, ...]:
        """The resolutions it can change to in mid-show: none but its own."""
        return (self.resolution,)

    @torch.inference_mode()
    def _paint(self, ws: NDArray[np.float32], params: Params) -> Tensor:
        """See Player."""
        self._set_noise(self.noise.grains(params, self.network.resolutions))
        image = self._synthesize(cuda.sent(torch.from_numpy(ws), self.device)[None], hook=self.warps)
        return to_rgba(cut(image[0], self.aspect, 1))

    @torch.inference_mode()
    @cuda.exactly
    def image(self, ws: Tensor, noise_mode: NoiseMode = "const", generator: torch.Generator | None = None) -> Tensor:
        """See Player."""
        self._set_noise(tuple(Grain() for _ in self.network.resolutions))
        return self._synthesize(ws, noise_mode, generator)

    def _synthesize(
        self,
        ws: Tensor,
        noise_mode: NoiseMode = "const",
        generator: torch.Generator | None = None,
        hook: Hook | None = None,
    ) -> Tensor:
        if self.resolution == self.model_resolution:
            return self.network.synthesize(ws, noise_mode, generator, hook)
        seen: list[Tensor] = []

        def watch(resolution: int, x: Tensor, img: Tensor | None) -> Tensor | tuple[Tensor, Tensor | None]:
            bent = x if hook is None else hook(resolution, x, img)
            if resolution == self.resolution:
                seen.append(bent[0] if isinstance(bent, tuple) else bent)
            return bent

        image = self.network.synthesize(ws, noise_mode, generator, watch, self.resolution)
        if self._calibration is None:
            return image
        calibration, prepared = self._calibration
        level = calibration.resolutions.index(self.resolution)
        finished = [
            calibration.finish(prepared, level, seen[0][i : i + 1], image[i : i + 1], *prepared.modulation(one.float()))
            for i, one in enumerate(ws)
        ]
        return torch.cat(finished)

    def _set_noise(self, grains: tuple[Grain, ...]) -> None:
        """Give every layer its noise; touches the network only where something changed."""
        now = dict(zip(self.network.resolutions, grains, strict=True))
        if now == self._grains:
            return
        if not self._fields and any(grain.weights for grain in grains):
            self._fields = [maps_beside(layer.const, 1.0, i) for i, layer in enumerate(self._layers)]
        for i, (layer, own) in enumerate(zip(self._layers, self._strengths, strict=True)):
            grain = now[layer.resolution]
            if grain != self._grains[layer.resolution]:
                layer.strength.copy_(own * grain.strength)
                if self._fields:
                    weights = cuda.sent(torch.tensor(grain.weights or STILL), self.device)
                    layer.const.copy_(torch.tensordot(weights, self._fields[i], 1))
        self._grains = now


def open_player(
    network: Network, precision: str, resolution: int | None = None, aspect: Fraction | None = None
) -> PlainPlayer:
    """Return a player on the network itself, on the device where it is; its only ``precision`` is fp32."""
    assert precision == PlainPlayer.precision
    return PlainPlayer(network, resolution, aspect)
