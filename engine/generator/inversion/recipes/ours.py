"""Our own recipe: from the encoder's answer, coarse to fine, W first and W+ where it helps.

The descent begins at an early block's calibrated picture and goes up a block when it no longer gains there, or when its
share of the time has gone. One w moves from the start; in W+ every layer also has a step of its own, which is held near
nothing, so that the point stays where attributes mean what they say (Tov et al., arXiv:2102.02766, section 4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from engine.generator.calibration.calibration import Calibration
from engine.generator.inversion.coarse import Coarse, scale_of, shrunk
from engine.generator.inversion.losses import masked, mean_square, noise_correlation, normalize_noise, spread
from engine.generator.inversion.problem import Descent, Problem, Stepped

RATE = 0.1  # a step, of w's spread along one of its numbers
LAYER_RATE = 0.3  # a layer's own step, of that
NOISE_RATE = 0.02
BETAS = (0.9, 0.99)
WARM = 8  # steps until the full rate
SHARES = 0.35  # of what is left, for every block below the last
LAYERS_FROM = 0.15  # of the progress; before it one w moves for all layers
PERCEPTUAL, SPREAD, DISTANCE, NOISE = 0.05, 1e-3, 1e-5, 1e3  # the terms' weights beside pixels
WINDOW, GAIN = 12, 0.03  # steps; a window that gains less than this share ends a block


class Ours(Descent):
    """The recipe at work."""

    def __init__(self, problem: Problem, calibration: Calibration | None = None) -> None:
        self.problem, network = problem, problem.network
        samples = problem.sample_w()
        self.average = samples.mean(dim=0)
        self.rate = RATE * float((samples - self.average).square().mean().sqrt())
        first = self.average[None, None] if problem.start is None else problem.start
        first = first.expand(1, network.num_ws, -1)
        self.w = first.mean(dim=1, keepdim=True).detach().clone().requires_grad_()
        self.steps_of = (first - self.w).detach().clone().requires_grad_(problem.space == "w+")
        groups = [{"params": [self.w], "share": 1.0}]
        if problem.space == "w+":
            groups.append({"params": [self.steps_of], "share": LAYER_RATE})
        self.layers = network.noises() if problem.noise_maps else ()
        for layer in self.layers:
            layer.const.requires_grad_(True)
        if self.layers:
            groups.append({"params": [layer.const for layer in self.layers], "share": NOISE_RATE / self.rate})
        self.optimizer = torch.optim.Adam(groups, self.rate, BETAS)
        self.coarse = Coarse(network, calibration)
        self.ends = ends(len(self.coarse.stops))
        self.at = 0
        self.seen: list[float] = []
        self._look(self.coarse.stops[0])

    def _look(self, stop: int) -> None:
        """Go to a stop: what is wanted there, and what a perceptual network sees of it."""
        problem, scale = self.problem, scale_of(self.problem.network, stop)
        self.target = shrunk(problem.target, scale)
        self.mask = None if problem.mask is None else shrunk(problem.mask, scale)
        self.wanted: Tensor | None = None
        self.seen = []
        if problem.perceptual is not None:
            with torch.no_grad():
                self.wanted = problem.perceptual.vector(self.target)

    @property
    def ws(self) -> Tensor:
        """See Descent."""
        return (self.w + self.steps_of).detach().clone()

    @property
    def stop(self) -> int:
        """The resolution it works at."""
        return self.coarse.stops[self.at]

    @torch.no_grad()
    def picture(self) -> Tensor:
        """See Descent: the block's own calibrated picture, so that a preview costs little."""
        return self.coarse.paint(self.ws, self.stop)

    @property
    def settled(self) -> bool:
        """Whether the whole picture no longer gains."""
        return self.at == len(self.coarse.stops) - 1 and stalls(self.seen, 3 * WINDOW, GAIN / 3)

    def step(self, index: int, progress: float) -> Stepped:
        """See Descent."""
        problem = self.problem
        if self.at < len(self.coarse.stops) - 1 and (progress >= self.ends[self.at] or stalls(self.seen, WINDOW, GAIN)):
            self.at += 1
            self._look(self.stop)
        self._set_rates(index, progress)
        ws = self.w + self.steps_of
        image = self.coarse.paint(ws, self.stop)
        distance = mean_square(image, self.target, self.mask)
        loss = distance + DISTANCE * (self.w - self.average).square().mean()
        if problem.space == "w+":
            loss = loss + SPREAD * spread(ws)
        if problem.perceptual is not None and self.wanted is not None:
            seen = problem.perceptual.vector(masked(image, self.target, self.mask))
            loss = loss + PERCEPTUAL * (seen - self.wanted).square().sum()
        if self.layers:
            loss = loss + NOISE * noise_correlation(layer.const for layer in self.layers)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        normalize_noise(self.layers)
        self.seen.append(distance.item())
        return Stepped(loss.item(), distance.item())

    def _set_rates(self, index: int, progress: float) -> None:
        now = self.rate * min(1.0, (index + 1) / WARM) * (0.05 + 0.475 * (1.0 + math.cos(math.pi * progress)))
        for number, group in enumerate(self.optimizer.param_groups):
            held = number == 1 and self.problem.space == "w+" and progress < LAYERS_FROM
            group["lr"] = 0.0 if held else now * group["share"]


def ends(count: int) -> list[float]:
    """Return the progress at which each of ``count`` blocks is left at the latest; the last is left at 1."""
    found, left = [], 1.0
    for _ in range(count - 1):
        left *= 1.0 - SHARES
        found.append(1.0 - left)
    return [*found, 1.0]


def stalls(seen: Sequence[float], window: int, gain: float) -> bool:
    """Return whether the last ``window`` losses are on the whole no lower than those before by a share ``gain``."""
    if len(seen) < 2 * window:
        return False
    before, now = sum(seen[-2 * window : -window]), sum(seen[-window:])
    return now > before * (1.0 - gain)
