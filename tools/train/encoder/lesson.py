"""How an encoder learns: its dense layers of w that are known, then all of it of the pictures that its w paint."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.generator.inversion.coarse import Coarse
from engine.generator.inversion.encoders.own import OwnEncoder, Shape
from engine.generator.networks.network import Network
from engine.generator.perceptual import recogniser
from tools.train.encoder.pairs import Pairs, painted
from tools.train.sitting import Sitting, draws

BATCH, RATE = 64, 1e-3
FINE_BATCH, FINE_RATE = 8, 2e-4
STRAY = 0.05  # weight of the distance to a known w while pictures are learnt from
READ_AT_ONCE = 100  # pictures
DROPPED = 0.1  # share of what is read that the dense layers do without
REPORT = 50  # steps between two lines


def begun(network: Network) -> OwnEncoder:
    """Return a new encoder for a network, with the recogniser's convolutions where the channels agree."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = OwnEncoder(Shape(network.num_ws, network.w_dim, channels=network.img_channels))
    if network.img_channels == 3:
        own, shipped = encoder.convolutions.state_dict(), recogniser.shipped().convolutions.state_dict()
        if {k: t.shape for k, t in own.items()} == {k: t.shape for k, t in shipped.items()}:
            encoder.convolutions.load_state_dict(shipped)
    torch.nn.init.zeros_(encoder.answer.weight)
    torch.nn.init.zeros_(encoder.answer.bias)
    return encoder


def read_all(encoder: OwnEncoder, pairs: Pairs) -> Tensor:
    """Return what the dense layers read of all pictures [N, F], in half precision."""
    with torch.no_grad():
        parts = [slice(at, at + READ_AT_ONCE) for at in range(0, len(pairs.ws), READ_AT_ONCE)]
        return torch.cat([encoder.read(pairs.seen(part)).half() for part in parts])


def learn_dense(
    encoder: OwnEncoder, pairs: Pairs, average: Tensor, seconds: float, held: Pairs, sitting: Sitting | None = None
) -> float:
    """Let the dense layers learn known w for some time; return the remaining error of held ones, a share of w's."""
    sitting = sitting or Sitting()
    read, unseen = read_all(encoder, pairs), read_all(encoder, held)
    spread = (pairs.ws - average).square().mean()
    layers = [*encoder.norm.parameters(), *encoder.dense.parameters(), *encoder.second.parameters()]
    optimizer = torch.optim.AdamW([*layers, *encoder.answer.parameters()], RATE, weight_decay=1e-3, betas=(0.9, 0.98))

    def losses(step: int, part: slice) -> dict[str, Tensor]:
        random = draws(1, step)
        at = torch.randint(len(read), (BATCH,), generator=random)[part]
        kept = (torch.rand((BATCH, read.shape[1]), generator=random) >= DROPPED)[part]
        told = encoder.tell(read[at].float() * kept / (1.0 - DROPPED))
        return {"loss": (told - (pairs.ws[at] - average)).square().mean() / spread}

    _learn("dense", encoder, optimizer, losses, (BATCH, RATE, 50), seconds, sitting)
    with torch.no_grad():
        left = (encoder.tell(unseen.float()) - (held.ws - average)).square().mean() / spread
    return float(left)


def learn_pictures(
    encoder: OwnEncoder,
    coarse: Coarse,
    pairs: Pairs,
    average: Tensor,
    seconds: float,
    sitting: Sitting | None = None,
) -> None:
    """Let the whole encoder learn of the pictures that its answers paint, for some time."""
    spread = (pairs.ws - average).square().mean()
    optimizer = torch.optim.Adam(encoder.parameters(), FINE_RATE, betas=(0.9, 0.98))

    def losses(step: int, part: slice) -> dict[str, Tensor]:
        at = torch.randint(len(pairs.ws), (FINE_BATCH,), generator=draws(2, step))[part]
        x = pairs.seen(at)
        told = encoder(x)[:, 0]
        seen = (painted(coarse, told + average) - x).square().mean()
        return {"seen": seen, "stray": STRAY * (told - (pairs.ws[at] - average)).square().mean() / spread}

    _learn("pictures", encoder, optimizer, losses, (FINE_BATCH, FINE_RATE, 20), seconds, sitting or Sitting())


def _learn(
    name: str,
    encoder: OwnEncoder,
    optimizer: torch.optim.Optimizer,
    losses: Callable[[int, slice], dict[str, Tensor]],
    pace: tuple[int, float, int],
    seconds: float,
    sitting: Sitting,
) -> None:
    """Learn for ``seconds`` of the first process's processor time; ``pace``: the batch, the rate, its first steps."""
    here, (batch, rate, first) = sitting.together, pace
    progress = sitting.begin(name, encoder, optimizer)
    began = time.process_time() - progress.spent
    try:
        while (spent := here.first(time.process_time() - began) / seconds) < 1.0:
            for group in optimizer.param_groups:
                warm = min(1.0, (progress.steps + 1) / first)
                group["lr"] = rate * warm * (0.02 + 0.49 * (1.0 + math.cos(math.pi * spent)))
            optimizer.zero_grad(set_to_none=True)
            told = here.learn(encoder.parameters(), batch, partial(losses, progress.steps), sitting.accumulate)
            optimizer.step()
            progress.steps, progress.spent = progress.steps + 1, spent * seconds
            if progress.steps % REPORT == 0:
                said = "  ".join(f"{what} {loss:.4f}" for what, loss in told.items())
                sitting.tell(f"{name} {spent:.0%} step {progress.steps} {said}")
            sitting.keep(name, encoder, optimizer, progress)
    finally:  # Ctrl-C, too
        sitting.keep(name, encoder, optimizer, progress, now=True)


@torch.no_grad()
def measured(encoder: OwnEncoder, network: Network, average: Tensor, count: int = 24) -> list[float]:
    """Return the PSNR in dB of the encoder's answers to a model's own whole pictures, psi 1, of seeds never learnt."""
    from engine.generator.inversion.pictures import mean_square, psnr, to_bytes
    from engine.generator.points import seeds_to_z

    found = []
    for seed in range(10_000, 10_000 + count):
        target = network.synthesize(network.map(torch.from_numpy(seeds_to_z([seed], network.z_dim))))
        x = F.interpolate(target.clamp(-1, 1), size=encoder.shape, mode="area")
        ws = (encoder(x) + average).expand(-1, network.num_ws, -1)
        found.append(psnr(mean_square(to_bytes(network.synthesize(ws)), to_bytes(target))))
    return found
