"""What a film shows and how it sounds, on its own clock: for tests that hold it against the show it is of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

BLOCK = 64  # samples that a level is taken of


def light(path: Path) -> NDArray[Any]:
    """Return the pictures' times and brightness [n, (seconds, 0..255)]."""
    with av.open(str(path)) as file:
        return np.array([(float(f.time or 0.0), f.to_ndarray(format="gray").mean()) for f in file.decode(video=0)])


def sound(path: Path) -> NDArray[Any]:
    """Return how loud it is, block by block [n, (seconds, level)]."""
    heard = []
    with av.open(str(path)) as file:
        for frame in file.decode(audio=0):
            levels = np.abs(frame.to_ndarray()).max(axis=0).reshape(-1, BLOCK).max(axis=1)
            heard += [(float(frame.time or 0.0) + BLOCK * i / frame.sample_rate, x) for i, x in enumerate(levels)]
    return np.array(heard)


def rises(heard: NDArray[Any], level: float = 0.1, pause: float = 0.3) -> NDArray[Any]:
    """Return when ``heard`` [n, (seconds, level)] goes over ``level`` after having been under it for ``pause``."""
    over = heard[heard[:, 1] > level, 0]
    return np.asarray(over[np.diff(over, prepend=-np.inf) > pause])


def match(times: NDArray[Any], shown: NDArray[Any]) -> NDArray[Any]:
    """Return for each of ``times`` the index of the nearest of ``shown``, both rising."""
    after = np.clip(np.searchsorted(shown, times), 1, len(shown) - 1)
    return np.asarray(after - (times - shown[after - 1] < shown[after] - times))
