"""The layers that warps act at: blocks of the network, named by their height in pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from engine.borders.errors import UserError
from engine.generator.warps.order import WARPS


def snap(layer: float, resolutions: Sequence[int]) -> int:
    """Return the block nearest to ``layer`` px, counted in octaves."""
    return min(resolutions, key=lambda r: abs(math.log2(r) - math.log2(layer)))


def check_layers(params: Mapping[str, float], resolution: int, where: str) -> None:
    """Refuse a preset whose warps sit on blocks that a model of ``resolution`` px has not.

    ``where`` names the file. On stage the same numbers are snapped to the nearest block instead.
    """
    layers = [2**k for k in range(2, resolution.bit_length())]
    for warp in WARPS:
        layer = params.get(f"{warp.name}.layer")
        if layer is not None and layer not in layers:
            listed = ", ".join(map(str, layers))
            raise UserError(f"{where}: in [params.{warp.name}]: layer = {layer:g}: the model has {listed}; choose one")
