"""Ours against the plain reference as people run it: glibc's own allocator settings, no waiting policy, two processes.

usage: python -m benchmarks.default_allocator [--size 1024] [--rounds 8] [--json F]

`engine/system/allocator.py` speeds the reference up as well, so the other benchmarks give it the same settings. Here
each side is a process of its own, and they take turns frame by frame, so that a drifting machine is fair to both:
"ours" as the engine starts it, "tuned" the reference with our settings, "default" the reference with none. The
ratios are medians of neighbours. Must hold at 1024 px: ours at least 6 times "default".
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
CHILD = """
import sys, time
kind, size, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if kind != "default":
    from engine.system.allocator import tune_allocator
    tune_allocator()
import numpy as np, torch
torch.set_num_threads(threads)
from engine.borders.params import Params
from engine.borders.tick import REST
from engine.bench.rates import config_f, lively
from engine.generator.networks.modulated_textbook import reference_frame
torch.manual_seed(0)
network = lively(config_f(size))
path = network.mapping(torch.randn(64, network.config.z_dim), None)
turn = 1  # the first two have been painted: a third time they would cost nothing
if kind == "ours":
    from engine.generator.backends.select import open_generator
    from engine.show.table import standard
    generator = open_generator(network)
    generator.settle()
    params = Params({}, standard())
    frame = lambda ws: generator(ws[0].numpy(), params, REST)
else:
    frame = lambda ws: reference_frame(network, ws)
with torch.inference_mode():
    frame(path[:1]); frame(path[1:2])
    print("ready", flush=True)
    for line in sys.stdin:
        turn += 1
        start = time.perf_counter()
        frame(path[turn % 64][None])
        print(time.perf_counter() - start, flush=True)
"""


def main() -> int:
    """Take turns, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    env = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "MALLOC_", "GLIBC_"))}
    sides = {kind: _start(kind, args, env) for kind in ("ours", "tuned", "default")}
    seconds: dict[str, list[float]] = {kind: [] for kind in sides}
    for _ in range(args.rounds):
        for kind, side in sides.items():
            assert side.stdin is not None
            assert side.stdout is not None
            side.stdin.write("go\n")
            side.stdin.flush()
            seconds[kind].append(float(side.stdout.readline()))
    for side in sides.values():
        assert side.stdin is not None
        side.stdin.close()
        side.wait()
    figures = {
        "command": " ".join(["python", *sys.argv]),
        "model": f"config-F, {args.size} px, random weights",
        "threads": args.threads,
        "rounds": args.rounds,
        "load_at_end": round(os.getloadavg()[0], 1),
        "ms": {kind: round(float(np.median(found)) * 1e3, 1) for kind, found in seconds.items()},
        "ours_times_tuned": _ratio(seconds["tuned"], seconds["ours"]),
        "ours_times_default": _ratio(seconds["default"], seconds["ours"]),
    }
    print(json.dumps(figures, indent=2))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def _start(kind: str, args: argparse.Namespace, env: dict[str, str]) -> Any:
    """Start a side and wait until it has painted twice."""
    side = subprocess.Popen(
        [sys.executable, "-c", CHILD, kind, str(args.size), str(args.threads)],
        cwd=ROOT,
        env=env,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert side.stdout is not None
    assert side.stdout.readline().strip() == "ready", f"{kind} does not start"
    return side


def _ratio(theirs: list[float], ours: list[float]) -> dict[str, float]:
    ratios = np.asarray(theirs) / np.asarray(ours)
    return {
        "median": round(float(np.median(ratios)), 2),
        "least": round(float(ratios.min()), 2),
        "most": round(float(ratios.max()), 2),
    }


if __name__ == "__main__":
    sys.exit(main())
