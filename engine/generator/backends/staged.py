"""Blocks of StyleGAN, PGGAN and DCGAN in plain PyTorch: constants folded, channels last, one step up per layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.generator.backends.blocks import DTYPES, Blocks, Given, Images
from engine.generator.backends.prepare import Prepared, bare
from engine.generator.networks.staged import Staged


@dataclass(frozen=True, slots=True, eq=False)
class StagedNoise:
    """A layer's noise, see blocks.NoisePlan; its strength, a number for every map, is the layer's own affair."""

    index: int
    noise: Tensor
    noise_gain: Tensor


class StagedBlocks(Blocks):
    """Every block of a staged network in one precision, on the network's device; the weights are its own."""

    backend = "eager"
    fills = False

    def __init__(self, network: Staged, precision: str) -> None:
        self._take(network.quick(DTYPES[precision]), precision, bare(network))

    def _take(self, network: Staged, precision: str, prepared: Prepared) -> None:
        """Play ``network``, whose layers are ready for playing; ``prepared`` has the one as it was loaded."""
        self.precision, self.network, self.prepared = precision, network, prepared
        one, index = torch.ones((), device=network.device), 0
        self._noises: list[list[StagedNoise]] = []
        for level in range(len(network.resolutions)):
            layers = self.network.noises_of(level) if level <= network.top else ()
            self._noises.append([StagedNoise(index + i, layer.const, one) for i, layer in enumerate(layers)])
            index += len(layers)

    def given(self, ws: Tensor) -> Given:
        """See Blocks: the styles are what the network calls its condition."""
        return Given(self.network.condition(ws[None])[0], ws.new_empty(0))

    def noises(self, level: int) -> Sequence[StagedNoise]:
        """See Blocks."""
        return self._noises[level]

    def shape(self, level: int) -> tuple[int, int]:
        """See Blocks."""
        return self.network.block_shape(level)

    def run(self, level: int, x: Tensor | None, img: Tensor | None, given: Given) -> Images:
        """See Blocks."""
        maps: list[Tensor | None] = [None] * len(self._noises[level])
        if given.maps is not None:
            maps = [noise[None, None] for noise in given.maps]
        elif given.strength and self.network.noise_stored:
            maps = [one.noise[None, None] * given.strength for one in self._noises[level]]
        return self.network.run(level, x, img, given.styles[None], maps)

    def picture(self, level: int, x: Tensor, img: Tensor | None) -> Tensor:
        """See Blocks."""
        return self.network.picture(level, x, img)
