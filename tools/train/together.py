"""Several processes that learn one thing: torchrun starts them, each takes its part of every batch.

The gradient of a batch is the same however many share it, and in however many pieces each takes its part: every
piece's loss counts by its share of the batch, and the sums of all processes are added. So the batch, the learning
rate and the number of steps stay as they are when processes come or go.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from engine.borders.errors import UserError
from tools.train.meeting import meet


@dataclass(frozen=True, slots=True)
class Together:
    """This process's place among those that learn together."""

    rank: int = 0
    of: int = 1

    @property
    def writes(self) -> bool:
        """Whether this is the process that writes files and says what happens."""
        return self.rank == 0

    def check(self, batch: int, accumulate: int = 1) -> None:
        """UserError unless every process gets something of a batch, and every piece something of that."""
        if accumulate < 1 or batch < self.of * accumulate:
            raise UserError(
                f"--batch {batch}: {self.of} processes in {accumulate} pieces each need {self.of * accumulate} or more"
            )

    def mine(self, batch: int) -> slice:
        """Return this process's part of a batch; parts differ by one at most."""
        return _part(slice(0, batch), self.rank, self.of)

    def round(self, count: int) -> list[int]:
        """Return 0 to ``count`` - 1 from a place of this process's own on: work that all do once is shared so."""
        first = self.mine(count).start
        return [*range(first, count), *range(first)]

    def learn(
        self,
        parameters: Iterable[nn.Parameter],
        batch: int,
        losses: Callable[[slice], Mapping[str, Tensor]],
        accumulate: int = 1,
    ) -> dict[str, float]:
        """Add the gradient of a whole batch to the parameters'; return its losses.

        ``losses`` are those of a slice of the batch, each a mean over it; this process's part is taken in
        ``accumulate`` pieces, one after the other.
        """
        parameters = [each for each in parameters if each.requires_grad]
        told: dict[str, Tensor] = {}
        for number in range(accumulate):
            piece = _part(self.mine(batch), number, accumulate)
            share = (piece.stop - piece.start) / batch
            found = losses(piece)
            (torch.stack(list(found.values())).sum() * share).backward()
            for name, loss in found.items():
                told[name] = told.get(name, torch.zeros(())) + loss.detach().float().cpu() * share
        seen = torch.stack(list(told.values()))
        if self.of > 1:
            for parameter in parameters:
                if parameter.grad is not None:
                    dist.all_reduce(parameter.grad)
            device = next((each.device for each in parameters), torch.device("cpu"))
            seen = seen.to(device)
            dist.all_reduce(seen)
        return dict(zip(told, seen.tolist(), strict=True))

    def average(self, gradients: Sequence[Tensor]) -> None:
        """Put the mean over all processes into each of ``gradients``, in one message: many small ones take longer."""
        if self.of > 1:
            flat = torch.cat([each.flatten() for each in gradients]).div_(self.of)
            dist.all_reduce(flat)
            for each, part in zip(gradients, torch.split(flat, [each.numel() for each in gradients]), strict=True):
                each.copy_(part.view_as(each))

    def agree(self, wish: bool, device: torch.device | str = "cpu") -> bool:
        """Return whether any process wishes it: all do it after the same step."""
        if self.of == 1:
            return wish
        told = torch.tensor(float(wish), device=device)
        dist.all_reduce(told)
        return bool(told > 0)

    def first(self, value: float, device: torch.device | str = "cpu") -> float:
        """Return what the first process has: clocks differ."""
        if self.of == 1:
            return value
        told = torch.tensor(value, dtype=torch.float64, device=device)
        dist.broadcast(told, 0)
        return float(told)


def _part(whole: slice, number: int, of: int) -> slice:
    count = whole.stop - whole.start
    return slice(whole.start + count * number // of, whole.start + count * (number + 1) // of)


def place() -> Together:
    """Return this process's place among those that torchrun has started; without torchrun it is alone."""
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        return Together()
    return Together(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))


@contextmanager
def together(device: str = "cpu") -> Iterator[Together]:
    """Join those that torchrun has started, and leave them at the end; each has a GPU of its own."""
    here = place()
    if here.of > 1:
        if device == "cuda":
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", here.rank)))
        store, rank, of = next(dist.rendezvous("env://", here.rank, here.of))  # type: ignore[attr-defined]
        backend = "nccl" if device == "cuda" else "gloo"
        dist.init_process_group(backend, store=meet(store, rank, of), rank=rank, world_size=of)
    try:
        yield here
    finally:
        if here.of > 1:
            dist.destroy_process_group()


class _Sum(torch.autograd.Function):
    """The sum over all processes; the gradient of what each makes of it is summed as well."""

    @staticmethod
    def forward(_ctx: object, value: Tensor) -> Tensor:
        whole = value.clone()
        dist.all_reduce(whole)
        return whole

    @staticmethod
    def backward(_ctx: object, *gradients: Tensor) -> Tensor:
        whole = gradients[0].clone()
        dist.all_reduce(whole)
        return whole


def summed(value: Tensor) -> Tensor:
    """Return the sum of ``value`` over all processes, through which is learnt."""
    if not (dist.is_available() and dist.is_initialized()):
        return value
    whole: Tensor = _Sum.apply(value)  # type: ignore[no-untyped-call]
    return whole


def gathered(rows: Tensor, at: slice, count: int) -> Tensor:
    """Return the rows of all processes [count, …]; those of this one are number ``at``."""
    if len(rows) == count:
        return rows
    whole = rows.new_zeros((count, *rows.shape[1:]))
    return summed(torch.cat((whole[: at.start], rows, whole[at.stop :])))


class SharedNorm(nn.BatchNorm2d):
    """Batch normalisation (Ioffe & Szegedy, 2015) by the mean and the variance of the whole batch of all processes."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch calls it so
        """Normalise [N, C, H, W]."""
        if not self.training or not (dist.is_available() and dist.is_initialized()):
            return super().forward(input)
        x = input.float()
        count = summed(torch.tensor(float(x.numel() // x.shape[1]), device=x.device))
        mean = summed(x.sum((0, 2, 3))) / count
        centred = x - mean[:, None, None]
        variance = summed(centred.square().sum((0, 2, 3))) / count
        assert self.running_mean is not None
        assert self.running_var is not None
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum or 0.0)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum or 0.0)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked += 1
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(input.dtype)
