"""Teach the default model's mapper to bend where an attribute is a matter of kind: a fruit cut open, a stem.

Two of the eight attributes are no knob of the renderer. `slice` is the share of the kinds that lie cut open, `stem` the
stalk and the leaf, which grow by knobs where a kind has them. A straight line goes towards the mean kiwi and the mean
apple, whatever it began as. The bent part learns, for each w, a short way that reaches what is asked and keeps the kind
as far as that can be.

The teacher is the renderer itself: w of this model lead back to its numbers (way.py), so that a step costs no picture
and no recogniser's error is learnt. The losses are those of tools/train/attributes/learn_mapper.py; identity is the
share of each kind, and the cost of a step is counted in the renderer's numbers:

    attribute      1      Σ_k c_k (a'_k - t_k)²     t = a + da, held to what the samples have; c = 5 where it moves
    identity       1.2    Σ_kinds (s' - s)²
    neighbourhood  0.003  |theta' - theta|²         in standard deviations of each number
    cycle          0.01   |f(w', t, -da) - w|²      the same
    even           0.01   |df/dr|²                  the same: the way with least of it is gone along evenly
                   0.15   |ds'/dr|²                 r runs along da: and the picture changes evenly, too
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.generator.attributes.mapper import Mapper
from engine.generator.perceptual.names import ATTRIBUTES
from tools.fruit.render import THETA
from tools.fruit.soft_labels import labels, shares
from tools.fruit.way import Way
from tools.train.attributes.directions import Scale

BENT = ("slice", "stem")
STEPS, BATCH, RATE = 8000, 192, 2e-3
ASKED, IDENTITY, NEIGHBOURHOOD, CYCLE, EVEN = 5.0, 1.2, 0.003, 0.01, 0.01
EVEN_KINDS, NEAR = 0.15, 0.2  # NEAR: standard deviations between two points of a slider's way
SOFT = (0.03, 0.004)  # of the renderer's corners, at the beginning and at the end
SPREAD, FAR = 1.3, 4.0  # standard deviations of what is asked; at most
WIDE, MIXED, ALSO = 0.2, 0.5, 0.3  # shares of a batch: any strength; between two w; other sliders move as well


class Bend(nn.Module):
    """The bent part of a mapper in the renderer's numbers: (theta, da) to a change of theta, both scaled to one."""

    def __init__(self, count: int, hidden: int, chosen: Tensor) -> None:
        """``chosen`` [count] is 1 for the attributes that bend."""
        super().__init__()
        self.enter = nn.Linear(THETA + count, hidden)
        self.middle = nn.Linear(hidden, hidden)
        self.gate = nn.Linear(count, hidden, bias=False)
        self.leave = nn.Linear(hidden, THETA, bias=False)
        self.straight = nn.Parameter(torch.zeros(count, THETA))
        self.chosen = chosen
        nn.init.zeros_(self.leave.weight)
        with torch.no_grad():  # most corners lie along what is asked
            self.enter.weight[:, THETA:] = torch.randn(hidden, count) * chosen

    def forward(self, theta: Tensor, change: Tensor) -> Tensor:
        """Return the change of theta [N, THETA]."""
        h = nn.functional.silu(self.middle(nn.functional.silu(self.enter(torch.cat((theta, change), 1)))))
        moving = change * self.chosen
        moved: Tensor = self.leave(h * self.gate(moving)) + moving @ self.straight
        return moved


@dataclass(frozen=True, slots=True)
class Room:
    """Samples in the renderer's numbers, and what is known of them."""

    way: Way
    theta: Tensor  # [N, THETA]
    mean: Tensor
    sd: Tensor
    scale: Scale  # of the attributes
    edges: Tensor  # [2, K] that a target keeps within, where the attribute bends
    cut: Tensor  # [N] bool: lies cut open
    there: Tensor  # [THETA, THETA]: what becomes of a change of theta that goes through w

    def draw(self, rng: torch.Generator, count: int) -> Tensor:
        """Return theta [count, THETA] of samples. Some lie between two, of which one is cut open: there is room."""
        one = self.theta[torch.randint(len(self.theta), (count,), generator=rng)]
        open_ones = self.theta[self.cut]
        other = open_ones[torch.randint(len(open_ones), (count,), generator=rng)]
        between = torch.rand(count, 1, generator=rng) * (torch.rand(count, 1, generator=rng) < MIXED)
        return torch.lerp(one, other, between)


def asked(rng: torch.Generator, chosen: Tensor, count: int) -> Tensor:
    """Return changes [count, K] to ask: one attribute that bends, sometimes others as well."""
    size = len(chosen)
    wide = (torch.rand(count, 1, generator=rng) < WIDE).float()
    strength = torch.lerp(
        SPREAD * torch.randn(count, size, generator=rng), FAR * (2 * torch.rand(count, size, generator=rng) - 1), wide
    ).clamp(-FAR, FAR)
    which = torch.multinomial(chosen, count, replacement=True, generator=rng)
    one = nn.functional.one_hot(which, size).float()
    more = (torch.rand(count, size, generator=rng) < 0.4) & (torch.rand(count, 1, generator=rng) < ALSO)
    return strength * torch.maximum(one, more.float())


