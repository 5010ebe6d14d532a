"""The closed-form fit of a calibration: a few whole pictures, and one ridge regression per stop.

Fitted per stop, in fp32 (solved in fp64): a matrix on the picture so far and one on what every block above paints
(colour, as AdaIN would match it), weights beside the stop's ToRGB, and a bias, so that the picture is the whole
one averaged down. The ridge pulls towards what the network itself says, so few pictures suffice.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.generator.backends import cost as work
from engine.generator.backends.blocks import Given
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.prepare import Prepared, prepare
from engine.generator.calibration import files as calibration_files
from engine.generator.calibration.calibration import Calibration, Rest, perceive, pixels, stops
from engine.generator.networks.stylegan2 import StyleGAN2
from engine.generator.points import seeds_to_z

FIRST_SEED = 1_000_000  # pictures to fit on begin here: far from those that people look at
PIXELS = 2048  # of every picture
RIDGE = 1e-2  # of each feature's own power
EFFORT = 6e11  # floating-point operations that whole pictures may cost at first use: a few seconds on two cores
FEWEST, MOST = 12, 48  # pictures


@dataclass(frozen=True, slots=True)
class Example:
    """What one picture teaches about one stop, at P of its pixels: maps [P, C], picture so far and target [P, 3]."""

    level: int
    rows: Tensor
    so_far: Tensor
    target: Tensor
    styles: Tensor
    scales: Tensor


def on_cpu(network: StyleGAN2) -> Prepared:
    """Prepare the network for fitting on the CPU, wherever it plays."""
    return prepare(network if network.mapping.w_avg.device.type == "cpu" else copy.deepcopy(network).cpu())


def pictures_to_fit(prepared: Prepared) -> int:
    """How many pictures a fit at first use is made from."""
    return int(min(max(EFFORT // work.flops(prepared.network.config), FEWEST), MOST))


@torch.no_grad()
def sample_ws(network: StyleGAN2, seeds: Iterable[int], psi: float | None = None) -> Tensor:
    """Return ws [n, num_ws, w_dim]; ``psi`` None draws each truncation from 0.5..1, by the seed."""
    numbers = list(seeds)
    z = torch.from_numpy(seeds_to_z(numbers, network.config.z_dim))
    c_dim = network.config.c_dim
    c = F.one_hot(torch.tensor(numbers) % c_dim, c_dim).float() if c_dim else None
    ws = network.mapping(z, c)
    drawn = [np.random.default_rng(seed).uniform(0.5, 1.0) if psi is None else psi for seed in numbers]
    w_avg = network.mapping.w_avg
    return w_avg + torch.tensor(drawn, dtype=torch.float32)[:, None, None] * (ws - w_avg)  # type: ignore[no-any-return]


@torch.no_grad()
def examples(prepared: Prepared, ws: Tensor, levels: list[int], dtype: torch.dtype, count: int) -> Iterator[Example]:
    """Render every ws [n, num_ws, w_dim] whole; yield ``count`` pixels of each stop in ``levels``, or all in order."""
    blocks = EagerBlocks(prepared, dtype)
    for number, one in enumerate(ws):
        styles, scales = prepared.modulation(one)
        x = img = None
        seen: dict[int, tuple[Tensor, Tensor]] = {}
        for level in range(len(prepared.blocks)):
            x, img = blocks.run(level, x, img, Given(styles, scales))
            if level in levels and img is not None:
                seen[level] = pixels(x), pixels(img)
        assert img is not None
        draw = torch.Generator().manual_seed(number)
        for level, (rows, so_far) in seen.items():
            target = pixels(F.avg_pool2d(img, 2 ** (len(prepared.blocks) - 1 - level)))
            chosen = torch.randperm(len(rows), generator=draw)[:count] if count < len(rows) else slice(None)
            yield Example(level, rows[chosen].float(), so_far[chosen].float(), target[chosen], styles, scales)


class Regression:
    """The sums a stop's ridge regression needs, gathered example by example."""

    def __init__(self, prepared: Prepared, level: int) -> None:
        self.prepared, self.level = prepared, level
        self.rest = Rest.of(prepared, level)
        self.channels, self.width = self.rest.own.shape
        size = self.width + self.channels * (1 + len(self.rest.paint)) + 1
        self._gram = torch.zeros(size, size, dtype=torch.float64)
        self._moment = torch.zeros(size, self.channels, dtype=torch.float64)

    def add(self, example: Example) -> None:
        """Take an example into account."""
        _, painted = perceive(
            self.rest, self.prepared, self.level, example.rows, example.styles, example.scales
        )
        rgb = self.prepared.blocks[self.level].rgb
        assert rgb is not None
        modulated = example.rows * example.styles[rgb.style_at : rgb.style_at + rgb.fan_in]
        features = torch.cat([modulated, example.so_far, *painted, torch.ones(len(modulated), 1)], dim=1)
        missing = example.target - example.so_far - torch.stack([*painted]).sum(dim=0) - self.rest.bias
        self._gram += (features.T @ features).double()
        self._moment += (features.T @ missing).double()

    def solve(self) -> Rest:
        """Return the fitted rest, or the network's own where the sums are of no use."""
        power = self._gram.diagonal().sqrt().clamp_min(1e-9)
        gram = self._gram / power / power[:, None] + RIDGE * torch.eye(len(power), dtype=torch.float64)
        solved, bad = torch.linalg.solve_ex(gram, self._moment / power[:, None])
        solved = (solved / power[:, None]).float()
        if bool(bad) or not torch.isfinite(solved).all():
            return self.rest
        own, colour, *mixes = solved[:-1].T.split([self.width] + [self.channels] * (1 + len(self.rest.paint)), dim=1)
        paint = [weight + mix @ weight for weight, mix in zip(self.rest.paint, mixes, strict=True)]
        return Rest(own.contiguous(), colour.contiguous(), self.rest.bias + solved[-1], self.rest.kernels, paint)


def fit(prepared: Prepared, levels: list[int] | None = None, count: int | None = None) -> Calibration:
    """Fit every stop (or those at ``levels``) on ``count`` pictures; ``prepared`` lies on the CPU.

    The same network and count give the same calibration.
    """
    wanted = stops(prepared) if levels is None else levels
    sums = {level: Regression(prepared, level) for level in wanted}
    count = pictures_to_fit(prepared) if count is None else count
    ws = sample_ws(prepared.network, range(FIRST_SEED, FIRST_SEED + count))
    with torch.inference_mode():
        for example in examples(prepared, ws, wanted, torch.float32, PIXELS):
            sums[example.level].add(example)
        rests = {prepared.blocks[level].resolution: one.solve() for level, one in sums.items()}
    return Calibration(prepared, rests)


def begin(generator: Any, network: StyleGAN2, model: Path, digest: str) -> None:
    """Let ``generator`` show reduced pictures as the whole ones: by what is stored for the checkpoint ``model``.

    Where nothing is, by the network's own weights, and, if it begins reduced, by a fit as soon as that is ready; the
    fit is kept for the next start.
    """
    blocks = getattr(generator, "blocks", None)
    prepared = prepare(network) if blocks is None else blocks.prepared
    if not stops(prepared):
        return
    stored = calibration_files.find(model, digest, prepared, generator.note)

    def fitted() -> Calibration:
        made = fit(on_cpu(network))
        calibration_files.keep(made, digest)
        return made

    reduced = generator.resolution != generator.model_resolution
    generator.calibrate(stored or Calibration(prepared), fitted if stored is None and reduced else None)
