"""The left terminal: a Python session in which the ws of the frame on the wall are really printed."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.stage.glyphs import BLUE, GREEN, GREY, INK, PURPLE, YELLOW, Line

WIDTH = 80  # torch's own line width


class Session:
    """Prints ws now and then, as torch prints a tensor, and keeps the lines that still fit."""

    def __init__(self, rows: int = 60) -> None:
        self._lines: deque[Line] = deque(maxlen=rows)
        self._due = 0.0
        self._began = False

    def see(self, ws: NDArray[np.float32], time: float, index: int, rate: float, **values: float) -> None:
        """Print ``ws`` [num_ws, w_dim], the frame's own, if it is time: ``rate`` times a second."""
        if not self._began:
            self._began = True
            self._lines.append((("vj@stage", GREEN), (":", INK), ("~", BLUE), ("$ python3", INK)))
        elif rate <= 0.0 or self._due - 10.0 < time < self._due:  # far before: the song began anew
            return
        self._due = time + 1.0 / max(rate, 1e-3)
        knobs = "".join(f", {name}={value:.4g}" for name, value in values.items())
        self._lines.append(((">>> ", PURPLE), ("ws = path(params, tick)", INK), (f"  # frame {index}{knobs}", GREY)))
        self._lines.append(((">>> ", PURPLE), ("print", YELLOW), ("(ws)", INK)))
        for text in printed(ws).splitlines():
            self._lines.append(((text, INK),))

    def lines(self, rows: int) -> list[Line]:
        """Return the last ``rows`` lines, the prompt under them."""
        kept = list(self._lines)[-(rows - 1) :] if rows > 1 else []
        return [*kept, ((">>> ", PURPLE), ("█", INK))]


def printed(ws: Any) -> str:
    """Return what ``print(ws)`` prints in torch."""
    import torch  # here: a start that ends in a refusal does not wait for it

    return repr(torch.from_numpy(np.ascontiguousarray(ws, np.float32)))
