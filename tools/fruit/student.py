"""The student: a StyleGAN2 whose W is an affine map of what a renderer's pictures are made from (the garden's nearly).

A straight line between two w is a straight line between two sets of parameters, and truncation towards the mean
shrinks the parameters towards their own mean. A performance that moves in W always shows fruit.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.generator.networks.layers import FullyConnected
from engine.generator.networks.stylegan2 import Config, StyleGAN2, Synthesis
from tools.fruit.cpu_synthesis import draw
from tools.fruit.render import Pictures
from tools.fruit.subject import FRUIT, SUBJECTS, Subject

SPREAD = 1.7  # times; brings a knob, uniform in -1..1, to unit variance


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
    ema_images: float = 10_000.0  # images; half-life of the averaged weights
    seed: int = 0
    subject: str = "fruit"
    pairs: int = 0  # of w_dim; tell the kinds' own knobs, see Embedding

    def config(self) -> Config:
        """The network's settings."""
        sizes = [2**k for k in range(2, self.resolution.bit_length())]
        return Config(
            img_resolution=self.resolution,
            z_dim=self.z_dim,
            img_channels=SUBJECTS[self.subject].channels,
            w_dim=self.w_dim,
            channels=tuple(min(self.channel_base // r, self.channel_max) for r in sizes),
            mapping_features=(self.w_dim,) * self.mapping_layers,
        )


class Embedding(nn.Module):
    """theta [N, THETA] -> w [N, w_dim]: drawn once and left alone, since every layer reads w through an affine map of
    its own that can undo it.

    The first numbers of w are affine in theta. The last ``pairs`` ones tell every kind's own part of every knob: styles
    are affine in w, so without them curling a rose would move every channel as curling a tulip does. They are affine
    in the knobs of one kind and in the kinds at equal knobs, and shrink with truncation as all of w.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, w_dim: int, subject: Subject = FRUIT, seed: int = 0, pairs: int = 0) -> None:
        super().__init__()
        scale = torch.full((subject.theta,), SPREAD)
        scale[: subject.kinds] = 3.5  # one of the kinds is large, the others are near 0
        self.register_buffer("centre", torch.from_numpy(subject.mean_theta()))
        self.register_buffer("scale", scale)
        self.kinds = subject.kinds
        self.linear = nn.Linear(subject.theta, w_dim - pairs)
        self.pairs = nn.Linear(subject.kinds * (subject.theta - subject.kinds), pairs) if pairs else None
        self.requires_grad_(False)
        drawn = torch.Generator().manual_seed(seed)
        nn.init.normal_(self.linear.weight, std=0.6 * subject.theta**-0.5, generator=drawn)
        nn.init.zeros_(self.linear.bias)
        if self.pairs is not None:
            nn.init.normal_(self.pairs.weight, std=0.2, generator=drawn)  # w is then about as wide as the other part
            nn.init.zeros_(self.pairs.bias)

    def forward(self, theta: Tensor) -> Tensor:
        """Map parameters to w."""
        w: Tensor = self.linear((theta - self.centre) * self.scale)
        return w if self.pairs is None else torch.cat([w, self.pairs(self.products(theta))], 1)

    def products(self, theta: Tensor) -> Tensor:
        """Return share times knob for every kind and knob [N, kinds * knobs], around 0; truncated as theta is.

        A sample has no share of some kind; what theta has of it is the mean's, and tells how far theta was truncated.
        """
        psi = (1 - self.kinds * theta[:, : self.kinds].amin(1, keepdim=True)).clamp(0.2, 1.0)
        whole = self.centre + (theta - self.centre) / psi
        shares, knobs = whole[:, : self.kinds], whole[:, self.kinds :]
        return SPREAD * psi * torch.einsum("nk,nj->nkj", shares, knobs).flatten(1)

    def biases(self) -> list[Tensor]:
        """Return what is added to w, part by part."""
        return [part.bias for part in (self.linear, self.pairs) if part is not None]


@torch.no_grad()
def lift(embedding: Embedding, synthesis: Synthesis, subject: Subject = FRUIT) -> None:
    """Move W above zero and tell every layer's affine map, so that no picture changes.

    Above zero the mapping network's last nonlinearity is a straight line and keeps W flat. This is done to a
    finished student only: while it learns, Adam works best with w around zero.
    """
    theta = torch.from_numpy(subject.sample(np.random.default_rng(0), 20_000))
    move(embedding, synthesis, 0.1 - embedding(theta).amin(0))


@torch.no_grad()
def move(embedding: Embedding, synthesis: Synthesis, shift: Tensor) -> None:
    """Add ``shift`` [w_dim] to every w and tell every layer's affine map, so that no picture changes."""
    parts = embedding.biases()
    for bias, part in zip(parts, torch.split(shift, [len(each) for each in parts]), strict=True):
        bias.add_(part)
    for name, module in synthesis.named_modules():
        if name.endswith("affine") and isinstance(module, FullyConnected):
            module.bias.sub_((module.weight * module.weight_gain) @ shift / module.bias_gain)


class Student(nn.Module):
    """The generator and the way into its W."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.embedding = Embedding(plan.w_dim, SUBJECTS[plan.subject], plan.seed, plan.pairs)
        self.generator = StyleGAN2.random(plan.config(), plan.seed)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, theta: Tensor, resolution: int) -> Tensor:
        """Draw theta [N, THETA] at one of the network's block resolutions: [N, channels, r, r], about -1..1."""
        return draw(self.generator.synthesis, self.embedding(theta), resolution)


def finished(run: Path) -> tuple[Student, Plan, int]:
    """Return the averaged student of a run's folder, its plan, and how many images it has learnt from.

    A run of tools.garden keeps its best snapshot as best.pt; of others the last one is taken.
    """
    best = run / "best.pt"
    saved = torch.load(best if best.exists() else run / "snapshot.pt", weights_only=True)
    plan = Plan(**saved["plan"])
    student = Student(plan)
    student.load_state_dict(saved["average"])
    return student, plan, saved["images"]


def to_tensor(pictures: Pictures, resolution: int) -> Tensor:
    """Pictures [N, r, r, C] uint8 -> [N, C, resolution, resolution] float -1..1, box-filtered down."""
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    return F.avg_pool2d(x, x.shape[-1] // resolution)


def to_pictures(x: Tensor) -> Pictures:
    """[N, C, r, r] about -1..1 -> [N, r, r, C] uint8."""
    x = ((x.detach().float().clamp(-1, 1) + 1) * 127.5).round().permute(0, 2, 3, 1)
    return np.asarray(x.to(torch.uint8).numpy())