def parts(bend: Bend, straight: Tensor, room: Room, rng: torch.Generator, soft: float) -> dict[str, Tensor]:
    """Return the losses of a batch, weighted. ``straight`` [K, THETA] is what the sliders that do not bend do."""
    theta = room.draw(rng, BATCH)
    change = asked(rng, bend.chosen, BATCH)
    share = shares(theta, soft)
    before = room.scale(labels(theta, share, soft))
    target = before + change
    held = torch.maximum(
        torch.minimum(target, torch.maximum(room.edges[1], before)), torch.minimum(room.edges[0], before)
    )
    target = torch.where(bend.chosen > 0, held, target)

    def step(theta: Tensor, change: Tensor) -> Tensor:
        """Return the change of theta, in standard deviations."""
        moved: Tensor = bend((theta - room.mean) / room.sd, change) + change @ straight
        return moved

    moved = step(theta, change)
    after = theta + (moved * room.sd) @ room.there
    kinds = shares(after, soft)
    told = room.scale(labels(after, kinds, soft))
    weight = torch.where(change == 0, 1.0, ASKED)
    back = step(after, before - target)
    just = step(theta, change * (1 - NEAR / change.norm(dim=1, keepdim=True).clamp(min=1e-3)))
    just_kinds = shares(theta + (just * room.sd) @ room.there, soft)
    return {
        "attribute": (weight * (told - target).square()).sum(1).mean(),
        "identity": IDENTITY * (kinds - share).square().sum(1).mean(),
        "neighbourhood": NEIGHBOURHOOD * moved.square().sum(1).mean(),
        "cycle": CYCLE * (moved + back).square().sum(1).mean(),
        "even": EVEN * ((moved - just) / NEAR).square().sum(1).mean()
        + EVEN_KINDS * ((kinds - just_kinds) / NEAR).square().sum(1).mean(),
    }


def teach(mapper: Mapper, way: Way, ws: Tensor, scale: Scale, edges: Tensor, steps: int = STEPS) -> None:
    """Teach ``mapper`` the bent part, on samples ws [N, w_dim]; ``edges`` [2, K] in standard deviations."""
    torch.manual_seed(0)
    rng = torch.Generator().manual_seed(0)
    theta = torch.from_numpy(way.theta(ws))
    there = (way.forth.double() @ way.slope).float()
    cut = labels(theta, shares(theta))[:, ATTRIBUTES.index("slice")] > 0.5
    room = Room(way, theta, theta.mean(0), theta.std(0), scale, edges, cut, there)
    chosen = torch.tensor([float(name in BENT) for name in mapper.names])
    straight = (mapper.directions[:, 0].detach().double() @ way.slope).float() / room.sd
    bend = Bend(len(mapper.names), mapper.hidden, chosen)
    with torch.no_grad():
        bend.straight.copy_(straight * chosen[:, None])
    rest = straight * (1 - chosen)[:, None]
    optimizer = torch.optim.AdamW(bend.parameters(), lr=RATE, weight_decay=1e-3)
    for number in range(steps):
        done = number / steps
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, number / 100 + 0.01) * 0.5 * (1 + math.cos(math.pi * done))
        found = parts(bend, rest, room, rng, SOFT[0] * (SOFT[1] / SOFT[0]) ** min(1.0, 1.25 * done))
        optimizer.zero_grad()
        torch.stack(list(found.values())).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(bend.parameters(), 1.0)
        optimizer.step()
        if number % 500 == 0:
            said = "  ".join(f"{name} {float(loss.detach()):.3f}" for name, loss in found.items())
            print(f"bend, step {number}: {said}", flush=True)
    lift(bend, mapper, room)


@torch.no_grad()
def lift(bend: Bend, mapper: Mapper, room: Room) -> None:
    """Write ``bend`` as the weights of ``mapper``, which reads and moves w: theta is affine in w, and w in theta."""
    enter, count = bend.enter.weight, len(mapper.names)
    read = (room.way.slope.float() / room.sd).T  # [THETA, w_dim]
    offset = (room.way.mean - room.mean + (mapper.mean - room.way.centre) @ room.way.slope.float()) / room.sd
    mapper.enter.weight.zero_()
    mapper.enter.weight[:, : mapper.w_dim] = enter[:, :THETA] @ read * mapper.sd
    mapper.enter.weight[:, mapper.w_dim + count :] = enter[:, THETA:]
    mapper.layers.copy_((bend.enter.bias + enter[:, :THETA] @ offset).expand(mapper.num_ws, -1))
    mapper.middle.load_state_dict(bend.middle.state_dict())
    mapper.gate.weight.copy_(bend.gate.weight * bend.chosen)
    forth = room.sd[:, None] * room.way.forth  # [THETA, w_dim]
    mapper.leave.weight.copy_((bend.leave.weight.T @ forth).T)
    own = (bend.straight @ forth)[:, None].expand(-1, mapper.num_ws, -1)
    mapper.directions.copy_(torch.where(bend.chosen[:, None, None] > 0, own, mapper.directions))
