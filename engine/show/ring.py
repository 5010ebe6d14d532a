"""A fixed-size ring buffer, allocated and touched up front."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Ring:
    """Keeps the newest ``size`` rows of ``width`` numbers."""

    def __init__(self, size: int, width: int, dtype: type[np.floating] = np.float64) -> None:
        # Filled, not only reserved: a page that is first touched in mid-show would grow the process then.
        self._rows: NDArray[np.floating] = np.full((size, width), np.nan, dtype)
        self._count = 0

    @property
    def width(self) -> int:
        """Return how many numbers a row has."""
        return int(self._rows.shape[1])

    def __len__(self) -> int:
        """Return how many rows are kept."""
        return min(self._count, len(self._rows))

    def append(self, row: Sequence[float]) -> None:
        """Keep ``row``, ``width`` numbers; a full ring drops its oldest row."""
        self._rows[self._count % len(self._rows)] = row
        self._count += 1

    def rows(self, newest: int | None = None) -> NDArray[np.floating]:
        """Return the ``newest`` rows, or all, oldest first: [n, width], a copy."""
        count = len(self) if newest is None else min(newest, len(self))
        return self._rows[np.arange(self._count - count, self._count) % len(self._rows)]
