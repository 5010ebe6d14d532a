"""Where a step's figures go: one JSON object a line, on the disk before the next thing is done."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from benchmarks.gpu_check.bounds import misses


class Report:
    """Appends what one step has found to ``results.jsonl``; what is told survives the step's end, however it comes."""

    def __init__(self, step: str, folder: Path, judged: bool = True) -> None:
        """``judged``: a figure beyond its bound is named under "missed" in its own line."""
        self._step, self._file, self._judged = step, folder / "results.jsonl", judged
        self._start = time.perf_counter()

    def tell(self, **figures: object) -> None:
        """Add a line."""
        line = {"step": self._step, "at_s": round(time.perf_counter() - self._start, 2), **figures}
        missed = misses(figures) if self._judged else []
        if missed:
            line["missed"] = missed
        text = json.dumps(line, default=str)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        print(text[:600], flush=True)
