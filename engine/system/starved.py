"""How long a process has waited for a processor, so that a crowded machine is not taken for a hang.

Linux tells for each thread how long it could have run and had no core (/proc/PID/task/TID/schedstat, the second field,
in nanoseconds). A thread that sleeps, is stopped or waits for another one does not count.
"""

from __future__ import annotations

from pathlib import Path


class Waited:
    """The time for which some thread of a process waited for a core since `begin`."""

    def __init__(self, pid: int) -> None:
        """``pid`` is the process's number."""
        self._tasks = Path(f"/proc/{pid}/task")
        self._begun: dict[str, int] | None = None

    @property
    def begun(self) -> bool:
        """Return whether it is counted."""
        return self._begun is not None

    def begin(self) -> None:
        """Count from now on."""
        self._begun = self._waits()

    def end(self) -> None:
        """Count no longer."""
        self._begun = None

    def seconds(self) -> float:
        """Return the longest that one thread has waited, in seconds; 0 where nobody can tell."""
        if self._begun is None:
            return 0.0
        return max((wait - self._begun.get(task, 0) for task, wait in self._waits().items()), default=0) / 1e9

    def _waits(self) -> dict[str, int]:
        waits = dict[str, int]()
        try:
            for task in self._tasks.iterdir():
                waits[task.name] = int((task / "schedstat").read_text().split()[1])
        except (OSError, ValueError, IndexError):  # another system, or the process has just ended
            pass
        return waits
