"""What a projection is given: a generator, a picture, what sees, and where to begin."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from engine.generator.inversion.encoders.encoder import Encoder
from engine.generator.networks.network import Network
from engine.generator.perceptual.distance import Perceptual

Space = Literal["w", "w+"]
STATISTICS_SEED = 123  # of the z that w's mean and spread are measured from, as StyleGAN2's projector has it


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Random numbers to use in place of drawn ones: noise maps at the start, and the w noise [steps, w_dim]."""

    noise: Sequence[Tensor]
    w: Tensor


@dataclass(slots=True, eq=False, kw_only=True)
class Problem:
    """A picture to be found.

    `target` is [1, C, H, W], -1..1, at the network's size; `mask` [1, 1, H, W], 0..1, says what counts. `encoder` is an
    in-domain recipe's regulariser. `start` [1, num_ws, w_dim] is where the descent begins; None is the average w.
    `w_samples` z say how w is spread.
    """

    network: Network
    target: Tensor
    perceptual: Perceptual | None = None
    encoder: Encoder | None = None
    space: Space = "w+"
    noise_maps: bool = False
    start: Tensor | None = None
    noises: Sequence[Tensor] = ()
    mask: Tensor | None = None
    steps: int = 1000
    seed: int = 0
    draws: Draws | None = None
    w_samples: int = 10_000
    generator: torch.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.generator = torch.Generator().manual_seed(self.seed)

    @torch.no_grad()
    def sample_w(self) -> Tensor:
        """Return `w_samples` w [n, w_dim] of fixed z."""
        z = np.random.RandomState(STATISTICS_SEED).randn(self.w_samples, self.network.z_dim)
        given = torch.from_numpy(z).float().to(self.network.device)
        return torch.cat([self.network.map(given[at : at + 1000])[:, 0] for at in range(0, len(given), 1000)])

    def repeated(self, w: Tensor) -> Tensor:
        """Return w [1, 1 or num_ws, w_dim] as ws."""
        return w if w.shape[1] == self.network.num_ws else w.repeat(1, self.network.num_ws, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Stepped:
    """What one step has seen before it moved: the loss, and its share that compares pictures."""

    loss: float
    distance: float


class Descent(ABC):
    """A recipe at work on one problem."""

    problem: Problem
    better_is_last = False  # the last point counts, not the best: what the recipe's own program returns

    @property
    @abstractmethod
    def ws(self) -> Tensor:
        """The point [1, num_ws, w_dim] it has come to, without gradients."""

    @abstractmethod
    def step(self, index: int, progress: float) -> Stepped:
        """Take step ``index``, from 0; ``progress`` 0..1 is how much of its steps or its time has gone."""

    @torch.no_grad()
    def picture(self) -> Tensor:
        """Return what it has come to [1, C, R, R], at the size it works at."""
        return self.problem.network.synthesize(self.ws)
