"""One step of StyleGAN2's training, as the papers have it, the same however many processes share a batch.

Non-saturating logistic loss; R1 on what the discriminator sees (Mescheder et al., arXiv:1801.04406) and path-length
regularisation (arXiv:1912.04958, section 3.2), both lazy (section 3.1, appendix B); style mixing (arXiv:1812.04948,
section 3.1); an averaged generator with ramp-up; augmentation as in augment.py.

Every random number comes from (seed, step, purpose) alone and is drawn for the whole batch before each process
takes its share, so nothing about randomness has to be saved, and two processes take the very step one would.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.generator.networks.modulated import SynthesisLayer
from engine.generator.networks.stylegan2 import StyleGAN2
from tools.train.augment import augment
from tools.train.discriminator import Discriminator

AUGMENTS = ("ada", "none")  # or a fixed probability


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained; kept in its snapshots. Half-lives and ramps are in pictures."""

    batch: int = 32
    rate: float = 2.5e-3
    r1: float = 1.0  # the penalty's weight, gamma
    r1_every: int = 16
    path: float = 2.0  # path-length regularisation's weight; 0 leaves it out
    path_every: int = 4
    path_decay: float = 0.01
    mixing: float = 0.9  # probability of two w in one picture
    average: float = 10_000.0  # half-life of the averaged generator
    ramp: float = 0.05  # early on: this share of all pictures so far
    augment: str = AUGMENTS[0]  # one of AUGMENTS, or a fixed p as text
    mirror: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """Which process this is, of how many."""

    rank: int = 0
    of: int = 1

    def slice(self, total: int) -> slice:
        """This process's part of ``total`` things."""
        each = total // self.of
        return slice(self.rank * each, (self.rank + 1) * each)


@dataclass(frozen=True, slots=True)
class Step:
    """The random numbers of one step."""

    seed: int
    number: int
    share: Share
    batch: int
    device: torch.device

    def generator(self, purpose: int, device: str | torch.device = "cpu") -> torch.Generator:
        """A fresh source of numbers; the same in every process."""
        state = np.random.SeedSequence([self.seed, self.number, purpose]).generate_state(2, np.uint64)
        return torch.Generator(device).manual_seed(int(state[0] >> np.uint64(1)))

    def normal(self, purpose: int, *shape: int, on_device: bool = False) -> Tensor:
        """This process's share of the whole batch's normal numbers: [batch / processes, *shape].

        ``on_device``: drawn there, for whole pictures: quicker than on the host, and another stream of numbers.
        """
        device = self.device if on_device else torch.device("cpu")
        drawn = torch.randn(self.batch, *shape, generator=self.generator(purpose, device), device=device)
        return drawn[self.share.slice(self.batch)].to(self.device)

    def uniform(self, purpose: int) -> Tensor:
        """The same, uniform 0..1: [batch / processes]."""
        drawn = torch.rand(self.batch, generator=self.generator(purpose))
        return drawn[self.share.slice(self.batch)].to(self.device)

    def augmented(self, img: Tensor, p: float, purpose: int) -> Tensor:
        """Augment this process's share of a batch, in fp32: in bf16 the places it samples from are off by pixels."""
        with torch.autocast(self.device.type, enabled=False):
            return augment(img.float(), p, self.generator(purpose), self.batch, self.share.slice(self.batch))


@contextmanager
def fresh_noise(generator: StyleGAN2, step: Step, purpose: int, every: int = 1) -> Iterator[None]:
    """Let "const" noise be this step's random one, [N, 1, H, W] in every layer; of ``every``-th pictures."""
    kept: list[tuple[SynthesisLayer, Tensor]] = []
    source = step.generator(purpose, step.device)
    try:
        for layer in (layer for block in generator.blocks for layer in block.layers() if layer.config.use_noise):
            own = layer.noise_const
            drawn = torch.randn(step.batch, 1, *own.shape, generator=source, device=step.device)
            kept.append((layer, own))
            layer.noise_const = drawn[step.share.slice(step.batch)][::every]
        yield
    finally:
        for layer, own in kept:
            layer.noise_const = own


