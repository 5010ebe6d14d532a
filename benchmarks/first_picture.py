#!/usr/bin/env python3
"""From the shell to the first picture of a rehearsal: ``python -m benchmarks.first_picture -o first_picture.json``.

Each start is a process of its own, with files of its own and the bytecode that a first, uncounted start has left. The
first picture is the first line of its trace. With ``--against TREE``, another checkout of the engine with an
environment of its own (``TREE/.venv``), both start in turns, and the ratio is of pairs. A display is needed:
``xvfb-run -a python -m benchmarks.first_picture``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
COMMAND = ("rehearse", "demo", "--mute", "--windowed", "--seconds", "0.05", "--trace")


def first_picture(tree: Path, folder: Path) -> tuple[float, float]:
    """Start once; return the seconds to the first picture, and the processor time of the whole run."""
    own = {f"XDG_{kind}_HOME": str(folder / kind) for kind in ("STATE", "DATA", "CONFIG")}
    env = {**os.environ, **own, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # everybody's second start has its bytecode
    trace, python = folder / "trace.jsonl", tree / ".venv/bin/python"
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = (str(python if python.exists() else sys.executable), "-m", "engine", *COMMAND, str(trace))
    done = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{tree}: {done.stderr.strip()}")
    with trace.open(encoding="utf-8") as lines:
        shown = float(json.loads(lines.readline())["mono"])
    trace.unlink()
    return shown - begun, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(trees: list[Path], starts: int) -> dict[str, list[tuple[float, float]]]:
    """Start every tree ``starts`` times, in turns."""
    found: dict[str, list[tuple[float, float]]] = {str(tree): [] for tree in trees}
    with tempfile.TemporaryDirectory() as folder:
        for tree in trees:
            first_picture(tree, Path(folder))
        for turn in range(starts):
            for tree in trees if turn % 2 == 0 else trees[::-1]:
                found[str(tree)].append(first_picture(tree, Path(folder)))
    return found


def figures(found: list[tuple[float, float]]) -> dict[str, float]:
    """Return the seconds to the first picture, and the processor time."""
    walls, works = zip(*found, strict=True)
    return {
        "median_s": round(statistics.median(walls), 3),
        "least_s": round(min(walls), 3),
        "most_s": round(max(walls), 3),
        "processor_s": round(statistics.median(works), 3),
    }


def main() -> int:
    """Run the measurement and write its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, help="write the figures as JSON")
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--against", type=Path, metavar="TREE", help="another checkout, in turns with this one")
    args = parser.parse_args()
    trees = [ROOT] if args.against is None else [ROOT, args.against.resolve()]
    began = os.getloadavg()[0]
    found = measure(trees, args.starts)
    here = found[str(ROOT)]
    result: dict[str, Any] = {"command": " ".join(COMMAND[:-1]), "starts": args.starts, **figures(here)}
    if args.against is not None:
        other = found[str(trees[1])]
        ratios = sorted(a / b for (a, _), (b, _) in zip(here, other, strict=True))
        result |= {"against": figures(other), "ratio_median": round(statistics.median(ratios), 2)}
    result |= {"load": [round(began, 1), round(os.getloadavg()[0], 1)], "cores": os.cpu_count()}
    print(json.dumps(result, indent=2))
    if args.output is not None:
        args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
