"""Begin a run at twice the resolution where another run ended.

It is the progressive step of the PGGAN paper without its fade: a new block whose ToRGB is zero changes no picture.

    python -m tools.fruit.grow data/run data/run256
    python -m tools.fruit.distill data/fruit256 --run data/run256 --resolution 256 --minutes 60
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from tools.fruit.student import Plan, Student
from tools.fruit.training import Training


@torch.no_grad()
def grow(student: Student, plan: Plan, state: dict[str, Tensor]) -> None:
    """Put the weights of a run at half the resolution into ``student``; its pictures are the old ones, upsampled."""
    own = student.state_dict()
    fresh = set(own) - set(state)
    last = f"generator.synthesis.b{plan.resolution}."
    strange = [name for name in fresh if not name.startswith(last)]
    if strange or not fresh:
        raise ValueError(f"the smaller run has other layers: {', '.join(strange) or 'it is as large already'}")
    student.load_state_dict({**own, **state})
    student.generator.synthesis.get_submodule(f"b{plan.resolution}").torgb.weight.zero_()  # type: ignore[union-attr, operator]


def main() -> None:
    """Write the larger run's first snapshot."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("run", type=Path, help="folder with snapshot.pt from tools.fruit.distill")
    p.add_argument("out", type=Path, help="folder of the new run; must not hold a snapshot yet")
    p.add_argument("--ema", type=float, default=1500.0, help="half-life of the averaged weights, images")
    a = p.parse_args()
    if (a.out / "snapshot.pt").exists():
        p.error(f"{a.out} already holds a snapshot: choose another folder")
    saved = torch.load(a.run / "snapshot.pt", weights_only=True)
    small = Plan(**saved["plan"])
    plan = replace(small, resolution=2 * small.resolution, ema_images=a.ema)
    a.out.mkdir(parents=True, exist_ok=True)
    run = Training(plan, a.out)
    for student, name in ((run.student, "average"), (run.average, "average")):
        grow(student, plan, saved[name])
    run.images, run.seconds = saved["images"], saved["seconds"]
    run.save()
    print(f"{a.out}: {plan.resolution} px, from {run.images} images at {small.resolution} px")


if __name__ == "__main__":
    main()
