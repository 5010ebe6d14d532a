"""Teach the mapper: f(w, a, da), through the frozen generator and the frozen recogniser.

After Khodadadeh et al., "Latent to Latent" (WACV 2022), whose five losses are kept; its norms and weights were not at
hand, so these are our own. a, a' are what the recogniser tells of w and of w' = f(w, a, da), in standard deviations;
e, e' the embeddings; s the standard deviation of w, D its size.

    attribute      1     Σ_k c_k (a'_k - t_k)²   t = a + da, held to what the samples have; c = 3 where it moves
    identity       0.5   1 - e.e'
    neighbourhood  0.03  |w' - w|² / (s² D)
    cycle          0.5   |f(w', t, -da) - w|² / (s² D)
    zero change    0     |f(w, a, 0) - w|        is 0 by the mapper's form

D stays the linear answer of all samples, in which the recogniser's errors average out (`patterns`), and O lies in the
span of D: the mapper learns how far to go for this w and what to take back of the others, and finds no way of its own.
Where it was free to, it found what fools the recogniser: by the renderer's own numbers it leaked 0.225 standard
deviations, and 0.064 where a loss held it near D, which alone leaks 0.036 (the default model, 20,000 samples).

First through the surrogate, in large batches and one w for all layers; then through the generator itself, where each
layer gets its own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from engine.generator.attributes.mapper import Mapper
from engine.generator.networks.network import Network
from tools.train.attributes.directions import Scale, principal
from tools.train.attributes.samples import paint
from tools.train.attributes.surrogate import Surrogate
from tools.train.attributes.teachers import Teacher
from tools.train.sitting import Sitting, draws

ATTRIBUTE, IDENTITY, NEIGHBOURHOOD, CYCLE = 1.0, 0.5, 0.03, 0.5
POWER = 0.5  # of the covariance of w that shapes the linear answer
ASKED = 3.0  # times as much counts an attribute that is to move
STEPS, BATCH, RATE = 1500, 160, 1e-3
FINE_BATCH, FINE_RATE = 8, 2e-4
REACH = 1.3  # standard deviations; of the changes that are asked for
ONE, OTHER = 0.7, 0.05  # shares of the batch: one attribute moves; all become those of another sample; else some move
ALL = 0.9999  # share of the variance of w in the axes that the linear answer uses
EDGES = (0.01, 0.99)  # quantiles between which a target lies


@dataclass(frozen=True, slots=True)
class Known:
    """Samples: w [N, w_dim], scores [N, K] in standard deviations, identity [N, D], the targets' edges [2, K]."""

    ws: Tensor
    scores: Tensor
    identity: Tensor
    edges: Tensor

    @staticmethod
    def of(ws: Tensor, scores: Tensor, identity: Tensor) -> Known:
        """Find the edges."""
        edges = torch.quantile(scores[:10_000], torch.tensor(EDGES), dim=0)
        return Known(ws, scores, identity, edges)

    def take(self, chosen: Tensor) -> Known:
        """Return the chosen samples."""
        return Known(self.ws[chosen], self.scores[chosen], self.identity[chosen], self.edges)


def begin(names: tuple[str, ...], known: Known, readout: Tensor, num_ws: int) -> Mapper:
    """Return a mapper that moves as the linear answer to ``readout`` [K, D] does."""
    mapper = Mapper(names, num_ws, known.ws.shape[1])
    mapper.directions.requires_grad_(False)
    centre = known.ws.mean(0)
    mapper.mean.copy_(centre)
    mapper.sd.copy_((known.ws - centre).square().mean().sqrt())
    mapper.readout.copy_(readout[:, None].expand(-1, num_ws, -1) / num_ws)
    with torch.no_grad():
        mapper.directions.copy_(patterns(readout, known.ws)[:, None].expand(-1, num_ws, -1))
    return mapper


