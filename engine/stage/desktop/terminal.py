"""The left terminal: a Python session that prints the real ws of the frame."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from engine.stage.desktop.glyphs import BLUE, GREEN, GREY, INK, PURPLE, YELLOW, Line

WIDTH = 80  # characters; width of a line that torch prints
ASK, SHOW = "ws = path(params, tick)", ("print", "(ws)")  # the line that makes the ws, and the line that prints them


class Session:
    """Prints ws from time to time, as torch prints a tensor, and keeps the last ``rows`` lines."""

    def __init__(self, rows: int = 60) -> None:
        self._lines: deque[Line] = deque(maxlen=rows)
        self._due: float | None = None  # seconds; time of the next print, None before the first one
        self._began = False
        self._typed: int | None = None  # characters of the two lines of code that are typed; None: nobody types

    def see(
        self, ws: NDArray[np.float32], time: float, index: int, rate: float, typing: float = 1.0, **values: float
    ) -> None:
        """Print the frame's ``ws`` [num_ws, w_dim] if a print is due; there are ``rate`` prints a second.

        ``typing`` below 1 shows somebody typing: it is the share of the code that is typed. At 1 the Enter key prints.
        """
        if not self._began:
            self._began = True
            self._lines.append((("vj@stage", GREEN), (":", INK), ("~", BLUE), ("$ python3", INK)))
        if typing < 1.0:
            self._typed = round(max(0.0, typing) * len(ASK + "".join(SHOW)))
            return
        entered, self._typed = self._typed is not None, None
        waits = self._due is not None and (rate <= 0.0 or self._due - 10.0 < time < self._due)
        if waits and not entered:  # a print due over 10 s later means that the time began anew
            return
        self._due = time + 1.0 / max(rate, 1e-3)
        knobs = "".join(f", {name}={value:.4g}" for name, value in values.items())
        self._lines.append(((">>> ", PURPLE), (ASK, INK), (f"  # frame {index}{knobs}", GREY)))
        self._lines.append(((">>> ", PURPLE), (SHOW[0], YELLOW), (SHOW[1], INK)))
        for text in printed(ws).splitlines():
            self._lines.append(((text, INK),))

    def lines(self, rows: int) -> list[Line]:
        """Return the last ``rows`` lines, with the prompt at the bottom."""
        prompt = self._prompt()
        kept = list(self._lines)[-(rows - len(prompt)) :] if rows > len(prompt) else []
        return [*kept, *prompt][-rows:]

    def _prompt(self) -> list[Line]:
        """Return the last lines: the typed code and the cursor."""
        typed, cursor = self._typed or 0, ("█", INK)
        if typed == 0:
            return [((">>> ", PURPLE), cursor)]
        if typed < len(ASK):
            return [((">>> ", PURPLE), (ASK[:typed], INK), cursor)]
        word, rest = SHOW[0][: typed - len(ASK)], SHOW[1][: max(0, typed - len(ASK + SHOW[0]))]
        return [((">>> ", PURPLE), (ASK, INK)), ((">>> ", PURPLE), (word, YELLOW), (rest, INK), cursor)]


def printed(ws: NDArray[np.float32]) -> str:
    """Return the text that ``print(ws)`` prints for a torch tensor."""
    import torch  # here, so that a start that ends in an error does not wait for it

    return repr(torch.from_numpy(np.ascontiguousarray(ws, np.float32)))