def mixed(generator: StyleGAN2, step: Step, probability: float, purpose: int) -> Tensor:
    """Random ws [N, num_ws, w_dim], with the chance given of a second w from a random layer on."""
    config = generator.config
    with torch.autocast(step.device.type, enabled=False):
        first, second = (generator.mapping(step.normal(purpose + i, config.z_dim)) for i in range(2))
    cut = 1 + (step.uniform(purpose + 2) * (config.num_ws - 1)).long()
    cut = torch.where(step.uniform(purpose + 3) < probability, cut, torch.full_like(cut, config.num_ws))
    layers = torch.arange(config.num_ws, device=step.device)
    return torch.where((layers < cut[:, None])[..., None], first, second)


class GeneratorLoss(nn.Module):
    """What the generator is trained by; a module, so that processes can share its gradients."""

    def __init__(self, generator: StyleGAN2, critic: Discriminator, recipe: Recipe) -> None:
        super().__init__()
        self.generator, self.recipe = generator, recipe
        self._critic = [critic]  # not a part of it

    def forward(self, kind: str, step: Step, p: float, path_mean: Tensor) -> tuple[Tensor, Tensor]:
        """Return (loss, the w or the path lengths seen); ``kind`` is "main" or "path"."""
        if kind == "path":
            return self.path(step, path_mean)
        ws = mixed(self.generator, step, self.recipe.mixing, 10)
        with fresh_noise(self.generator, step, 14):
            img = self.generator.synthesis(ws)
        logits = self._critic[0](step.augmented(img.float(), p, 15))
        return F.softplus(-logits).mean(), ws[:, 0].detach()

    def path(self, step: Step, path_mean: Tensor) -> tuple[Tensor, Tensor]:
        """Path-length regularisation on every second picture; it costs more memory than the rest."""
        ws = mixed(self.generator, step, self.recipe.mixing, 20)[::2]
        with fresh_noise(self.generator, step, 24, every=2):
            img = self.generator.synthesis(ws).float()
        direction = step.normal(25, *img.shape[1:], on_device=True)[::2] / math.sqrt(img.shape[2] * img.shape[3])
        (gradient,) = torch.autograd.grad((img * direction).sum(), ws, create_graph=True)
        lengths = gradient.square().sum(dim=2).mean(dim=1).sqrt()
        return (lengths - path_mean).square().mean() * (self.recipe.path * self.recipe.path_every), lengths.detach()


class CriticLoss(nn.Module):
    """What the discriminator is trained by."""

    def __init__(self, critic: Discriminator, generator: StyleGAN2, recipe: Recipe) -> None:
        super().__init__()
        self.critic, self.recipe = critic, recipe
        self._generator = [generator]

    def forward(self, kind: str, step: Step, p: float, real: Tensor) -> tuple[Tensor, Tensor]:
        """Return (loss, the answers to training pictures, or the penalty); ``kind`` is "main" or "r1"."""
        real = step.augmented(real, p, 30)
        if kind == "r1":
            real = real.detach().requires_grad_()
            answers = self.critic(real)
            (gradient,) = torch.autograd.grad(answers.sum(), real, create_graph=True)
            penalty = gradient.square().sum(dim=(1, 2, 3))
            weight = 0.5 * self.recipe.r1 * self.recipe.r1_every
            return (penalty * weight + 0 * answers).mean(), penalty.detach()
        generator = self._generator[0]
        with torch.no_grad():
            ws = mixed(generator, step, self.recipe.mixing, 31)
            with fresh_noise(generator, step, 35):
                fake = step.augmented(generator.synthesis(ws).float(), p, 36)
        answers = self.critic(real)
        loss = F.softplus(self.critic(fake)).mean() + F.softplus(-answers).mean()
        return loss, answers.detach()


def precision_of(name: str, device: torch.device) -> AbstractContextManager[object]:
    """The context in which losses are computed; regularisers always are in fp32."""
    if name == "fp32":
        return nullcontext()
    return torch.autocast(device.type, {"bf16": torch.bfloat16, "fp16": torch.float16}[name])


def follow(average: StyleGAN2, generator: StyleGAN2, images: int, recipe: Recipe) -> None:
    """Move the averaged generator towards the present one after a batch; buffers are taken as they are."""
    half_life = min(recipe.average, images * recipe.ramp)
    keep = 0.5 ** (recipe.batch / max(half_life, 1e-8))
    with torch.no_grad():
        weights: list[Tensor] = list(average.parameters())
        new: list[Tensor] = list(generator.parameters())
        moved = torch._foreach_lerp(new, weights, keep)  # a few launches on a GPU, not one for each
        torch._foreach_copy_(weights, moved)
        for buffer, present in zip(average.buffers(), generator.buffers(), strict=True):
            buffer.copy_(present)
