"""A frame that was just presented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.borders.controls import Controls
from engine.borders.params import Params
from engine.borders.tick import Tick

if TYPE_CHECKING:
    import moderngl
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame that was just presented, with what made it."""

    tick: Tick
    controls: Controls
    params: Params
    ws: NDArray[np.float32]  # [num_ws, w_dim]
    frame: Tensor  # the generator's, uint8 [H, W, 4] on its device
    drawn: moderngl.Framebuffer  # the compositor's
