"""The state of a run: the student, its average, the optimizers, and how they are saved."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.system.files import write_whole
from tools.fruit.losses import pyramid_loss
from tools.fruit.muon import Muon
from tools.fruit.parameters import Array
from tools.fruit.render import Pictures, tile
from tools.fruit.shards import Shards
from tools.fruit.student import Plan, Student, to_pictures, to_tensor
from tools.fruit.subject import SUBJECTS, Subject
from tools.train.together import Together


@dataclass(slots=True)
class Training:
    """The state of a run."""

    plan: Plan
    folder: Path
    together: Together = field(default_factory=Together)
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
        self.rng = np.random.default_rng([self.plan.seed, self.together.rank])
        if saved:
            self.student.load_state_dict(saved["student"])
            self.average.load_state_dict(saved["average"])
            for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
                optimizer.load_state_dict(state)
            self.images, self.seconds = saved["images"], saved["seconds"]
            self.rng = np.random.default_rng([self.plan.seed, self.images, self.together.rank])

    @property
    def batch(self) -> int:
        """How many pictures of a batch each process takes: all as many, so that their gradients weigh the same."""
        return -(-self.plan.batch // self.together.of)

    @property
    def subject(self) -> Subject:
        """What is drawn."""
        return SUBJECTS[self.plan.subject]

    def step(self, theta: Array, pictures: Pictures, resolution: int, rate: float) -> tuple[float, float]:
        """Learn from one batch, of which this is this process's part; returns (loss, plain L1)."""
        drawn = self.student(torch.from_numpy(theta), resolution)
        loss, plain = pyramid_loss(drawn, to_tensor(pictures, resolution), ground=self.subject.ground)
        self.learn(loss, rate, len(theta))
        return float(loss.detach()), float(plain.detach())

    def learn(self, loss: Tensor, rate: float, images: int) -> None:
        """Take one step along the loss of ``images`` images, and of the others' where several learn together."""
        self.student.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.together.average([p.grad for p in self.student.parameters() if p.grad is not None])
        images *= self.together.of
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        self.images += images  # the average follows
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
        """Write samples.png: rows of targets, and below each row what the averaged student draws."""
        theta, pictures = data.theta[:24], np.stack([data.picture(i) for i in range(24)])
        with torch.no_grad():
            drawn = to_pictures(self.average(torch.from_numpy(theta), resolution))
        wanted = to_pictures(to_tensor(pictures, resolution))
        rows = [x[i : i + 8] for i in range(0, 24, 8) for x in (wanted, drawn)]
        tile(np.concatenate(rows), 8).save(self.folder / f"samples-{self.images // 1000:05d}k.png")
