"""Teach the mapper at what pace the picture changes along each of its sliders (engine/generator/attributes/pace.py).

Some w are moved along some sliders, evenly, and drawn; a network learns from the differences of neighbouring pictures
how fast the picture changes where. What is learnt is a matter of pictures alone: no recogniser is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.generator.attributes.mapper import Mapper
from engine.generator.attributes.pace import KNOTS, STEP, Pace

SWEPT = 700  # w that are swept
EACH = 3  # sliders that each of them is swept along
LEAST = 1e-4  # root mean square change of the pixels (-1 to 1) for one standard deviation; a pace is at least this
BATCH, RATE, DECAY = 64, 2e-3, 1e-3  # sweeps a step, the highest learning rate, weight decay
STEPS = 5000  # batches
HIDDEN = 256  # units of each layer of the pace
HELD = 0.1  # share of the sweeps that only examine

Draw = Callable[[Tensor], Tensor]  # ws [N, num_ws, w_dim] to pictures [N, 3, R, R]


@dataclass(frozen=True, slots=True)
class Sweeps:
    """Points ws [N, num_ws, w_dim], the slider k [N] of each, and the log of the pace [N, KNOTS - 1] between knots."""

    ws: Tensor
    k: Tensor
    logs: Tensor


def some(count: int, sliders: int, each: int = EACH, seed: int = 0) -> Tensor:
    """Return for ``count`` points ``each`` of so many sliders, drawn at random, [count, each]."""
    rng = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randperm(sliders, generator=rng)[:each] for _ in range(count)])


def swept(mapper: Mapper, ws: Tensor, sliders: Tensor, draw: Draw) -> Sweeps:
    """Move each of ws [N, num_ws, w_dim] along its ``sliders`` [N, E] and look at the pictures."""
    knots = torch.linspace(-STEP * (KNOTS // 2), STEP * (KNOTS // 2), KNOTS)
    logs = []
    for one, own in zip(ws, sliders.tolist(), strict=True):
        for k in own:
            asked = torch.zeros(KNOTS, len(mapper.names))
            asked[:, k] = knots
            with torch.no_grad():
                pictures = draw(mapper.edit(one.expand(KNOTS, -1, -1), asked, even=False))
            pace = pictures.diff(dim=0).flatten(1).square().mean(1).sqrt() / STEP
            logs.append(pace.clamp(min=LEAST).log())
    return Sweeps(ws.repeat_interleave(sliders.shape[1], 0), sliders.flatten(), torch.stack(logs))


def learn(mapper: Mapper, sweeps: Sweeps, steps: int = STEPS, hidden: int = HIDDEN, seed: int = 0) -> Pace:
    """Return the pace that ``sweeps`` teach; what it knows of sweeps that were held back is printed."""
    torch.manual_seed(seed)
    pace = Pace(len(mapper.names), mapper.w_dim, hidden)
    x = mapper.middle_of(sweeps.ws)
    held = int(len(x) * HELD)
    seen = slice(held, len(x))
    with torch.no_grad():
        pace.leave.bias.fill_(float(sweeps.logs[seen].mean()))
    optimiser = torch.optim.AdamW(pace.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    rng = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        pick = held + torch.randint(len(x) - held, (BATCH,), generator=rng)
        loss = (pace.of(x[pick], sweeps.k[pick]) - sweeps.logs[pick]).square().mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    pace = pace.eval().requires_grad_(False)
    print(f"pace: {examine(pace, x[:held], sweeps.k[:held], sweeps.logs[:held])}", flush=True)
    return pace


def examine(pace: Pace, x: Tensor, k: Tensor, logs: Tensor) -> str:
    """Return what share of the unevenness along sweeps of middles x [N, w_dim] is known."""
    found = pace.of(x, k)
    wrong = ((found - found.mean(1, keepdim=True)) - (logs - logs.mean(1, keepdim=True))).square().mean()
    return f"{1 - float(wrong / (logs - logs.mean(1, keepdim=True)).square().mean()):.3f} of the unevenness is known"
