"""The feature warps, in the order in which they are applied. A new warp is its file and its row here."""

from __future__ import annotations

from engine.generator.warps.channels import CHANNELS
from engine.generator.warps.freeze import FREEZE
from engine.generator.warps.inject import INJECT
from engine.generator.warps.kaleidoscope import KALEIDOSCOPE
from engine.generator.warps.pixelate import PIXELATE
from engine.generator.warps.ripple import RIPPLE
from engine.generator.warps.rotate import ROTATE
from engine.generator.warps.shear import SHEAR
from engine.generator.warps.slice import SLICE
from engine.generator.warps.slitscan import SLITSCAN
from engine.generator.warps.swirl import SWIRL
from engine.generator.warps.translate import TRANSLATE
from engine.generator.warps.warp import Warp, ordered
from engine.generator.warps.zoom import ZOOM

WARPS: tuple[Warp, ...] = ordered(
    (
        FREEZE,
        SLITSCAN,
        # The geometry, which is one resampling: affine warps, then bends, then what makes cells.
        TRANSLATE,
        ZOOM,
        ROTATE,
        SHEAR,
        SWIRL,
        RIPPLE,
        SLICE,
        KALEIDOSCOPE,
        PIXELATE,
        # What changes the features of the resampled map, and leaves its RGB.
        CHANNELS,
        INJECT,
    )
)
