"""How large the maps of every block are, found by running a frame."""

from __future__ import annotations

from torch import Tensor

from engine.generator.warps.feature_warps import FeatureWarps


class MapSizes(FeatureWarps):
    """Bends nothing, and notes the bytes of every map."""

    def active(self, resolution: int) -> bool:
        """Return True: every block is looked at."""
        return True

    def __call__(self, resolution: int, x: Tensor, img: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the very x and img."""
        self.map_bytes[resolution] = x.nbytes
        return x, img
