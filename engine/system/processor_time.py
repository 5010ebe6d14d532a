"""What another process has used of the processor."""

from __future__ import annotations


def processor_seconds(pid: int) -> float | None:
    """Return the seconds that the process has computed for, all threads together; None where nobody can tell."""
    try:
        import psutil  # a machine that only draws may not have it
    except ImportError:
        return None
    try:
        times = psutil.Process(pid).cpu_times()
    except (psutil.Error, OSError):
        return None
    return float(times.user + times.system)
