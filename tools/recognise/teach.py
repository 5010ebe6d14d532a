"""Teach a recogniser on renders: kinds, eight attributes, and an embedding that only the kind changes.

    python -m tools.train recogniser --lessons data/lessons --run data/first       # renders what is missing, too
    python -m tools.train recogniser --lessons data/lessons --run data/second --network second

The same command again goes on from the snapshot in the run's folder; Ctrl-C saves. At the end it writes the weights
(fp16) where the program reads them, and measures them on renders that no lesson held.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.borders.errors import UserError
from engine.generator.perceptual import recogniser as first
from engine.generator.perceptual.names import ATTRIBUTES, KINDS
from engine.generator.perceptual.recogniser import Recogniser
from engine.system.files import write_whole
from tools.fruit.render import KINDS as DRAWN
from tools.fruit.render import weights
from tools.judge import recogniser as second
from tools.judge.recogniser import Second
from tools.recognise.augment import augmented
from tools.recognise.lessons import Lessons, labels
from tools.recognise.student import Network, Student, errors, losses
from tools.train.together import Together, together

EXAM = (900, 902)  # lessons that nobody learns from
PICTURES = 114_000  # that a recogniser sees in all, by default
BATCH, RATE, DECAY = 32, 2e-3, 0.01
KEEP = 60.0  # seconds between snapshots
RANGES = (2.0, 2.0, 1.2, 0.84, 0.66, 1.0, 1.41, 2.0)  # of the attributes, between the ends that the renderer uses


@dataclass(frozen=True, slots=True)
class Plan:
    """What makes one recogniser: its network, its lessons and its seed."""

    network: type[Recogniser] | type[Second]
    lessons: tuple[int, int]
    seed: int
    out: Path


PLANS = {
    "first": Plan(Recogniser, (0, 10), 1, first.WEIGHTS),
    "second": Plan(Second, (100, 106), 2, second.WEIGHTS),
}


@dataclass(slots=True)
class Run:
    """The state of a training."""

    plan: Plan
    folder: Path
    lessons: Lessons
    here: Together = field(default_factory=Together)
    student: Student = field(init=False)
    optimizer: torch.optim.Optimizer = field(init=False)
    seen: int = 0

    def __post_init__(self) -> None:
        torch.manual_seed(self.plan.seed)
        self.student = Student(self.plan.network(), torch.from_numpy(labels(self.lessons.theta)))
        self.optimizer = torch.optim.AdamW(self.student.parameters(), lr=RATE, weight_decay=DECAY)
        path = self.folder / "snapshot.pt"
        if path.exists():
            saved = torch.load(path, weights_only=True)
            self.student.load_state_dict(saved["student"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.seen = saved["seen"]

    def step(self, pictures: int) -> dict[str, float]:
        """Learn from the next batch of ``pictures`` in all; return the parts of the loss."""
        rng = np.random.default_rng([self.plan.seed, self.seen])
        chosen = rng.integers(len(self.lessons.theta), size=BATCH)
        theta = self.lessons.theta[chosen]
        x = augmented(self.lessons.pictures[chosen], rng).contiguous(memory_format=torch.channels_last)
        done = self.seen / pictures
        for group in self.optimizer.param_groups:
            group["lr"] = RATE * min(1.0, done / 0.03 + 0.01) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
        told, knobs, share = (
            torch.from_numpy(each) for each in (labels(theta), theta[:, len(DRAWN) :], weights(theta))
        )
        self.optimizer.zero_grad()
        parts = self.here.learn(
            self.student.parameters(), BATCH, lambda part: losses(self.student, x, told, knobs, share, part)
        )
        self.optimizer.step()
        self.seen += BATCH
        return parts

    def save(self) -> None:
        """Write the snapshot whole or not at all; the first process does."""
        if not self.here.writes:
            return
        state = {
            "student": self.student.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "seen": self.seen,
        }
        write_whole(self.folder / "snapshot.pt", lambda part: torch.save(state, part))


def learn(run: Run, pictures: int, every: float = KEEP) -> None:
    """Learn until ``pictures`` have been seen; Ctrl-C saves and leaves."""
    begun, kept = time.monotonic(), time.monotonic()
    try:
        while run.seen < pictures:
            parts = run.step(pictures)
            if run.seen // BATCH % 50 == 0 and run.here.writes:
                told = "  ".join(f"{name} {value:.3f}" for name, value in parts.items())
                print(f"{run.seen} pictures, {time.monotonic() - begun:.0f} s: {told}", flush=True)
            if time.monotonic() - kept > every:
                run.save()
                kept = time.monotonic()
    finally:
        run.save()


@torch.inference_mode()
def examine(network: Network, lessons: Lessons) -> dict[str, object]:
    """Return what ``network`` gets right of ``lessons``: kinds, attributes, identity."""
    found = [network.recognise(part) for part in torch.split(to_batch(lessons), 100)]
    kinds = torch.cat([one.kinds for one in found])
    told = torch.cat([one.attributes for one in found])
    identity = torch.cat([one.identity for one in found])
    share = torch.from_numpy(weights(lessons.theta))
    truth = torch.from_numpy(labels(lessons.theta))
    usual = torch.arange(len(truth)) % 2 == 0  # the other half lies beyond what the renderer usually draws
    mae = errors(told[usual], truth[usual])
    pure = share.amax(1) > 0.9
    return {
        "pictures": len(truth),
        "kinds_right": float((kinds.argmax(1) == share.argmax(1))[pure].float().mean()),
        "mae": dict(zip(ATTRIBUTES, mae, strict=True)),
        "mae_of_range": {n: e / r for n, e, r in zip(ATTRIBUTES, mae, RANGES, strict=True)},
        "mae_beyond": dict(zip(ATTRIBUTES, errors(told[~usual], truth[~usual]), strict=True)),
        "identity_auc": same_kind(identity[pure], share[pure].argmax(1)),
    }


def same_kind(identity: Tensor, kind: Tensor) -> float:
    """Return how often two pictures of a kind are closer than two of different kinds: the area under the ROC."""
    cosine = identity @ identity.T
    above = torch.triu(torch.ones_like(cosine, dtype=torch.bool), 1)
    same = kind[:, None] == kind[None]
    yes, no = cosine[above & same], cosine[above & ~same]
    ranks = torch.cat([yes, no]).argsort().argsort().double() + 1
    return float((ranks[: len(yes)].sum() - len(yes) * (len(yes) + 1) / 2) / (len(yes) * float(len(no))))


def to_batch(lessons: Lessons) -> Tensor:
    """Return the pictures of ``lessons`` as [N, 3, 64, 64], -1..1."""
    return torch.from_numpy(lessons.pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def export(network: Network, path: Path) -> None:
    """Write ``network`` as fp16, with the names of what it tells."""
    state = {key: value.half().contiguous() for key, value in network.state_dict().items()}
    said = {"attributes": json.dumps(ATTRIBUTES), "kinds": json.dumps(KINDS)}
    write_whole(path, lambda part: save_file(state, part, metadata=said))


def main(argv: list[str] | None = None) -> int:
    """Teach, write, examine; 2 with one line on bad input."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--network", choices=tuple(PLANS), default="first")
    p.add_argument("--lessons", type=Path, required=True, help="folder of renders; missing ones are rendered")
    p.add_argument("--run", type=Path, required=True, help="folder of the snapshot")
    p.add_argument("--pictures", type=int, default=PICTURES)
    p.add_argument("--out", type=Path, help="where the weights go; without it, where the program reads them")
    p.add_argument("--save-every", type=float, default=KEEP, metavar="SECONDS")
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args(argv)
    torch.set_num_threads(a.threads)
    try:
        with together() as here:
            return _taught(a, here)
    except UserError as error:
        print(" ".join(str(error).split()), file=sys.stderr, flush=True)
        return 2


def _taught(a: argparse.Namespace, here: Together) -> int:
    here.check(BATCH)
    plan = PLANS[a.network]
    a.run.mkdir(parents=True, exist_ok=True)
    run = Run(plan, a.run, Lessons.open(a.lessons, *plan.lessons), here)
    learn(run, a.pictures, a.save_every)
    if not here.writes:
        return 0
    out = a.out or plan.out
    export(run.student.folded(plan.network()), out)
    report = examine(first.read_into(plan.network(), out), Lessons.open(a.lessons, *EXAM))
    write_whole(a.run / "exam.json", Path.write_text, json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
