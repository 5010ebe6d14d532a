"""Teach the flow by likelihood: Abdal et al., StyleFlow (arXiv:2008.02401), section 4.3.

w of a small mapping network lie near a subspace, where a density has no bound; a little noise gives it one, as
dequantisation does for pixels (Theis et al., arXiv:1511.01844, section 3.1).

The flow begins as the straight answer: its last layer shifts w by what the attributes predict of it, so that a linear
probe finds nothing of them in the noise. Likelihood bends it from there. From random weights, 600 batches left most of
the attributes in the noise (R² 0.91). The effort of the way is spared a little (`Ode.learn`), so that an edit needs few
steps of the solver.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.generator.attributes.flow import Flow, GatedLinear, Probed

HIDDEN = (256, 256, 256)  # units of the layers between
STEPS, BATCH, RATE = 600, 64, 1e-3
EFFORT = 0.02  # weight of the effort, beside nats a number of w
SOLVER = 2  # Runge-Kutta steps while it learns
NOISE = 0.2  # standard deviations of w that are added to it
MEASURED = 1000  # w that say how wide the noise is at the beginning
SMALL = 0.1  # times the usual weights of the last layer at the beginning


def learn(
    names: tuple[str, ...],
    ws: Tensor,
    scores: Tensor,
    steps: int = STEPS,
    seed: int = 0,
    hidden: tuple[int, ...] = HIDDEN,
) -> Flow:
    """Learn from ws [N, w_dim] and scores [N, K] in standard deviations."""
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    flow = Flow(names, ws.shape[1], hidden)
    spread = _spread(ws)
    begin(flow, ws, scores, spread)
    optimizer = torch.optim.Adam(flow.parameters(), lr=RATE)
    flow.eval()  # the norms keep what all samples say: a batch of 64 would shake them by some percent
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, step / 50 + 0.02) * 0.5 * (1 + math.cos(math.pi * step / steps))
        chosen = torch.randint(len(ws), (BATCH,), generator=rng)
        x = (ws[chosen] + spread * torch.randn(len(chosen), ws.shape[1], generator=rng))[:, None]
        probe = torch.randint(0, 2, x.shape, generator=rng).float() * 2 - 1
        likely, effort = flow.lesson(x, scores[chosen], Probed(probe, SOLVER))
        loss = -likely.mean() / ws.shape[1]
        optimizer.zero_grad()
        (loss + EFFORT * effort.mean()).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(flow.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 0:
            print(f"flow, step {step}: {float(loss.detach()):.3f} nats a number of w", flush=True)
    return flow.eval().requires_grad_(False)


def _spread(ws: Tensor) -> float:
    return NOISE * float((ws - ws.mean(0)).square().mean().sqrt())


@torch.no_grad()
def begin(flow: Flow, ws: Tensor, scores: Tensor, spread: float) -> None:
    """Set the flow to the straight answer of ws [N, w_dim], with noise of ``spread`` on them, and scores [N, K]."""
    flow.first.running_mean.copy_(ws.mean(0))
    flow.first.running_var.copy_(ws.var(0) + spread**2)
    x = flow.first.eval()(ws[:, None])[:, 0]
    predicted = torch.linalg.lstsq(scores - scores.mean(0), x).solution  # [K, w_dim]
    last = flow.ode.layers[-1]
    assert isinstance(last, GatedLinear)
    last.linear.weight.mul_(SMALL)
    last.linear.bias.zero_()
    last.shift.weight.zero_()
    last.shift.weight[:, 1:].copy_(-predicted.T / flow.ode.sqrt_end_time**2)
    rest = flow.ode(x[:MEASURED, None], scores[:MEASURED])[:, 0]
    flow.last.running_mean.copy_(rest.mean(0))
    flow.last.running_var.copy_(rest.var(0) + spread**2 / flow.first.running_var)


@torch.no_grad()
def examine(flow: Flow, ws: Tensor, scores: Tensor) -> dict[str, float]:
    """Return how normal its noise is, how much of the attributes a linear probe finds there, and the round trip.

    As in the lessons, w has a little noise: without it the thinnest axes of w are all that is left, however thin.
    """
    rng = torch.Generator().manual_seed(1)
    ws = ws + _spread(ws) * torch.randn(ws.shape, generator=rng)
    noise = flow(ws[:, None], scores)[:, 0]
    centred = noise - noise.mean(0)
    gram = centred.T @ centred + 1e-3 * len(ws) * torch.eye(ws.shape[1])
    half = len(ws) // 2
    fitted = torch.linalg.solve(
        centred[:half].T @ centred[:half] + 1e-3 * half * torch.eye(ws.shape[1]), centred[:half].T @ scores[:half]
    )
    missed = (centred[half:] @ fitted - scores[half:]).square().mean(0) / scores[half:].var(0)
    back = flow.invert(noise[:200, None], scores[:200])[:, 0]
    return {
        "noise_mean": float(noise.mean(0).abs().mean()),
        "noise_sd": float((gram.diagonal() / len(ws)).sqrt().mean()),
        "probe_r2": float((1 - missed).mean()),
        "round_trip": float((back - ws[:200]).abs().max()),
    }