def patterns(readout: Tensor, ws: Tensor, power: float = POWER) -> Tensor:
    """Return the change [K, D] of ws [N, D] that moves one attribute and no other that ``readout`` [K, D] reads.

    With the covariance S it is S^p B^T (B S^p B^T)^-1. p = 0 is the shortest such change. p = 1 is the mean difference
    between w that differ in that attribute (Haufe et al., NeuroImage 87, 2014, theorem 1): a readout is not the pattern
    that it reads. In between, errors of the readout along axes in which w hardly differ count less, and what comes
    along by mere chance does, too. By the renderer's numbers 0, 0.25, 0.5, 0.75, 1 leak 0.045, 0.037, 0.036, 0.040 and
    0.048 (the default model, 300 w that the comparison does not report).
    """
    axes, values = principal(ws, ALL)
    within = readout.double() @ axes
    across = values[:, None] ** power * within.T
    found: Tensor = (axes @ torch.linalg.solve(within @ across, across.T).T).T.float()
    return found


def within_span(mapper: Mapper) -> None:
    """Take out of O what lies outside the span of D; the layers of D are equal."""
    basis = torch.linalg.qr(mapper.directions[:, 0].T)[0]
    with torch.no_grad():
        mapper.leave.weight.copy_(basis @ (basis.T @ mapper.leave.weight))


def asked(known: Known, rng: torch.Generator, scores: Tensor) -> Tensor:
    """Return changes [N, K] to ask of ``scores`` [N, K], held so that the targets lie within the samples' edges."""
    count, size = scores.shape
    change = REACH * torch.randn(count, size, generator=rng)
    kind = torch.rand(count, 1, generator=rng)
    one = torch.nn.functional.one_hot(torch.randint(size, (count,), generator=rng), size).float()
    some = (torch.rand(count, size, generator=rng) < 0.4).float()
    other = known.scores[torch.randint(len(known.scores), (count,), generator=rng)] - scores
    change = torch.where(kind < ONE, change * one, torch.where(kind < ONE + OTHER, other, change * some))
    target = torch.maximum(torch.minimum(scores + change, known.edges[1]), known.edges[0])
    # A sample beyond the edge is not asked to come back by a slider that stands still.
    return torch.where(change == 0, change, target - scores)


def parts(
    mapper: Mapper, ws: Tensor, told: Tensor, change: Tensor, moved: Tensor, seen: tuple[Tensor, Tensor], who: Tensor
) -> dict[str, Tensor]:
    """Return the losses of a batch, weighted. ``moved`` is f of ``ws`` [N, L, D], ``seen`` what is told of it."""
    scores, identity = seen
    size = mapper.sd.square() * ws.shape[1] * ws.shape[2]
    counts = torch.where(change == 0, 1.0, ASKED)
    back = mapper(moved, mapper.read(ws) + change, -change)
    return {
        "attribute": ATTRIBUTE * (counts * (scores - told - change).square()).sum(1).mean(),
        "identity": IDENTITY * (1 - (identity * who).sum(1)).mean(),
        "neighbourhood": NEIGHBOURHOOD * (moved - ws).square().sum((1, 2)).mean() / size,
        "cycle": CYCLE * (back - ws).square().sum((1, 2)).mean() / size,
    }


