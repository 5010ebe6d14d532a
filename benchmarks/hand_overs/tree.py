"""A checkout whose engine is watched."""

from __future__ import annotations

import ast
import os
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

COMPREHENSIONS = ("<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>")


@dataclass(frozen=True, slots=True)
class Call:
    """One engine function on a stack."""

    owner: str  # the object's class, or the module
    identity: object  # the object's id, or the module's file
    function: str
    file: str  # within engine/


class Tree:
    """A checkout: what is the engine in it, and where a frame of its loop begins."""

    def __init__(self, folder: Path) -> None:
        self.engine = str(folder / "engine") + os.sep
        self.loop = self.engine + "loop.py"
        source = ast.parse(Path(self.loop).read_text(encoding="utf-8"))
        self.step = next(node.lineno for node in ast.walk(source) if isinstance(node, ast.For))

    def performs(self, frame: FrameType | None) -> bool:
        """Whether this is the loop."""
        return frame is not None and frame.f_code.co_name == "perform" and frame.f_code.co_filename == self.loop

    def begins(self, frame: FrameType) -> bool:
        """Whether the loop asks its clock for the next frame with this call."""
        return self.performs(frame.f_back) and frame.f_back is not None and frame.f_back.f_lineno == self.step

    def stack(self, frame: FrameType | None) -> tuple[Call, ...]:
        """Return the engine functions from the loop, or a thread's first, to ``frame``."""
        calls: list[Call] = []
        while frame is not None and not self.performs(frame):
            code = frame.f_code
            if code.co_filename.startswith(self.engine) and code.co_name not in COMPREHENSIONS:
                file = code.co_filename.removeprefix(self.engine)
                me = frame.f_locals.get("self")
                owner, identity = (Path(file).stem, file) if me is None else (type(me).__name__, id(me))
                calls.append(Call(owner, identity, code.co_qualname.rpartition(".")[2], file))
            frame = frame.f_back
        return tuple(reversed(calls))
