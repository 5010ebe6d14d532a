"""Image2StyleGAN (Abdal et al., arXiv:1904.03189, section 4): W+, pixels and four layers of VGG16, plain Adam."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.generator.inversion.losses import masked, mean_square
from engine.generator.inversion.problem import Descent, Problem, Stepped

LEARNING_RATE = 0.01
BETAS, EPS = (0.9, 0.999), 1e-8


class Image2Stylegan(Descent):
    """The recipe at work."""

    def __init__(self, problem: Problem) -> None:
        self.problem, network = problem, problem.network
        first = network.w_avg[None, None].repeat(1, network.num_ws, 1) if problem.start is None else problem.start
        if problem.space == "w":
            first = first.mean(dim=1, keepdim=True)
        self.w = first.detach().clone().requires_grad_()
        self.optimizer = torch.optim.Adam([self.w], LEARNING_RATE, BETAS, EPS)
        with torch.no_grad():
            self.wanted = None if problem.perceptual is None else problem.perceptual.vector(problem.target)

    @property
    def ws(self) -> Tensor:
        """See Descent."""
        return self.problem.repeated(self.w.detach().clone())

    def step(self, index: int, progress: float) -> Stepped:
        """See Descent."""
        problem = self.problem
        image = problem.network.synthesize(problem.repeated(self.w))
        distance = mean_square(image, problem.target, problem.mask)
        if problem.perceptual is not None and self.wanted is not None:
            seen = problem.perceptual.vector(masked(image, problem.target, problem.mask))
            distance = distance + (seen - self.wanted).square().sum()
        self.optimizer.zero_grad(set_to_none=True)
        distance.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return Stepped(distance.item(), distance.item())