def by_surrogate(
    names: tuple[str, ...],
    known: Known,
    surrogate: Surrogate,
    readout: Tensor,
    steps: int,
    sitting: Sitting | None = None,
) -> Mapper:
    """Teach a mapper of one layer through the surrogate."""
    sitting = sitting or Sitting()
    torch.manual_seed(0)
    mapper = begin(names, known, readout, 1)
    optimizer = torch.optim.AdamW(mapper.parameters(), lr=RATE, weight_decay=1e-3)

    def losses(step: int, part: slice) -> dict[str, Tensor]:
        rng = draws(3, step)
        batch = known.take(torch.randint(len(known.ws), (BATCH,), generator=rng))
        told, who = surrogate(batch.ws)
        change = asked(known, rng, told)[part]
        ws, told, who = batch.ws[part, None], told[part], who[part]
        moved = mapper(ws, mapper.read(ws), change)
        return parts(mapper, ws, told, change, moved, surrogate(moved[:, 0]), who)

    progress = sitting.begin("surrogate", mapper, optimizer)
    for step in range(progress.steps, steps):
        rate = RATE * min(1.0, step / 100 + 0.01) * 0.5 * (1 + math.cos(math.pi * step / steps))
        found = _learn(mapper, optimizer, BATCH, partial(losses, step), rate, sitting)
        within_span(mapper)
        progress.steps = step + 1
        if step % 250 == 0:
            _say("surrogate", step, found, sitting)
        sitting.keep("surrogate", mapper, optimizer, progress)
    sitting.keep("surrogate", mapper, optimizer, progress, now=True)
    return mapper


def _learn(
    mapper: Mapper,
    optimizer: torch.optim.Optimizer,
    batch: int,
    losses: Callable[[slice], dict[str, Tensor]],
    rate: float,
    sitting: Sitting,
) -> dict[str, float]:
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    told = sitting.together.learn(mapper.parameters(), batch, losses, sitting.accumulate)
    optimizer.step()
    return told


def widened(mapper: Mapper, num_ws: int) -> Mapper:
    """Return a mapper of ``num_ws`` layers that treats each as ``mapper`` treats its one."""
    wide = Mapper(mapper.names, num_ws, mapper.w_dim, mapper.hidden)
    wide.directions.requires_grad_(False)
    state = dict(mapper.state_dict())
    state["layers"] = state["layers"].expand(num_ws, -1)
    state["directions"] = state["directions"].expand(-1, num_ws, -1)
    state["readout"] = state["readout"].expand(-1, num_ws, -1) / num_ws
    wide.load_state_dict(state)
    return wide


def by_generator(
    mapper: Mapper,
    known: Known,
    network: Network,
    teacher: Teacher,
    scale: Scale,
    seconds: float,
    sitting: Sitting | None = None,
) -> int:
    """Go on through the generator for ``seconds`` of processor time; returns the number of steps."""
    sitting = sitting or Sitting()
    optimizer = torch.optim.AdamW(mapper.parameters(), lr=FINE_RATE, weight_decay=1e-3)

    def losses(step: int, part: slice) -> dict[str, Tensor]:
        rng = draws(4, step)
        batch = known.take(torch.randint(len(known.ws), (FINE_BATCH,), generator=rng))
        change = asked(known, rng, batch.scores)[part]
        batch = batch.take(torch.arange(FINE_BATCH)[part])
        ws = batch.ws[:, None].expand(-1, mapper.num_ws, -1)
        moved = mapper(ws, mapper.read(ws), change)
        seen = teacher.tell(paint(network, moved))
        return parts(mapper, ws, batch.scores, change, moved, (scale(seen.scores), seen.identity), batch.identity)

    here, progress = sitting.together, sitting.begin("generator", mapper, optimizer)
    begun = time.process_time() - progress.spent
    while (done := here.first(time.process_time() - begun) / max(seconds, 1e-9)) < 1:
        step = progress.steps
        rate = FINE_RATE * min(1.0, step / 20 + 0.05) * 0.5 * (1 + math.cos(math.pi * done))
        found = _learn(mapper, optimizer, FINE_BATCH, partial(losses, step), rate, sitting)
        within_span(mapper)
        if step % 25 == 0:
            _say("generator", step, found, sitting)
        progress.steps, progress.spent = step + 1, done * seconds
        sitting.keep("generator", mapper, optimizer, progress)
    sitting.keep("generator", mapper, optimizer, progress, now=True)
    return progress.steps


def _say(where: str, step: int, losses: dict[str, float], sitting: Sitting) -> None:
    told = "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
    sitting.tell(f"mapper through the {where}, step {step}: {told}")
