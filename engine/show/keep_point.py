"""The key "keep this": the point of this very picture becomes a file of w, with a thumbnail, while the show goes on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.borders import contracts
from engine.borders.errors import Trouble, UserError
from engine.borders.moment import Moment
from engine.generator import points

if TYPE_CHECKING:
    from torch import Tensor


class PointKeeper:
    """Saves points one after the other in a thread of its own; nobody waits for it before the show's end."""

    def __init__(self, folder: Path, path: contracts.Path, notify: Callable[[str], None]) -> None:
        """``path`` has the point [num_ws, w_dim] of the frame just shown; ``notify`` is told where it went."""
        self._folder, self._path, self._notify = folder, path, notify
        self._worker = ThreadPoolExecutor(1, "keep")

    def keep(self, moment: Moment) -> None:
        """Keep the moment's point and picture."""
        frame = moment.frame.clone()  # on its device: the generator may paint the next one into the same memory
        self._worker.submit(self._save, np.array(self._path.point), frame)

    def close(self) -> None:
        """Finish what is under way."""
        self._worker.shutdown()

    def _save(self, point: NDArray[np.float32], frame: Tensor) -> None:
        try:
            path = points.keep(self._folder, point, frame.cpu().numpy())
        except UserError as error:
            self._notify(Trouble(error))
        else:
            self._notify(f"kept: {path}")
