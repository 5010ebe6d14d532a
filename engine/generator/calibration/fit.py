"""The closed-form fit of a calibration: a few pictures of the whole model, and one ridge regression per stop.

For every stop it fits a matrix on the picture so far, a matrix on the addition of every block above, weights beside
the stop's ToRGB, and a bias. The target is the whole model's picture, averaged down. The matrices match colours as
AdaIN does. Sums are fp32 and solved in fp64. The ridge pulls towards the network's own weights, so few pictures are
enough.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.generator.backends.blocks import Given
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.memory import MB, frame_bytes, free_bytes
from engine.generator.backends.prepare import Prepared, prepare
from engine.generator.calibration import files as calibration_files
from engine.generator.calibration.calibration import Calibration, Rest, perceive, pixels, stops
from engine.generator.calibration.staged import StagedCalibration, StagedRegression, pictures
from engine.generator.networks.network import Network
from engine.generator.player import Player
from engine.generator.points import seeds_to_z

FIRST_SEED = 1_000_000  # seed of the first picture of a fit, far from the seeds that people use
PIXELS = 2048  # pixels of each picture that enter the fit
RIDGE = 1e-2  # of a feature's power; strength of the ridge
EFFORT = 6e11  # floating-point operations for the pictures of a fit: a few seconds on two cores
FEWEST, MOST = 12, 48  # pictures; limits of their number in a fit


@dataclass(frozen=True, slots=True)
class Example:
    """P pixels of one picture at one stop: its maps [P, C], the picture so far [P, 3] and the target [P, 3]."""

    level: int
    rows: Tensor
    so_far: Tensor
    target: Tensor
    styles: Tensor
    scales: Tensor


def on_cpu(network: Network) -> Prepared:
    """Return the network prepared on the CPU; one on another device is copied."""
    return prepare(network if network.device.type == "cpu" else copy.deepcopy(network).cpu())


def pictures_to_fit(prepared: Prepared) -> int:
    """Return the number of pictures for a fit during a show."""
    cost = prepared.network.cost()
    return FEWEST if cost is None else int(min(max(EFFORT // cost.flops, FEWEST), MOST))


@torch.no_grad()
def sample_ws(network: Network, seeds: Iterable[int], psi: float | None = None) -> Tensor:
    """Return ws [n, num_ws, w_dim] of ``seeds``, truncated by ``psi``; None: each seed draws its own from 0.5..1."""
    numbers = list(seeds)
    z = torch.from_numpy(seeds_to_z(numbers, network.z_dim))
    c_dim = network.c_dim
    c = F.one_hot(torch.tensor(numbers) % c_dim, c_dim).float() if c_dim else None
    ws = network.map(z, c)
    drawn = [np.random.default_rng(seed).uniform(0.5, 1.0) if psi is None else psi for seed in numbers]
    w_avg = network.w_avg
    return w_avg + torch.tensor(drawn, dtype=torch.float32)[:, None, None] * (ws - w_avg)


@torch.no_grad()
def examples(prepared: Prepared, ws: Tensor, levels: list[int], dtype: torch.dtype, count: int) -> Iterator[Example]:
    """Render every one of ``ws`` [n, num_ws, w_dim] whole; yield its example for each stop in ``levels``.

    ``count`` pixels are drawn at random, or all are taken in order where there are fewer.
    """
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


def ridge(gram: Tensor, moment: Tensor) -> Tensor | None:
    """Return the solution [size, 3] of a regression's sums, or None where there is no finite one."""
    power = gram.diagonal().sqrt().clamp_min(1e-9)
    gram = gram / power / power[:, None] + RIDGE * torch.eye(len(power), dtype=torch.float64)
    solved, bad = torch.linalg.solve_ex(gram, moment / power[:, None])
    solved = (solved / power[:, None]).float()
    return None if bool(bad) or not torch.isfinite(solved).all() else solved


