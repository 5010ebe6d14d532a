"""Teach a StyleGAN2 to draw what a renderer draws: learn W from the renderer's own parameters first.

w = A theta + b is affine, so a straight line between two w is a straight line between two sets of parameters,
and truncation towards the mean shrinks the parameters towards theirs: whatever a performance does in W stays
fruit. The synthesis network learns from L1 on a Laplacian pyramid with the fruit weighted above
the white around it. `tools.fruit.mapping` then fits z -> w and writes the model.

    python -m tools.fruit.distill data/fruit --run data/run --minutes 60 --resolution 64
    python -m tools.fruit.distill data/fruit --run data/run --minutes 60            # goes on from the snapshot, 128 px

Ctrl-C saves. log.csv, samples and snapshot.pt lie in the run's folder.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.system.files import write_whole
from tools.fruit.muon import Muon
from tools.fruit.render import Array, Pictures, tile
from tools.fruit.shards import Shards
from tools.fruit.student import Plan, Student, to_pictures, to_tensor
from tools.fruit.timed_run import arguments, sit, surround


def pyramid_loss(drawn: Tensor, target: Tensor, levels: int = 4) -> tuple[Tensor, Tensor]:
    """(loss, plain L1). Fruit counts five times what white does, and detail more; fine bands as much as coarse ones.

    The squares see to what is small and rare: by L1 alone the best strawberry for want of knowing exactly where
    its seeds are has none, and nothing pulls the first ones into place.
    """
    away = 1 - target.amin(1, keepdim=True)  # 0 on white, up to 2 in saturated fruit
    contrast = _detail(target)[0].abs().mean(1, keepdim=True)
    weight = 1 + 4 * F.max_pool2d((away > 0.12).float(), 3, 1, 1) + 12 * contrast.clamp(max=0.5)
    weight = weight / weight.mean()
    error = drawn - target
    plain = error.abs().mean()
    loss = (weight * (error.abs() + 2 * error.square())).mean()
    for _ in range(levels):
        detail, error = _detail(error)
        loss = loss + 1.5 * (weight * (detail.abs() + 2 * detail.square())).mean()
        weight = F.avg_pool2d(weight, 2)
    return loss, plain


def _detail(x: Tensor) -> tuple[Tensor, Tensor]:
    """Split [N,C,H,W] into what only this resolution shows and the rest at half the resolution."""
    small = F.avg_pool2d(x, 2)
    return x - F.interpolate(small, scale_factor=2, mode="nearest"), small


@dataclass(slots=True)
class Training:
    """Everything that changes while a run goes on, and how it is saved."""

    plan: Plan
    folder: Path
    student: Student = field(init=False)
    average: Student = field(init=False)
    optimizers: tuple[torch.optim.Optimizer, ...] = field(init=False)
    rng: np.random.Generator = field(init=False)
    images: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        path = self.folder / "snapshot.pt"
        saved = torch.load(path, weights_only=True) if path.exists() else None
        if saved:
            self.plan = replace(Plan(**saved["plan"]), batch=self.plan.batch, rate=self.plan.rate)
        self.student, self.average = Student(self.plan), Student(self.plan)
        weights = list(self.student.generator.synthesis.named_parameters())
        kernels = [p for name, p in weights if "conv" in name and p.ndim == 4]
        others = [p for name, p in weights if not ("conv" in name and p.ndim == 4)]
        self.optimizers = (torch.optim.Adam(others, lr=self.plan.rate, betas=(0.9, 0.99), fused=True), Muon(kernels))
        self.average.load_state_dict(self.student.state_dict())
        self.rng = np.random.default_rng(self.plan.seed)
        if saved:
            self.student.load_state_dict(saved["student"])
            self.average.load_state_dict(saved["average"])
            for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
                optimizer.load_state_dict(state)
            self.images, self.seconds = saved["images"], saved["seconds"]
            self.rng = np.random.default_rng([self.plan.seed, self.images])

    def step(self, theta: Array, pictures: Pictures, resolution: int, rate: float) -> tuple[float, float]:
        """Learn from one batch; returns (loss, plain L1)."""
        drawn = self.student(torch.from_numpy(theta), resolution)
        loss, plain = pyramid_loss(drawn, to_tensor(pictures, resolution))
        self.learn(loss, rate, len(theta))
        return float(loss.detach()), float(plain.detach())

    def learn(self, loss: Tensor, rate: float, images: int) -> None:
        """Let the student learn from the loss of so many images, and its average follow."""
        self.student.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        self.images += images
        self.follow(images)

    @torch.no_grad()
    def follow(self, images: int) -> None:
        """Move the averaged weights towards the student's; early on they follow closely."""
        half_life = min(self.plan.ema_images, self.images / 10 + 1)
        for old, new in zip(self.average.parameters(), self.student.parameters(), strict=True):
            old.lerp_(new, 1 - 0.5 ** (images / half_life))

    def save(self) -> None:
        """Write snapshot.pt whole or not at all."""
        state = {
            "plan": asdict(self.plan),
            "student": self.student.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "images": self.images,
            "seconds": self.seconds,
        }
        write_whole(self.folder / "snapshot.pt", lambda part: torch.save(state, part))

    def draw_samples(self, data: Shards, resolution: int) -> None:
        """samples.png: six rows of targets with what the averaged student makes of each below."""
        theta, pictures = data.theta[:24], np.stack([data.picture(i) for i in range(24)])
        with torch.no_grad():
            drawn = to_pictures(self.average(torch.from_numpy(theta), resolution))
        wanted = to_pictures(to_tensor(pictures, resolution))
        rows = [x[i : i + 8] for i in range(0, 24, 8) for x in (wanted, drawn)]
        tile(np.concatenate(rows), 8).save(self.folder / f"samples-{self.images // 1000:05d}k.png")


@dataclass(slots=True)
class Drawing:
    """Learning to draw what the renderer draws, at one of the network's resolutions."""

    run: Training
    resolution: int
    log: str = "log.csv"
    names: tuple[str, ...] = ("loss", "L1")

    def warmth(self) -> float:
        """See Lesson."""
        return 0.1 + self.run.images / 5000

    def step(self, data: Shards, rate: float) -> tuple[float, float]:
        """See Lesson."""
        return self.run.step(*data.draw(self.run.rng, self.run.plan.batch), self.resolution, rate)

    def save(self) -> None:
        """See Lesson."""
        self.run.save()


def main() -> None:
    """Start a run or go on with it."""
    surround("tools.fruit.distill")
    p = arguments(__doc__, batch=16, rate=3e-3, settle=0.0)
    p.add_argument("--resolution", type=int, default=128, help="train the blocks up to this one")
    a = p.parse_args()
    a.run.mkdir(parents=True, exist_ok=True)
    run = Training(Plan(batch=a.batch, rate=a.rate), a.run)
    sit(Drawing(run, a.resolution), Shards(a.data, pose=0.8), a)


if __name__ == "__main__":
    main()
