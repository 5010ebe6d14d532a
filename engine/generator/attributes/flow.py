"""StyleFlow: a conditional continuous normalising flow between w and noise that knows nothing of the attributes.

Abdal, Zhu, Mitra and Wonka, "StyleFlow: Attribute-conditioned Exploration of StyleGAN-Generated Images using
Conditional Continuous Normalizing Flows", ACM TOG 2021 (arXiv:2008.02401), sections 4 and 5. An edit maps w to its
noise under the attributes that it has, and back under those that it is to have. The flow itself is FFJORD's
(Grathwohl et al., ICLR 2019, arXiv:1810.01367) in the form of PointFlow (Yang et al., ICCV 2019, arXiv:1906.12320):

    norm, ODE, norm            every layer of w is a sample of its own, under one context c
    dx/dt = net(x, [t, c])     from t = 0 to T = sqrt_end_time^2, T is trained
    net: layers y = (W x + b) * sigmoid(G [t, c] + g) + B [t, c], tanh between two of them
    norm: (x - mean) / sqrt(var + eps) * exp(weight) + bias, with moving averages

Written from these papers. The published program and its weights are not for commercial use: neither is here.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.generator.attributes.ode import integrate, solve

NORM_EPS = 1e-4
MOMENTUM = 0.1  # share of a batch in the moving averages
STEPS = 4  # of the solver while the flow learns


@dataclass(frozen=True, slots=True)
class Probed:
    """What a training needs beside x: random probes of the size of x, for the trace of the Jacobian."""

    probe: Tensor
    steps: int = STEPS


class MovingNorm(nn.Module):
    """Batch normalisation by moving averages, in both directions (Dinh et al., arXiv:1605.08803, section 3.7)."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(dim)), nn.Parameter(torch.zeros(dim))
        self.register_buffer("running_mean", torch.zeros(dim))
        self.register_buffer("running_var", torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Return x [N, L, D] normalised. In training the averages follow the batch first; they carry no gradient."""
        if self.training:
            rows = x.detach().reshape(-1, x.shape[-1])
            self.running_mean.lerp_(rows.mean(dim=0), MOMENTUM)
            self.running_var.lerp_(rows.var(dim=0, unbiased=False), MOMENTUM)
        return (x - self.running_mean) / (self.running_var + NORM_EPS).sqrt() * self.weight.exp() + self.bias

    def invert(self, y: Tensor) -> Tensor:
        """Return the x of `forward`, by the moving averages."""
        x = (y - self.bias) * (-self.weight).exp()
        return x * (self.running_var + NORM_EPS).sqrt() + self.running_mean

    def log_det(self) -> Tensor:
        """Return the logarithm of the volume that `forward` makes of one, a scalar."""
        return (self.weight - 0.5 * (self.running_var + NORM_EPS).log()).sum()


class GatedLinear(nn.Module):
    """A layer that time and context squash and shift: (W x + b) * sigmoid(G c + g) + B c."""

    def __init__(self, fan_in: int, fan_out: int, context: int) -> None:
        """``context`` counts the numbers of c without the time."""
        super().__init__()
        self.linear = nn.Linear(fan_in, fan_out)
        self.gate = nn.Linear(context + 1, fan_out)
        self.shift = nn.Linear(context + 1, fan_out, bias=False)

    def forward(self, x: Tensor, gate: Tensor, shift: Tensor) -> Tensor:
        """Return [N, L, fan_out] of x [N, L, fan_in], gate and shift [N, 1, fan_out]."""
        y: Tensor = self.linear(x) * gate + shift
        return y

    def conditions(self, c: Tensor) -> tuple[Tensor, Tensor]:
        """Return gate and shift [N, 1, fan_out] of time and context c [N, 1, 1 + C]."""
        return torch.sigmoid(self.gate(c)), self.shift(c)


class Ode(nn.Module):
    """x moved along dx/dt = net(x, [t, c]) from 0 to T, or back."""

    def __init__(self, widths: Sequence[int], context: int) -> None:
        """``widths`` are the layers' sizes; the first and the last are that of x."""
        super().__init__()
        self.sqrt_end_time = nn.Parameter(torch.tensor(0.5**0.5))
        pairs = itertools.pairwise(widths)
        self.layers = nn.ModuleList(GatedLinear(fan_in, fan_out, context) for fan_in, fan_out in pairs)

    def _each(self) -> Iterator[GatedLinear]:
        for layer in self.layers:
            assert isinstance(layer, GatedLinear)
            yield layer

    def slope(self, t: float | Tensor, x: Tensor, c: Tensor) -> Tensor:
        """Return dx/dt [N, L, D] at time t, of x [N, L, D] under c [N, C]."""
        timed = torch.cat((torch.ones_like(c[:, :1]) * t, c), dim=1)[:, None]
        for i, layer in enumerate(self._each()):
            x = torch.tanh(x) if i else x
            x = layer(x, *layer.conditions(timed))
        return x

    def forward(self, x: Tensor, c: Tensor, back: bool = False) -> Tensor:
        """Return x at T, or with ``back`` x at 0 of x at T.

        Solved in 64 bits: the way back stretches what the way there pressed, and with it the rounding of 32 bits, which
        the solver would go after with ever more steps. No gradients to the weights.
        """
        fine, context = copy.deepcopy(self).double(), c.double()
        end = float(self.sqrt_end_time.detach()) ** 2
        start, end = (end, 0.0) if back else (0.0, end)
        return solve(lambda t, at: fine.slope(t, at, context), x.double(), start, end).to(x.dtype)

    def learn(self, x: Tensor, c: Tensor, probed: Probed) -> tuple[Tensor, Tensor, Tensor]:
        """Return x at T, the logarithm of the volume [N, L, 1] and the effort [N, L, 1]; gradients pass, of T as well.

        The trace of the Jacobian is e.J e, e the ``probe`` (Hutchinson 1990; FFJORD, section 3.1). Time runs over 0..1.
        The effort is the mean square of the speed and of e.J, over the way: a flow that spares it needs few steps
        (Finlay et al., ICML 2020, arXiv:2002.02798, equations 9 and 10).
        """
        end = self.sqrt_end_time**2

        def slope(t: float, state: Tensor) -> Tensor:
            at = state[..., :-2].requires_grad_(True)
            speed = end * self.slope(end * t, at, c)
            (turned,) = torch.autograd.grad(speed, at, probed.probe, create_graph=True)
            trace = (turned * probed.probe).sum(dim=-1, keepdim=True)
            effort = (speed.square() + turned.square()).mean(dim=-1, keepdim=True)
            return torch.cat((speed, trace, effort), dim=-1)

        with torch.enable_grad():
            state = integrate(slope, torch.cat((x, torch.zeros_like(x[..., :2])), dim=-1), 0.0, 1.0, probed.steps)
        return state[..., :-2], state[..., -2:-1], state[..., -1:]


class Flow(nn.Module):
    """w to noise and back, under a context."""

    def __init__(self, names: Sequence[str], w_dim: int, hidden: Sequence[int], context: int | None = None) -> None:
        """``names`` say what the numbers of a context are; ``context`` counts them where they have no names."""
        super().__init__()
        self.names, self.w_dim = tuple(names), w_dim
        self.context = len(self.names) if context is None else context
        self.first, self.last = MovingNorm(w_dim), MovingNorm(w_dim)
        self.ode = Ode((w_dim, *hidden, w_dim), self.context)

    def forward(self, ws: Tensor, context: Tensor) -> Tensor:
        """Return the noise [N, L, D] of ws [N, L, D] that have the attributes ``context`` [N, C]."""
        y: Tensor = self.last(self.ode(self.first(ws), context))
        return y

    def invert(self, noise: Tensor, context: Tensor) -> Tensor:
        """Return the ws [N, L, D] of a noise under ``context`` [N, C]."""
        return self.first.invert(self.ode(self.last.invert(noise), context, back=True))

    def edit(self, ws: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """Return ws with the attributes ``target`` [N, C] in place of ``source`` [N, C], which they have."""
        rows = ws[:, :1] if bool((ws == ws[:, :1]).all()) else ws  # one w for all layers goes the way once
        return self.invert(self(rows.double(), source), target).to(ws.dtype).expand_as(ws).clone()

    def log_prob(self, ws: Tensor, context: Tensor, probed: Probed) -> Tensor:
        """Return the logarithm of the density [N, L] of ws under ``context``, with gradients, to train with."""
        return self.lesson(ws, context, probed)[0]

    def lesson(self, ws: Tensor, context: Tensor, probed: Probed) -> tuple[Tensor, Tensor]:
        """Return the logarithm of the density [N, L] of ws under ``context``, and the effort [N, L] of the way."""
        x, volume, effort = self.ode.learn(self.first(ws), context, probed)
        y = self.last(x)
        normal = -0.5 * (y.square() + torch.log(torch.tensor(2 * torch.pi))).sum(dim=-1)
        total: Tensor = normal + volume[..., 0] + self.first.log_det() + self.last.log_det()
        return total, effort[..., 0]


def from_state(state: Mapping[str, Tensor], names: Sequence[str]) -> Flow:
    """Return the flow that weights by name make; its sizes are those of the weights. ValueError when they make none."""
    widths: list[int] = []
    while (weight := state.get(f"ode.layers.{len(widths)}.linear.weight")) is not None and weight.ndim == 2:
        widths.append(weight.shape[1])
    gate = state.get("ode.layers.0.gate.weight")
    if not widths or gate is None or gate.ndim != 2 or gate.shape[1] < 2:
        raise ValueError("the weights make no flow")
    flow = Flow(names, widths[0], widths[1:], gate.shape[1] - 1)
    if flow.names and len(flow.names) != flow.context:
        raise ValueError(f"the flow has {flow.context} numbers of context and {len(flow.names)} names")
    try:
        flow.load_state_dict(dict(state))
    except RuntimeError as error:
        raise ValueError("the weights make no flow") from error
    return flow.eval().requires_grad_(False)
