"""The left terminal: a Python session in which the ws of the frame on the wall are really printed."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.stage.desktop.glyphs import BLUE, GREEN, GREY, INK, PURPLE, YELLOW, Line

WIDTH = 80  # torch's own line width
ASK, SHOW = "ws = path(params, tick)", ("print", "(ws)")  # what makes the ws, and what prints them


class Session:
    """Prints ws now and then, as torch prints a tensor, and keeps the lines that still fit."""

    def __init__(self, rows: int = 60) -> None:
        self._lines: deque[Line] = deque(maxlen=rows)
        self._due: float | None = None  # s of the next print; None: nothing has been printed yet
        self._began = False
        self._typed: int | None = None  # characters of the two code lines, while somebody types them

    def see(
        self, ws: NDArray[np.float32], time: float, index: int, rate: float, typing: float = 1.0, **values: float
    ) -> None:
        """Print ``ws`` [num_ws, w_dim], the frame's own, if it is time: ``rate`` times a second.

        ``typing`` under 1 is a hand at the keyboard: so much of the code is there, and 1 is the Enter key.
        """
        if not self._began:
            self._began = True
            self._lines.append((("vj@stage", GREEN), (":", INK), ("~", BLUE), ("$ python3", INK)))
        if typing < 1.0:
            self._typed = round(max(0.0, typing) * len(ASK + "".join(SHOW)))
            return
        entered, self._typed = self._typed is not None, None
        waits = self._due is not None and (rate <= 0.0 or self._due - 10.0 < time < self._due)
        if waits and not entered:  # due long before: the song began anew
            return
        self._due = time + 1.0 / max(rate, 1e-3)
        knobs = "".join(f", {name}={value:.4g}" for name, value in values.items())
        self._lines.append(((">>> ", PURPLE), (ASK, INK), (f"  # frame {index}{knobs}", GREY)))
        self._lines.append(((">>> ", PURPLE), (SHOW[0], YELLOW), (SHOW[1], INK)))
        for text in printed(ws).splitlines():
            self._lines.append(((text, INK),))

    def lines(self, rows: int) -> list[Line]:
        """Return the last ``rows`` lines, the prompt under them."""
        prompt = self._prompt()
        kept = list(self._lines)[-(rows - len(prompt)) :] if rows > len(prompt) else []
        return [*kept, *prompt][-rows:]

    def _prompt(self) -> list[Line]:
        """Return the last lines: what has been typed, and the cursor."""
        typed, cursor = self._typed or 0, ("█", INK)
        if typed == 0:
            return [((">>> ", PURPLE), cursor)]
        if typed < len(ASK):
            return [((">>> ", PURPLE), (ASK[:typed], INK), cursor)]
        word, rest = SHOW[0][: typed - len(ASK)], SHOW[1][: max(0, typed - len(ASK + SHOW[0]))]
        return [((">>> ", PURPLE), (ASK, INK)), ((">>> ", PURPLE), (word, YELLOW), (rest, INK), cursor)]


def printed(ws: Any) -> str:
    """Return what ``print(ws)`` prints in torch."""
    import torch  # here: a start that ends in a refusal does not wait for it

    return repr(torch.from_numpy(np.ascontiguousarray(ws, np.float32)))
