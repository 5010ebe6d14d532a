"""What a part of a film hands over to the one behind it: the memory of passes and styles, in a file beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save

from engine.borders.made import Handed, Memory
from engine.stage.recording.part import TAG, Part, told
from engine.system.files import write_whole

SUFFIX = ".state"


@dataclass(frozen=True, slots=True)
class State:
    """A file that holds a memory, and what the part that wrote it says of itself."""

    path: Path
    part: Part

    @property
    def frames(self) -> int:
        """Return behind how many of the film's first frames the memory is as it says."""
        return self.part.frames[1]

    def read(self) -> Handed:
        """Return the memory; OSError or SafetensorError where the file cannot be read."""
        return Handed(self.frames, load_file(self.path))


def write(path: Path, part: Part, memory: Memory) -> None:
    """Write what ``part`` remembers at its end; UserError where it cannot be written."""
    arrays = {name: np.ascontiguousarray(each) for name, each in memory.items()}
    write_whole(path, Path.write_bytes, save(arrays, metadata=part.tags()))


def find(folder: Path, wanted: Part, tell: Callable[[str], None]) -> State | None:
    """Return the latest memory in ``folder`` from which ``wanted`` can be made, None where there is none.

    It is of the very same film, made on the same kind of machine: another one's pictures may differ.
    """
    found: list[State] = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            with safe_open(path, "numpy") as file:
                part = told((file.metadata() or {}).get(TAG))
        except (OSError, SafetensorError):
            tell(f"{path}: cannot be read as what a part remembers: it is left aside")
            continue
        if part is None or part.of != wanted.of or dict(part.made_from) != dict(wanted.made_from):
            continue
        if part.frames[1] > wanted.frames[0]:
            continue
        if dict(part.kind) != dict(wanted.kind):
            tell(f"{path}: was made on another kind of machine: it is left aside")
            continue
        found.append(State(path, part))
    return max(found, key=lambda state: state.frames, default=None)
