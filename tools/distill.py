"""Teach a StyleGAN2 to draw what a renderer draws: learn W from the renderer's own parameters first.

w = A theta + b is affine, so a straight line between two w is a straight line between two sets of parameters,
and truncation towards the mean shrinks the parameters towards theirs: whatever a performance does in W stays
fruit. The synthesis network learns from L1 on a Laplacian pyramid with the fruit weighted above
the white around it. `tools.fruit_mapping` then fits z -> w and writes the model.

    python -m tools.distill data/fruit --run data/run --minutes 60 --resolution 64
    python -m tools.distill data/fruit --run data/run --minutes 60            # goes on from the snapshot, 128 px

Ctrl-C saves. log.csv, samples and snapshot.pt lie in the run's folder.
"""

from __future__ import annotations

import argparse
import csv
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.generator.network import Config, FullyConnected, StyleGAN2, Synthesis
from tools.fast_forward import draw
from tools.fruit import KINDS, THETA, Array, Pictures, mean_theta, sample, tile
from tools.fruit_data import Shards
from tools.muon import Muon

# Freed memory kept in the process instead of handed back at every step: up to three times faster. Threads that
# spin for a moment before they sleep: they meet two thousand times a second, but must not burn a shared core.
# fmt: off
SURROUNDINGS = {"GOMP_SPINCOUNT": "30000",
                "MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "17179869184",
                "MALLOC_TOP_PAD_": "268435456", "MALLOC_ARENA_MAX": "1"}