class Regression:
    """The sums for a stop's ridge regression, over all examples."""

    def __init__(self, prepared: Prepared, level: int) -> None:
        self.prepared, self.level = prepared, level
        self.rest = Rest.of(prepared, level)
        self.channels, self.width = self.rest.own.shape
        size = self.width + self.channels * (1 + len(self.rest.paint)) + 1
        self._gram = torch.zeros(size, size, dtype=torch.float64)
        self._moment = torch.zeros(size, self.channels, dtype=torch.float64)

    def add(self, example: Example) -> None:
        """Add an example to the sums."""
        _, painted = perceive(self.rest, self.prepared, self.level, example.rows, example.styles, example.scales)
        rgb = self.prepared.blocks[self.level].rgb
        assert rgb is not None
        modulated = example.rows * example.styles[rgb.style_at : rgb.style_at + rgb.fan_in]
        features = torch.cat([modulated, example.so_far, *painted, torch.ones(len(modulated), 1)], dim=1)
        missing = example.target - example.so_far - torch.stack([*painted]).sum(dim=0) - self.rest.bias
        self._gram += (features.T @ features).double()
        self._moment += (features.T @ missing).double()

    def solve(self) -> Rest:
        """Return the fitted rest, or the network's own where there is no finite solution."""
        solved = ridge(self._gram, self._moment)
        if solved is None:
            return self.rest
        sizes = [self.width] + [self.channels] * (1 + len(self.rest.paint))
        own, colour, *mixes = torch.split_with_sizes(solved[:-1].T, sizes, dim=1)
        paint = [weight + mix @ weight for weight, mix in zip(self.rest.paint, mixes, strict=True)]
        return Rest(own.contiguous(), colour.contiguous(), self.rest.bias + solved[-1], self.rest.kernels, paint)


def fit(prepared: Prepared, levels: list[int] | None = None, count: int | None = None) -> Calibration:
    """Fit every stop, or those at ``levels``, on ``count`` pictures; ``prepared`` is on the CPU.

    The same network and count give the same calibration.
    """
    wanted = stops(prepared) if levels is None else levels
    if prepared.network.is_staged:
        return _fit_staged(prepared, wanted, pictures_to_fit(prepared) if count is None else count)
    sums = {level: Regression(prepared, level) for level in wanted}
    count = pictures_to_fit(prepared) if count is None else count
    ws = sample_ws(prepared.network, range(FIRST_SEED, FIRST_SEED + count))
    with torch.inference_mode():
        for example in examples(prepared, ws, wanted, torch.float32, PIXELS):
            sums[example.level].add(example)
        rests = {prepared.blocks[level].resolution: one.solve() for level, one in sums.items()}
    return Calibration(prepared, rests)


def _fit_staged(prepared: Prepared, levels: list[int], count: int) -> StagedCalibration:
    """Return the same for a staged network."""
    calibration = StagedCalibration(prepared)
    sums = {level: StagedRegression(calibration, prepared, level) for level in levels}
    ws = sample_ws(prepared.network, range(FIRST_SEED, FIRST_SEED + count))
    with torch.inference_mode():
        for number, (level, x, img, styles, target) in enumerate(pictures(prepared, ws, levels)):
            draw = torch.Generator().manual_seed(number)
            sums[level].add(x, img, styles, target, torch.randperm(len(target), generator=draw)[:PIXELS])
        for level, one in sums.items():
            solved = ridge(one.gram, one.moment)
            if solved is not None:
                calibration.rests[prepared.network.resolutions[level]] = one.take(solved)
    return calibration


def blank(prepared: Prepared) -> Calibration:
    """Return what a network's reduced pictures begin with, before anything is fitted."""
    return StagedCalibration(prepared) if prepared.network.is_staged else Calibration(prepared)


def need_room(network: Network) -> None:
    """Raise MemoryError where a whole frame of ``network`` does not fit into the free memory of this machine.

    The show plays reduced there, and what a fit would take is what its encoder needs.
    """
    need, free = frame_bytes(network), free_bytes(torch.device("cpu"))
    if need is not None and free is not None and need > free:
        raise MemoryError(f"a whole frame takes {need / MB:.0f} MB, and {free / MB:.0f} MB are free")


def begin(player: Player, network: Network, model: Path, digest: str) -> None:
    """Calibrate the reduced pictures of ``player`` with the file stored for the checkpoint ``model``.

    Without a file it uses the network's own weights. If it begins reduced, a fit replaces them when it is ready, and
    is stored for the next start. A network that cannot stop early is left alone.
    """
    if len(network.stops) == 1 or not (network.blocks or (network.is_staged and player.backend != "plain")):
        return
    prepared = player.prepared()
    stored = calibration_files.find(model, digest, prepared, player.note)

    def fitted() -> Calibration:
        need_room(network)
        made = fit(on_cpu(network))
        calibration_files.keep(made, digest)
        return made

    reduced = player.resolution != player.model_resolution
    player.calibrate(stored or blank(prepared), fitted if stored is None and reduced else None)
