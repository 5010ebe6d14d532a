"""From nothing to the model `garden`, in as many sittings as it takes: the same command goes on where it was.

    python -m tools.garden data/garden --minutes 60
    python -m tools.garden data/garden --write presets/models/garden.safetensors   # from what there is

Stages: flowers at 128 px are rendered while the first of them are learnt, at 32, 64 and then 128 px; the network is
grown to 256 px and sharpened by a critic on flowers of that size; `tools.fruit.border` teaches what lies beyond its
border, `tools.fruit.mapping` fits z to w and writes the file. Every sitting ends with a measurement on renders that are
never trained on; the best snapshot of a stage stays as `best.pt` in its folder.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from engine.system.files import write_whole
from tools.fruit.student import Plan, Student, to_tensor
from tools.fruit.subject import GARDEN

HELD_OUT, COUNT = 1_000_000, 96  # seed and number of the renders that are only measured
SHARDS_128, SHARDS_256 = 44, 24  # of 500 pictures
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node")


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the way: what learns, and until how many minutes of learning in all."""

    name: str
    module: str
    resolution: int  # pixels; of the data
    until: float  # minutes
    given: tuple[str, ...]
    settle: float  # share of the stage's last sitting in which the rate falls


# Where petals are is learnt on small pictures, three times as many a second. The last stage goes on with that: it draws
# all of every picture at 64 px beside its windows.
STAGES = (
    Stage("where", "tools.fruit.distill", 128, 30, ("--resolution", "32", "--batch", "32", "--subject", "garden"), 0.0),
    Stage("coarse", "tools.fruit.distill", 128, 150, ("--resolution", "64", "--batch", "24", "--rate", "2e-3"), 0.0),
    Stage("medium", "tools.fruit.distill", 128, 180, ("--resolution", "128", "--rate", "1.5e-3"), 0.0),
    Stage("fine", "tools.fruit.sharpen", 256, 480, ("--rate", "6e-4", "--critic", "0.005", "--features", "0.1"), 0.5),
)


def learnt(run: Path) -> float:
    """Return the minutes that a run has learnt."""
    path = run / "snapshot.pt"
    return float(torch.load(path, weights_only=True)["seconds"]) / 60 if path.exists() else 0.0


def stages(folder: Path) -> list[Stage]:
    """Return the stages that are not over, of the largest size that has a snapshot and of larger ones.

    A run that goes on from the file alone (tools.garden.resume) has no smaller ones before it.
    """
    begun = [s.resolution for s in STAGES if (folder / f"run{s.resolution}" / "snapshot.pt").exists()]
    return [
        s
        for s in STAGES
        if s.resolution >= max(begun, default=0) and learnt(folder / f"run{s.resolution}") < s.until - 0.01
    ]


@torch.no_grad()
def measure(run: Path, resolution: int) -> tuple[float, float]:
    """Return (PSNR of light and mask in dB, the mask's mean error of 0..1) of a run on renders never trained on."""
    saved = torch.load(run / "snapshot.pt", weights_only=True)
    student = Student(Plan(**saved["plan"]))
    student.load_state_dict(saved["average"])
    theta = GARDEN.sample(np.random.default_rng(HELD_OUT), COUNT)
    target = to_tensor(GARDEN.studio(resolution).render(theta), resolution)
    drawn = torch.cat([student(torch.from_numpy(part), resolution) for part in np.array_split(theta, COUNT // 8)])
    error = (drawn.clamp(-1, 1) - target) / 2
    return float(-10 * error.square().mean().log10()), float(error[:, 3].abs().mean())


def judge(run: Path, resolution: int) -> None:
    """Measure a run, write a line of figures.csv, keep the snapshot if it is the best at this size."""
    psnr, mask = measure(run, resolution)
    table, best = run / "figures.csv", run / "best.pt"
    before = [float(row[2]) for row in csv.reader(table.open()) if int(row[1]) == resolution] if table.exists() else []
    with table.open("a", newline="") as f:
        csv.writer(f).writerow([f"{learnt(run):.1f}", resolution, f"{psnr:.3f}", f"{mask:.4f}"])
    if not before or psnr > max(before) or not best.exists():
        saved = torch.load(run / "snapshot.pt", weights_only=True)
        kept = {name: saved[name] for name in ("plan", "average", "images", "seconds")}
        write_whole(best, lambda part: torch.save(kept, part))
    print(f"{run}: {learnt(run):.0f} minutes learnt, PSNR {psnr:.2f} dB at {resolution} px, mask off by {mask:.4f}")


def sit_down(folder: Path, stage: Stage, minutes: float, processes: int) -> None:
    """Learn one stage for some minutes while its data is rendered."""
    data, run = folder / f"data{stage.resolution}", folder / f"run{stage.resolution}"
    first, last = (0, SHARDS_128) if stage.resolution == 128 else (1000, 1000 + SHARDS_256)
    command = [sys.executable, "-m", "tools.fruit.shards", str(data), "--subject", "garden"]
    span = ["--resolution", str(stage.resolution), "--shards"]
    if not list(data.glob("[0-9]*.npz")):
        subprocess.run([*command, *span, str(first), str(first + 1)], check=True)
    with subprocess.Popen([*command, *span, str(first), str(last)]) as renders:
        left = stage.until - learnt(run)
        told = [str(data), "--run", str(run), "--minutes", str(min(left, minutes)), "--threads", "1"]
        settle = stage.settle if minutes >= left else 0.0
        try:
            subprocess.run(
                [*TORCHRUN, str(processes), "-m", "--", stage.module, *told, "--settle", str(settle), *stage.given],
                check=True,
            )
        finally:
            renders.terminate()
    judge(run, {"where": 32, "coarse": 64}.get(stage.name, stage.resolution))


def main() -> None:
    """Go on with the model."""
    p = argparse.ArgumentParser(
        prog="tools.garden", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("folder", type=Path, help="where data, snapshots and logs lie")
    p.add_argument("--minutes", type=float, default=60.0, help="of learning in this sitting")
    p.add_argument("--processes", type=int, default=1, help="that learn, of one thread each")
    p.add_argument("--write", type=Path, metavar="FILE", help="teach the border, write the model from what there is")
    a = p.parse_args()
    if a.write:
        run = a.folder / ("run256" if (a.folder / "run256" / "snapshot.pt").exists() else "run128")
        subprocess.run([sys.executable, "-m", "tools.fruit.border", str(run)], check=True)
        subprocess.run([sys.executable, "-m", "tools.fruit.mapping", str(run), "--out", str(a.write)], check=True)
        return
    os.nice(max(0, 19 - os.nice(0)))
    a.folder.mkdir(parents=True, exist_ok=True)
    left = a.minutes
    for stage in stages(a.folder):
        run = a.folder / f"run{stage.resolution}"
        if left <= 0:
            break
        if stage.resolution == 256 and not (run / "snapshot.pt").exists():
            subprocess.run([sys.executable, "-m", "tools.fruit.grow", str(a.folder / "run128"), str(run)], check=True)
        before = learnt(run)
        sit_down(a.folder, stage, left, a.processes)
        left -= learnt(run) - before
        if learnt(run) < stage.until - 0.01:
            break
    print(f"{left:.0f} minutes left; sittings go on with the same command")


if __name__ == "__main__":
    main()