# fmt: on


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is made of; kept in its snapshot. `resolution` is the network's, not the current stage's."""

    resolution: int = 128
    channel_base: int = 4096
    channel_max: int = 192
    z_dim: int = 64
    w_dim: int = 256
    mapping_layers: int = 4
    batch: int = 16
    rate: float = 3e-3
    ema_images: float = 10_000.0  # half-life of the averaged weights
    seed: int = 0

    def config(self) -> Config:
        """The network's settings."""
        sizes = [2**k for k in range(2, self.resolution.bit_length())]
        return Config(
            img_resolution=self.resolution,
            z_dim=self.z_dim,
            w_dim=self.w_dim,
            channels=tuple(min(self.channel_base // r, self.channel_max) for r in sizes),
            mapping_features=(self.w_dim,) * self.mapping_layers,
        )


class Embedding(nn.Module):
    """theta [N, THETA] -> w [N, w_dim]: affine, drawn once and left alone, since every layer reads w through an
    affine map of its own that can undo it.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, w_dim: int) -> None:
        super().__init__()
        scale = torch.full((THETA,), 1.7)  # uniform in -1..1 to unit variance
        scale[: len(KINDS)] = 3.5  # a kind is one of many
        self.register_buffer("centre", torch.from_numpy(mean_theta()))
        self.register_buffer("scale", scale)
        self.linear = nn.Linear(THETA, w_dim)
        self.requires_grad_(False)
        nn.init.normal_(self.linear.weight, std=0.6 * THETA**-0.5)
        nn.init.zeros_(self.linear.bias)

    def forward(self, theta: Tensor) -> Tensor:
        """Map parameters to w."""
        return self.linear((theta - self.centre) * self.scale)  # type: ignore[no-any-return]


@torch.no_grad()
def lift(embedding: Embedding, synthesis: Synthesis) -> None:
    """Move W above zero and tell every layer's affine map, so that no picture changes.

    There the mapping network's last nonlinearity is a straight line and cannot bend what is to be flat. Only done
    to a finished student: while it learns, w around zero is what Adam handles best.
    """
    theta = torch.from_numpy(sample(np.random.default_rng(0), 20_000))
    shift = 0.1 - embedding(theta).amin(0)
    embedding.linear.bias.add_(shift)
    for name, module in synthesis.named_modules():
        if name.endswith("affine") and isinstance(module, FullyConnected):
            module.bias.sub_((module.weight * module.weight_gain) @ shift / module.bias_gain)


class Student(nn.Module):
    """The generator and the way into its W."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.embedding = Embedding(plan.w_dim)
        self.generator = StyleGAN2.random(plan.config(), plan.seed)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, theta: Tensor, resolution: int) -> Tensor:
        """Draw theta [N, THETA] at one of the network's block resolutions: [N, 3, r, r], about -1..1."""
        return draw(self.generator.synthesis, self.embedding(theta), resolution)


def to_tensor(pictures: Pictures, resolution: int) -> Tensor:
    """Pictures [N, r, r, 3] uint8 -> [N, 3, resolution, resolution] float -1..1, box-filtered down."""
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    return F.avg_pool2d(x, x.shape[-1] // resolution)


def to_pictures(x: Tensor) -> Pictures:
    """[N, 3, r, r] about -1..1 -> [N, r, r, 3] uint8."""
    x = ((x.detach().float().clamp(-1, 1) + 1) * 127.5).round().permute(0, 2, 3, 1)
    return np.asarray(x.to(torch.uint8).numpy())


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
        self.student.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        self.images += len(theta)
        self.follow(len(theta))
        return float(loss.detach()), float(plain.detach())

    @torch.no_grad()
    def follow(self, images: int) -> None:
        """Move the averaged weights towards the student's; early on they follow closely."""
        half_life = min(self.plan.ema_images, self.images / 10 + 1)
        for old, new in zip(self.average.parameters(), self.student.parameters(), strict=True):
            old.lerp_(new, 1 - 0.5 ** (images / half_life))

    def save(self) -> None:
        """Write snapshot.pt whole or not at all."""
        part = self.folder / "snapshot.part"
        with part.open("wb") as f:
            torch.save(
                {
                    "plan": asdict(self.plan),
                    "student": self.student.state_dict(),
                    "average": self.average.state_dict(),
                    "optimizers": [o.state_dict() for o in self.optimizers],
                    "images": self.images,
                    "seconds": self.seconds,
                },
                f,
            )
            f.flush()
            os.fsync(f.fileno())
        part.rename(self.folder / "snapshot.pt")

    def draw_samples(self, data: Shards, resolution: int) -> None:
        """samples.png: six rows of targets with what the averaged student makes of each below."""
        theta, pictures = data.theta[:24], np.stack([data.picture(i) for i in range(24)])
        with torch.no_grad():
            drawn = to_pictures(self.average(torch.from_numpy(theta), resolution))
        wanted = to_pictures(to_tensor(pictures, resolution))
        rows = [x[i : i + 8] for i in range(0, 24, 8) for x in (wanted, drawn)]
        tile(np.concatenate(rows), 8).save(self.folder / f"samples-{self.images // 1000:05d}k.png")


def train(run: Training, data: Shards, resolution: int, minutes: float, settle: float, report: float) -> None:
    """Learn for so many minutes; the rate falls to a twentieth over the last `settle` share of them."""
    stop: list[int] = []
    previous = signal.signal(signal.SIGINT, lambda *_: stop.append(1))
    start = marked = time.monotonic()
    drawn_at, begun, seen, losses = 0.0, run.seconds, run.images, []
    with (run.folder / "log.csv").open("a", newline="") as f:
        while not stop and (spent := time.monotonic() - start) < minutes * 60:
            left = 1 - spent / (minutes * 60)
            rate = run.plan.rate * min(1.0, 0.05 + 0.95 * left / max(settle, 1e-6), 0.1 + run.images / 5000)
            losses.append(run.step(*data.draw(run.rng, run.plan.batch), resolution, rate))
            run.seconds = begun + spent
            if (now := time.monotonic()) - marked > report:
                loss, plain = np.mean(losses, axis=0)
                pace = (run.images - seen) / (now - marked)
                row = (run.images, round(run.seconds), resolution, rate, loss, plain, pace, data.refresh())
                csv.writer(f).writerow([f"{x:.5g}" if isinstance(x, float) else x for x in row])
                f.flush()
                print(
                    f"{run.images:>8} images  {pace:5.1f}/s  loss {loss:.4f}  L1 {plain:.4f}  rate {rate:.1e}  "
                    f"{len(data)} in the data  {left * minutes:.0f} min left",
                    flush=True,
                )
                marked, seen, losses = now, run.images, []
                if now - drawn_at > 20 * report:
                    drawn_at = now
                    run.save()
                    run.draw_samples(data, resolution)
    run.save()
    run.draw_samples(data, resolution)
    signal.signal(signal.SIGINT, previous)


def main() -> None:
    """Start a run or go on with it."""
    if any(os.environ.get(k) != v for k, v in SURROUNDINGS.items()):
        os.environ.update(SURROUNDINGS)  # glibc reads these once, before main
        os.execv(sys.executable, [sys.executable, "-m", "tools.distill", *sys.argv[1:]])
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data", type=Path, help="folder of shards, may still be growing")
    p.add_argument("--run", type=Path, required=True)
    p.add_argument("--minutes", type=float, default=60)
    p.add_argument("--resolution", type=int, default=128, help="train the blocks up to this one")
    p.add_argument("--settle", type=float, default=0.0, help="share of the time in which the rate falls")
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--rate", type=float, default=3e-3)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--report", type=float, default=15.0, help="seconds between lines of the log")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    a.run.mkdir(parents=True, exist_ok=True)
    train(
        Training(Plan(batch=a.batch, rate=a.rate), a.run),
        Shards(a.data, pose=0.8),
        a.resolution,
        a.minutes,
        a.settle,
        a.report,
    )


if __name__ == "__main__":
    main()
