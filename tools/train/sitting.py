"""Lessons that go on where they were: what is learnt, how far, and the file that keeps it."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.borders.errors import UserError
from engine.system.files import write_whole
from tools.train.together import Together

EVERY = 60.0  # seconds between snapshots


@dataclass(slots=True)
class Progress:
    """How far a lesson is: its steps, and the seconds that the first process has spent on it."""

    steps: int = 0
    spent: float = 0.0


@dataclass(slots=True)
class Sitting:
    """One run of a training that may take several, on any number of processes. ``path`` None keeps nothing."""

    together: Together = field(default_factory=Together)
    accumulate: int = 1
    path: Path | None = None
    of: str = ""  # what is taught, such as a model's digest: another one's snapshot is refused
    every: float = EVERY
    _lessons: dict[str, Any] = field(default_factory=dict)
    _kept: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        """Read what there is; UserError where it is of another training."""
        if self.path is None or not self.path.exists():
            return
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            known, self._lessons = state["of"], state["lessons"]
        except (OSError, RuntimeError, ValueError, EOFError, KeyError, TypeError) as error:
            raise UserError(f"{self.path}: no whole snapshot: delete it") from error
        if known != self.of:
            raise UserError(f"{self.path}: is of another training: name another folder, or move it away")

    def begin(self, name: str, network: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
        """Go on with a lesson where it stood; return how far it is."""
        if name not in self._lessons:
            return Progress()
        state = self._lessons[name]
        try:
            network.load_state_dict(state["network"])
            optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise UserError(f"{self.path}: is of another network: move it away") from error
        progress = Progress(state["steps"], state["spent"])
        self.tell(f"{self.path}: {name} goes on after {progress.steps} steps")
        return progress

    def keep(
        self,
        name: str,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        progress: Progress,
        now: bool = False,
    ) -> None:
        """Write the snapshot where it is time, or ``now``; the first process does."""
        if self.path is None or not self.together.writes or not (now or time.monotonic() - self._kept >= self.every):
            return
        self._kept = time.monotonic()
        self._lessons[name] = {
            "network": network.state_dict(),
            "optimizer": optimizer.state_dict(),
            "steps": progress.steps,
            "spent": progress.spent,
        }
        memory = io.BytesIO()  # torch.save's own error for a full disk names no reason
        torch.save({"of": self.of, "lessons": self._lessons}, memory)
        write_whole(self.path, Path.write_bytes, memory.getbuffer())

    def tell(self, line: str) -> None:
        """Say a line, once."""
        if self.together.writes:
            print(line, flush=True)


def draws(seed: int, step: int) -> torch.Generator:
    """Return the random numbers of a step: the same in every process, and when a lesson goes on."""
    return torch.Generator().manual_seed(seed * 1_000_003 + step)
