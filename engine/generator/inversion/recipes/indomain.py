"""In-domain inversion: the encoder's answer, then descent with the encoder as the regulariser.

Written from Zhu et al., "In-Domain GAN Inversion" (arXiv:2004.00049), section 3.2: pixels, relu4_3 of VGG16, and how
far the encoder's answer to the picture lies from the point. With a mask there is no regulariser, as in their diffusion.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.generator.inversion.encoders.encoder import Encoder
from engine.generator.inversion.problem import Descent, Problem, Stepped

LEARNING_RATE = 0.01
PIXELS, FEATURES, REGULARISER = 1.0, 5e-5, 2.0  # the terms' weights


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """The three terms, not weighted; None where what it needs is not there."""

    pixels: Tensor
    features: Tensor | None
    regulariser: Tensor | None

    def loss(self) -> Tensor:
        """Return the weighted sum."""
        total = self.pixels * PIXELS
        if self.features is not None:
            total = total + self.features * FEATURES
        if self.regulariser is not None:
            total = total + self.regulariser * REGULARISER
        return total


class InDomain(Descent):
    """The recipe at work."""

    better_is_last = True

    def __init__(self, problem: Problem) -> None:
        self.problem, network = problem, problem.network
        first = problem.start
        if first is None:
            first = network.w_avg[None, None].repeat(1, network.num_ws, 1)
        self.w = first.detach().clone().requires_grad_()
        self.optimizer = torch.optim.Adam([self.w], LEARNING_RATE)

    @property
    def ws(self) -> Tensor:
        """See Descent."""
        return self.w.detach().clone()

    def terms(self, w: Tensor) -> Terms:
        """Return the terms at a point [1, num_ws, w_dim]."""
        problem = self.problem
        image = problem.network.synthesize(w)
        mask = torch.ones(()) if problem.mask is None else problem.mask
        features = None
        if problem.perceptual is not None:
            features = problem.perceptual.distance(problem.target * mask, image * mask).mean()
        answer = None
        if problem.encoder is not None and problem.mask is None:
            answer = (w - answered(problem.encoder, image, problem.network.num_ws)).square().mean()
        return Terms(((problem.target - image) * mask).square().mean(), features, answer)

    def step(self, index: int, progress: float) -> Stepped:
        """See Descent."""
        terms = self.terms(self.w)
        loss = terms.loss()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return Stepped(loss.item(), terms.pixels.item())


def answered(encoder: Encoder, image: Tensor, num_ws: int) -> Tensor:
    """Return the encoder's answer [1, num_ws, w_dim] to a picture, drawn to the encoder's size where it has another."""
    if image.shape[2:] != encoder.shape:
        image = F.interpolate(image, size=encoder.shape, mode="bilinear", antialias=True)
    answer: Tensor = encoder(image)
    return answer.expand(-1, num_ws, -1)
