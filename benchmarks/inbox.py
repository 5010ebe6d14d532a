"""Fifty files dropped on a running show: python -m benchmarks.inbox --json benchmarks/inbox.json

A real `vj live` under Xvfb plays the fruit for `--before` seconds alone, then with the files in its inbox until each
has joined or was refused, and a while after. Told are: which files did neither or something else, how many lines each
cost, seconds until the first picture was in, late frames a minute without and with projections, and the show's memory
before and after. `--photos DIR` adds photographs of yours. Quiet machine: every figure is of the wall clock.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import inbox_files  # noqa: E402

SETTLED = 20.0  # s; the first of a show are not counted
LATE = 1.5  # of the median gap; a later picture is late
GROWN = 4.0  # s after the others, the second half of a file comes


class Show:
    """A running `vj live` with an inbox, and what it says."""

    def __init__(self, folder: Path, words: list[str], env: dict[str, str]) -> None:
        self.folder, self.inbox, self.trace = folder, folder / "in", folder / "trace.jsonl"
        self.inbox.mkdir()
        self._said = (folder / "said.txt").open("w")
        command = [sys.executable, "-m", "engine", "live", "--inbox", str(self.inbox), "--log", str(folder / "g.jsonl"),
                   "--trace", str(self.trace), *words]  # fmt: skip
        self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=self._said, stderr=subprocess.STDOUT)

    def said(self) -> list[str]:
        """Return the lines so far."""
        return (self.folder / "said.txt").read_text(encoding="utf-8", errors="replace").splitlines()

    def times(self) -> list[float]:
        """Return when each picture was presented, s, monotonic."""
        rows = self.trace.read_text().splitlines()[:-1] if self.trace.exists() else []
        return [json.loads(row)["mono"] for row in rows]

    def wait(self, until: Callable[[], bool], seconds: float) -> bool:
        """Wait for something; return whether it came while the show ran."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            if until():
                return True
            time.sleep(0.5)
        return False

    def memory(self) -> float:
        """Return the show's resident memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(row for row in status.splitlines() if row.startswith("VmRSS")).split()[1]) / 1024

    def close(self) -> int:
        """End it; return its exit code."""
        self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._said.close()
        return code


def fates(said: list[str], wanted: dict[str, str]) -> dict[str, list[str]]:
    """Return what the lines say became of every file: `joins` and `refused`, in their order."""
    found: dict[str, list[str]] = {name: [] for name in wanted}
    for line in said:
        for name in wanted:
            if line.startswith(f"{name}: joins the path"):
                found[name].append(inbox_files.JOINS)
            elif f"/{name}: " in line and "joins once more" not in line:
                found[name].append(inbox_files.REFUSED)
    return found


def late(times: list[float], begin: float, end: float) -> float:
    """Return the late pictures a minute between two times: those whose gap is LATE times the median one."""
    gaps = [b - a for a, b in itertools.pairwise(times) if begin <= a and b <= end]
    if len(gaps) < 10:
        return float("nan")
    middle = sorted(gaps)[len(gaps) // 2]
    return sum(gap > LATE * middle for gap in gaps) / (end - begin) * 60.0


def play(folder: Path, words: list[str], env: dict[str, str], before: float, patience: float, **files: Any) -> Any:
    """Let a show take the files; return the figures, and the fate of each file."""
    show = Show(folder, words, env)
    try:
        assert show.wait(lambda: len(show.times()) > 3, 300.0), show.said()
        time.sleep(SETTLED if before > SETTLED else 0.0)
        began, memory = time.monotonic(), show.memory()
        time.sleep(before)
        dropped = time.monotonic()
        wanted = inbox_files.drop(show.inbox, **files)
        time.sleep(GROWN)
        inbox_files.grow(show.inbox)
        first: list[float] = []

        def done() -> bool:
            seen = fates(show.said(), wanted)
            if not first and any(inbox_files.JOINS in each for each in seen.values()):
                first.append(time.monotonic() - dropped)
            return all(seen.values())

        all_told = show.wait(done, patience)
        ended, seen = time.monotonic(), fates(show.said(), wanted)
        time.sleep(min(before, 10.0))
        after, times = show.memory(), show.times()
    finally:
        code = show.close()
    wrong = {name: seen[name] for name, what in wanted.items() if seen[name] != [what]}
    return {
        "files": len(wanted),
        "all_told": all_told,
        "exit_code": code,
        "otherwise": wrong,
        "first_picture_s": round(first[0], 1) if first else None,
        "all_s": round(ended - dropped, 1),
        "late_a_minute_before": round(late(times, began, dropped), 2),
        "late_a_minute_with": round(late(times, dropped, ended), 2),
        "memory_mb_before": round(memory, 1),
        "memory_mb_after": round(after, 1),
    }


def main() -> int:
    """Play, print and write the figures."""
    parser = argparse.ArgumentParser(prog="benchmarks.inbox", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--before", type=float, default=120.0, help="seconds without pictures")
    parser.add_argument("--patience", type=float, default=3600.0, help="seconds for all files")
    parser.add_argument("--photos", type=Path, help="a folder of photographs")
    parser.add_argument("--files", type=int, default=inbox_files.COUNT)
    parser.add_argument("--model", default="fruit")
    args = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    photos = sorted(p for p in args.photos.rglob("*") if p.suffix in (".jpg", ".png", ".webp")) if args.photos else []
    from tests.builders.show import screen

    with tempfile.TemporaryDirectory() as name, screen(Path(name)) as display:
        folder = Path(name)
        homes = dict.fromkeys(("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"), name)
        words = ["--windowed", "--size", "640x360", "--model", args.model, "--fps", "30"]
        result = play(folder, words, {**os.environ, **homes, **display.env}, args.before, args.patience,
                      photos=photos[:20], count=args.files)  # fmt: skip
    result = {"command": " ".join(["python -m benchmarks.inbox", *sys.argv[1:]]), "cores": os.cpu_count(), **result}
    print(json.dumps(result, indent=1, ensure_ascii=False))
    if args.json is not None:
        args.json.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0 if result["all_told"] and not result["otherwise"] else 1


if __name__ == "__main__":
    sys.exit(main())
