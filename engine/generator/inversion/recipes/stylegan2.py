"""The projector of StyleGAN2-ADA, step by step: W only, its learning rate, w noise and noise maps.

Written from Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (arXiv:1912.04958), appendix D, and
"Training GANs with Limited Data" (arXiv:2006.06676). Its loss is perceptual only.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.generator.inversion.losses import masked, noise_correlation, normalize_noise
from engine.generator.inversion.problem import Descent, Problem, Stepped

LEARNING_RATE = 0.1
RAMP_DOWN, RAMP_UP = 0.25, 0.05  # of the steps
NOISE_FACTOR, NOISE_RAMP = 0.05, 0.75  # of w's spread; of the steps
NOISE_WEIGHT = 1e5
BETAS = (0.9, 0.999)


class Stylegan2(Descent):
    """The recipe at work. It needs a perceptual network."""

    better_is_last = True

    def __init__(self, problem: Problem) -> None:
        self.problem, network = problem, problem.network
        assert problem.perceptual is not None
        self.perceptual = problem.perceptual
        samples = problem.sample_w()
        self.spread = float((samples - samples.mean(dim=0)).square().sum().div(len(samples)).sqrt())
        first = samples.mean(dim=0)[None, None] if problem.start is None else problem.start.mean(dim=1, keepdim=True)
        self.w = first.clone().requires_grad_()
        with torch.no_grad():
            self.wanted = self.perceptual.vector(problem.target)
        self.layers = network.noises()
        for i, layer in enumerate(self.layers):
            given = problem.draws.noise[i] if problem.draws else self._draw(tuple(layer.const.shape))
            layer.const.requires_grad_(False).copy_(given).requires_grad_(True)
        self.optimizer = torch.optim.Adam([self.w, *(layer.const for layer in self.layers)], LEARNING_RATE, BETAS)
        self.rate = 0.0

    def _draw(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self.problem.generator)

    @property
    def ws(self) -> Tensor:
        """See Descent."""
        return self.problem.repeated(self.w.detach().clone())

    def step(self, index: int, progress: float) -> Stepped:
        """See Descent; its schedules run by steps, not by time."""
        problem = self.problem
        t = index / problem.steps
        noise_scale = self.spread * NOISE_FACTOR * max(0.0, 1.0 - t / NOISE_RAMP) ** 2
        self.rate = learning_rate(t)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        drawn = problem.draws.w[index] if problem.draws else self._draw(tuple(self.w.shape))
        noisy = self.w + drawn.view_as(self.w).to(self.w.device) * noise_scale
        image = problem.network.synthesize(problem.repeated(noisy))
        seen = self.perceptual.vector(masked(image, problem.target, problem.mask))
        distance = (self.wanted - seen).square().sum()
        loss = distance + noise_correlation(layer.const for layer in self.layers) * NOISE_WEIGHT
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        normalize_noise(self.layers)
        return Stepped(loss.item(), distance.item())


def learning_rate(t: float) -> float:
    """Return the learning rate at ``t``, 0..1: up over 5 % of the steps, down by a cosine over the last 25 %."""
    ramp = 0.5 - 0.5 * math.cos(min(1.0, (1.0 - t) / RAMP_DOWN) * math.pi)
    return LEARNING_RATE * ramp * min(1.0, t / RAMP_UP)
