"""The engine calls of a frame."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from types import FrameType
from typing import Any

from benchmarks.hand_overs.tree import COMPREHENSIONS, Tree

SKIPPED, COUNTED = 20, 100  # frames; of a bench, the first do not count
TOP = 20  # functions; the list is no longer


@dataclass(slots=True)
class CallCount:
    """A profiler that counts engine calls frame by frame."""

    tree: Tree
    frames: list[Counter[tuple[str, str]]] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    _depth: int = 0

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        """See sys.setprofile."""
        file = frame.f_code.co_filename
        if event not in ("call", "return") or not file.startswith(self.tree.engine):
            return
        if event == "return":
            self._depth -= 1
            return
        if self.tree.begins(frame):
            self.frames.append(Counter())
            self.depths.append(0)
            self._depth = 0
        self._depth += 1
        if self.frames:
            self.frames[-1][file.removeprefix(self.tree.engine), frame.f_code.co_qualname] += 1
            self.depths[-1] = max(self.depths[-1], self._depth)

    def figures(self) -> dict[str, Any]:
        """Return the count of the frames that count."""
        frames = self.frames[-COUNTED - 1 : -1]  # the last one is cut off by the end of the run
        depths = self.depths[-COUNTED - 1 : -1]
        totals = sorted(frame.total() for frame in frames)
        typical = next(frame for frame in frames if frame.total() == totals[len(totals) // 2])
        parts = Counter[str]()
        for (_, function), count in typical.items():
            parts["comprehensions"] += count * function.endswith(COMPREHENSIONS)
            parts["lambdas"] += count * function.endswith("<lambda>")
        return {
            "frames": len(frames),
            "engine_calls": {"median": totals[len(totals) // 2], "least": totals[0], "most": totals[-1]},
            "files": len({file for file, _ in typical}),
            "depth": median(depths),
            **parts,
            "top": [f"{count:4d}  {file}  {function}" for (file, function), count in typical.most_common(TOP)],
        }
