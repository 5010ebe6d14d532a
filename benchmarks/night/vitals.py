"""What a running show holds: memory, threads, file descriptors, of its process and the processes that it started."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

T_95 = 1.645  # standard errors; a one-sided bound of 95 % for many samples


@dataclass(frozen=True, slots=True)
class Vitals:
    """One look at a process tree."""

    at: float  # monotonic seconds
    pss_mb: float  # memory, pages that are shared counted in part: it moves when others that share them come and go
    rss_mb: float
    own_mb: float  # anonymous pages: what the processes have written themselves
    threads: int
    descriptors: int
    processes: int


def look(pid: int) -> Vitals | None:
    """Return the vitals of a process and its children; None where it is gone."""
    try:
        family = [pid, *_below(pid)]
        looks = [each for each in map(_one, family) if each is not None]
    except OSError:
        return None
    if not looks:
        return None
    pss, rss, own, threads, descriptors = (sum(column) for column in zip(*looks, strict=True))
    return Vitals(time.monotonic(), pss / 1024, rss / 1024, own / 1024, threads, descriptors, len(looks))


def children(pid: int) -> list[int]:
    """Return the numbers of a process's children."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(number) for number in task.read_text().split()]
        except OSError:  # that thread has ended
            continue
    return found


def _below(pid: int) -> Iterator[int]:
    for child in children(pid):
        yield child
        yield from _below(child)


def _one(pid: int) -> tuple[int, int, int, int, int] | None:
    """Return (PSS, RSS and anonymous memory in kB, threads, descriptors); None where it has just ended."""
    try:
        rollup = (Path("/proc") / str(pid) / "smaps_rollup").read_text()
        values = {row.split(":")[0]: int(row.split()[1]) for row in rollup.splitlines()[1:]}
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
        descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        return values["Pss"], values["Rss"], values["Anonymous"], threads, descriptors
    except (OSError, KeyError, ValueError, IndexError):
        return None


class Watcher:
    """Looks at a show every few seconds, in a thread."""

    def __init__(self, pid: Callable[[], int | None], every: float) -> None:
        """``pid`` returns the number of the show's process, None while there is none; ``every`` is in seconds."""
        self.seen: list[Vitals] = []
        self._pid, self._every, self._stop = pid, every, threading.Event()
        self._thread = threading.Thread(target=self._run, name="vitals", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            pid = self._pid()
            found = None if pid is None else look(pid)
            if found is not None:
                self.seen.append(found)

    def close(self) -> list[Vitals]:
        """Stop; return what was seen."""
        self._stop.set()
        self._thread.join(10.0)
        return self.seen


@dataclass(frozen=True, slots=True)
class Line:
    """A line fitted to samples over time."""

    per_hour: float
    error: float  # standard error of ``per_hour``
    upper: float  # of ``per_hour``, 95 %
    correlation: float  # of a residual and the next


def fit(seconds: Sequence[float], values: Sequence[float]) -> Line:
    """Fit a line by least squares; neighbours' residuals are correlated, and widen the error by that.

    The error is that of independent residuals times sqrt((1 + r) / (1 - r)), r the lag-1 autocorrelation.
    """
    x, y = np.asarray(seconds, float) / 3600.0, np.asarray(values, float)
    x = x - x.mean()
    slope = float((x * y).sum() / (x * x).sum())
    rest = y - y.mean() - slope * x
    spread = float((rest * rest).sum())
    r = min(0.98, max(0.0, float((rest[1:] * rest[:-1]).sum() / spread))) if spread else 0.0
    error = float(np.sqrt(spread / max(1, len(x) - 2) / (x * x).sum() * (1 + r) / (1 - r)))
    return Line(slope, error, slope + T_95 * error, r)


def means(seen: Sequence[Vitals], every: float) -> list[Vitals]:
    """Return the means over ``every`` seconds; counts are the largest ones."""
    bins: dict[int, list[Vitals]] = {}
    for each in seen:
        bins.setdefault(int((each.at - seen[0].at) // every), []).append(each)
    return [
        Vitals(
            float(np.mean([v.at for v in some])),
            float(np.mean([v.pss_mb for v in some])),
            float(np.mean([v.rss_mb for v in some])),
            float(np.mean([v.own_mb for v in some])),
            max(v.threads for v in some),
            max(v.descriptors for v in some),
            max(v.processes for v in some),
        )
        for _, some in sorted(bins.items())
    ]
