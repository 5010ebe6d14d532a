"""A training as it stands: networks, optimizers, augmentation, and one step after the other."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from engine.borders.errors import UserError
from engine.generator.cuda import true_fp32
from engine.generator.networks.stylegan2 import StyleGAN2
from tools.train.augment import Controller
from tools.train.discriminator import Discriminator
from tools.train.losses import AUGMENTS, CriticLoss, GeneratorLoss, Recipe, Share, Step, follow, precision_of
from tools.train.snapshot import config_as_plain

ADJUST_EVERY = 4  # steps; between two changes of augmentation
SLOW = 0.002  # share of a new batch in the average w


def lazy(every: int, rate: float) -> dict[str, Any]:
    """Adam's settings for a network with a regulariser on every n-th step (arXiv:1912.04958, appendix B)."""
    share = every / (every + 1) if every else 1.0
    return {"lr": rate * share, "betas": (0.0, 0.99**share), "eps": 1e-8}


def channels_last(network: StyleGAN2 | Discriminator) -> None:
    """Lay every convolution's weight out with its channels last, and the pictures that a critic sees."""
    if isinstance(network, Discriminator):
        network.layout = torch.channels_last
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


class Training:
    """Generator, its average, critic, and everything that a snapshot must hold for the next step to be the same."""

    def __init__(
        self,
        generator: StyleGAN2,
        critic: Discriminator,
        recipe: Recipe,
        *,
        share: Share | None = None,
        device: str = "cpu",
        precision: str = "fp32",
        accumulate: int = 1,
        lap: Callable[[str], None] | None = None,
    ) -> None:
        """``accumulate``: pieces in which a process takes its part of a batch, one after the other.

        ``lap`` is told each part of a step when it has been done.
        """
        self._accumulate, self._lap = accumulate, lap or (lambda part: None)
        self.recipe, self.precision = recipe, precision
        self.share, self.device = share or Share(), torch.device(device)
        self.generator = generator.to(self.device).train().requires_grad_(True)
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.critic = critic.to(self.device).train().requires_grad_(True)
        if self.device.type == "cuda":  # its convolutions want the channels last, and one shape for hours
            for network in (self.generator, self.average, self.critic):
                channels_last(network)
            torch.backends.cudnn.benchmark = True
        self.steps = self.images = 0
        self.seconds = 0.0
        self._told = {"r1": math.nan, "path": math.nan}  # the last of each, for the log
        self.ada = Controller(p=float(recipe.augment) if recipe.augment not in AUGMENTS else 0.0)
        self.path_mean = torch.zeros((), device=self.device)
        self.fresh = not bool(generator.mapping.w_avg.any())
        path_every = recipe.path_every if recipe.path else 0
        self._pace = lazy(path_every, recipe.rate), lazy(recipe.r1_every, recipe.rate)
        self.optimizers = (
            torch.optim.Adam(self.generator.parameters(), **self._pace[0]),
            torch.optim.Adam(self.critic.parameters(), **self._pace[1]),
        )
        self._generator_loss = self._shared(GeneratorLoss(self.generator, self.critic, recipe))
        self._critic_loss = self._shared(CriticLoss(self.critic, self.generator, recipe))

    def _shared(self, loss: nn.Module) -> nn.Module:
        """Average its gradients over all processes, where there are several."""
        if self.share.of == 1:
            return loss
        devices = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(loss, devices, broadcast_buffers=False, find_unused_parameters=True)

    def step(self, real: Tensor) -> dict[str, float]:
        """Learn from this process's share of a batch [N, 3, R, R]: uint8, or -1..1; return what the log is to hold.

        UserError when a loss is not finite any more.
        """
        step = Step(self.recipe.seed, self.steps, self.share, self.recipe.batch, self.device)
        p = self.ada.p
        real = self._upload(real)
        self._lap("upload")
        with self._training(self.generator, self.critic):
            loss_g, ws = self._move(0, self._generator_loss, "main", step, p, self.path_mean)
            self._lap("generator")
            if self.recipe.path and self.steps % self.recipe.path_every == 0:
                loss, lengths = self._move(0, self._generator_loss, "path", step, p, self.path_mean)
                self._told["path"] = float(loss.detach())
                self.path_mean = self.path_mean.lerp(self._mean(lengths.mean()), self.recipe.path_decay)
                self._lap("path length")
        with self._training(self.critic, self.generator):
            loss_d, answers = self._move(1, self._critic_loss, "main", step, p, real)
            self._lap("critic")
            if self.steps % self.recipe.r1_every == 0:
                _, penalty = self._move(1, self._critic_loss, "r1", step, p, real)
                self._told["r1"] = float(self._mean(penalty.mean()))
                self._lap("r1")
        told = torch.stack([loss_g.detach(), loss_d.detach(), answers.sign().mean()])
        seen = self._mean(torch.cat((told, ws.mean(dim=0))))
        generator, critic, signs = seen[:3].tolist()
        if not math.isfinite(generator + critic):
            raise UserError(f"gone astray at step {self.steps}: go on from the last snapshot with a smaller --rate")
        self._settle(seen[3:], signs)
        self._lap("averages")
        self._told |= {"generator": generator, "critic": critic, "real_sign": signs, "p": p}
        return dict(self._told)

    def _upload(self, real: Tensor) -> Tensor:
        """Return pictures on the device, about -1..1; bytes travel, from pinned memory, and nothing waits for them."""
        cuda = self.device.type == "cuda"
        if cuda:
            real = real.contiguous(memory_format=torch.channels_last).pin_memory()
        real = real.to(self.device, non_blocking=cuda)
        return real.float() / 127.5 - 1 if real.dtype == torch.uint8 else real

    def _settle(self, w: Tensor, signs: float) -> None:
        """After both networks have moved: the averages, augmentation, the count."""
        with torch.no_grad():
            share = max(SLOW, 1 / (self.steps + 1)) if self.fresh else SLOW
            self.generator.mapping.w_avg.lerp_(w, share)
        self.steps += 1
        self.images += self.recipe.batch
        follow(self.average, self.generator, self.images, self.recipe)
        self.ada.see(signs * self.recipe.batch, self.recipe.batch)
        if self.recipe.augment == "ada" and self.steps % ADJUST_EVERY == 0:
            self.ada.adjust(self.recipe.batch * ADJUST_EVERY)

    def _move(self, which: int, loss: nn.Module, kind: str, *args: Any) -> tuple[Tensor, Tensor]:
        """One step of one optimizer."""
        optimizer = self.optimizers[which]
        optimizer.zero_grad(set_to_none=True)
        with nullcontext() if kind == "main" else true_fp32():  # a penalty on gradients is not computed in TF32
            value, seen = self._pieces(loss, kind, *args)
        optimizer.step()
        return value, seen

    def _pieces(self, loss: nn.Module, kind: str, step: Step, p: float, given: Tensor) -> tuple[Tensor, Tensor]:
        """Add up the gradients of this process's part of a batch, piece by piece; return the mean loss, what was seen.

        Every piece is what one of more processes would take.
        """
        count, share = self._accumulate, self.share
        own = torch.chunk(given, count) if given.ndim else (given,) * count
        values, seen = [], []
        for number, part in enumerate(own):
            piece = replace(step, share=Share(share.rank * count + number, share.of * count))
            waits = isinstance(loss, DistributedDataParallel) and number < count - 1
            with cast(DistributedDataParallel, loss).no_sync() if waits else nullcontext():
                with precision_of(self.precision if kind == "main" else "fp32", self.device):
                    value, found = loss(kind, piece, p, part)
                (value / count).backward()
            values.append(value.detach())
            seen.append(found)
        return torch.stack(values).mean(), torch.cat(seen)

    @contextmanager
    def _training(self, one: nn.Module, other: nn.Module) -> Iterator[None]:
        """Let only ``one`` have gradients."""
        one.requires_grad_(True)
        other.requires_grad_(False)
        yield
        other.requires_grad_(True)

    def _mean(self, value: Tensor) -> Tensor:
        """The mean over all processes."""
        if self.share.of > 1:
            value = value.clone()
            dist.all_reduce(value)
            value = value / self.share.of
        return value

    def agree(self, stop: bool) -> bool:
        """Whether any process wants to stop: they all do, after the same step."""
        return bool(self._mean(torch.tensor(float(stop), device=self.device)) > 0)

    def state(self) -> dict[str, Any]:
        """Everything, for a snapshot."""
        return {
            "config": config_as_plain(self.generator.config),
            "recipe": asdict(self.recipe),
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict(),
            "critic": self.critic.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "ada": asdict(self.ada),
            "path_mean": self.path_mean,
            "fresh": self.fresh,
            "steps": self.steps,
            "images": self.images,
            "seconds": self.seconds,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot of the same networks."""
        self.generator.load_state_dict(state["generator"])
        self.average.load_state_dict(state["average"])
        self.critic.load_state_dict(state["critic"])
        for optimizer, saved, pace in zip(self.optimizers, state["optimizers"], self._pace, strict=True):
            optimizer.load_state_dict(saved)
            optimizer.param_groups[0].update(pace)  # --rate may have changed
        ada = Controller(**state["ada"])
        self.ada = ada if self.recipe.augment == "ada" else self.ada
        self.path_mean = state["path_mean"].to(self.device)
        self.fresh, self.steps = state["fresh"], state["steps"]
        self.images, self.seconds = state["images"], state["seconds"]
