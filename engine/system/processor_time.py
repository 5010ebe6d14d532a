"""What another process has used of the processor."""

from __future__ import annotations

import psutil


def processor_seconds(pid: int) -> float | None:
    """Return the seconds that the process has computed for, all threads together; None where nobody can tell."""
    try:
        times = psutil.Process(pid).cpu_times()
    except (psutil.Error, OSError):
        return None
    return float(times.user + times.system)
