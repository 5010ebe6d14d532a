"""Teach a student's finest block that the picture goes on beyond its border.

A convolution takes what lies outside for zero, so the outermost pixels are others than those beside them: a light line
round a flower on black, which a wall that mirrors or tiles the picture shows as a seam. Windows (sharpen.py) seldom lie
at a border, and teach it last. Here the finest block alone learns, from the student's own pictures: inside they are to
stay, and along the border to go on as they are some pixels further in. No renders are needed; the garden took 814 steps
of eight pictures.

    python -m tools.fruit.border data/garden/run256 --minutes 20
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tools.fruit.losses import pyramid_loss
from tools.fruit.student import Plan, Student
from tools.fruit.subject import SUBJECTS
from tools.fruit.training import Training

WIDTH = 1 / 32  # of the side; how far the border's pixels are taught
HEAVY = 20.0  # times; what the border's error weighs beside that of the whole picture


def going_on(picture: Tensor, width: int) -> Tensor:
    """Return pictures [N, C, R, R] whose outermost ``width`` pixels repeat those inside."""
    inside = picture[:, :, width:-width, width:-width]
    return F.pad(inside, (width, width, width, width), mode="replicate")


def teach(student: Student, plan: Plan, minutes: float, batch: int = 8, rate: float = 1e-3) -> list[float]:
    """Let the finest block of ``student`` learn for some minutes; returns the losses."""
    old, rng, subject = Student(plan), np.random.default_rng(plan.seed), SUBJECTS[plan.subject]
    old.load_state_dict(student.state_dict())
    student.requires_grad_(False)
    finest = student.generator.synthesis.get_submodule(f"b{plan.resolution}").requires_grad_(True)
    optimizer = torch.optim.Adam(finest.parameters(), lr=rate, betas=(0.9, 0.99), fused=True)
    width = max(1, round(plan.resolution * WIDTH))
    border = torch.ones(1, 1, plan.resolution, plan.resolution)
    border[:, :, width:-width, width:-width] = 0.0
    losses, start = list[float](), time.monotonic()
    while (left := 1 - (time.monotonic() - start) / (minutes * 60)) > 0:
        theta = torch.from_numpy(subject.sample(rng, batch))
        with torch.no_grad():
            wanted = going_on(old(theta, plan.resolution), width)
        drawn, wanted = student(theta, plan.resolution).clamp(-1, 1), wanted.clamp(-1, 1)  # below black is black
        error = border * (drawn - wanted)
        loss = HEAVY * (error.abs() + 2 * error.square()).mean()
        loss = loss + pyramid_loss(drawn, wanted, ground=subject.ground)[0]  # what is fine stays as fine
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]["lr"] = rate * left
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def main() -> None:
    """Go on with a run's average, which the model is made of; its student begins from that the next time."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("run", type=Path, help="folder with snapshot.pt")
    p.add_argument("--minutes", type=float, default=20.0)
    p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    run = Training(Plan(), a.run)
    losses = teach(run.average, run.plan, a.minutes)
    run.student.load_state_dict(run.average.state_dict())
    run.save()
    tenth = max(1, len(losses) // 10)
    print(f"{a.run}: {len(losses)} steps, loss {np.mean(losses[:tenth]):.4f} -> {np.mean(losses[-tenth:]):.4f}")


if __name__ == "__main__":
    main()
