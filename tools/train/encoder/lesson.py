"""How an encoder learns: its dense layers of w that are known, then all of it of the pictures that its w paint."""

from __future__ import annotations

import math
import time

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.generator.inversion.coarse import Coarse
from engine.generator.inversion.encoders.own import OwnEncoder, Shape
from engine.generator.networks.network import Network
from engine.generator.perceptual import recogniser
from tools.train.encoder.pairs import Pairs, painted

BATCH, RATE = 64, 1e-3
FINE_BATCH, FINE_RATE = 8, 2e-4
STRAY = 0.05  # weight of the distance to a known w while pictures are learnt from
READ_AT_ONCE = 100  # pictures


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


def learn_dense(encoder: OwnEncoder, pairs: Pairs, average: Tensor, seconds: float, held: Pairs) -> float:
    """Let the dense layers learn known w for some time; return the remaining error of held ones, a share of w's."""
    read, unseen = read_all(encoder, pairs), read_all(encoder, held)
    spread = (pairs.ws - average).square().mean()
    layers = [*encoder.norm.parameters(), *encoder.dense.parameters(), *encoder.second.parameters()]
    optimizer = torch.optim.AdamW([*layers, *encoder.answer.parameters()], RATE, weight_decay=1e-3, betas=(0.9, 0.98))
    random, began, step = torch.Generator().manual_seed(1), time.process_time(), 0
    while (spent := (time.process_time() - began) / seconds) < 1.0:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 50) * (0.02 + 0.49 * (1.0 + math.cos(math.pi * spent)))
        at = torch.randint(len(read), (BATCH,), generator=random)
        told = encoder.tell(F.dropout(read[at].float(), 0.1))
        loss = (told - (pairs.ws[at] - average)).square().mean() / spread
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        step += 1
        if step % 500 == 0:
            print(f"dense {spent:.0%} step {step} loss {loss.item():.4f}", flush=True)
    with torch.no_grad():
        left = (encoder.tell(unseen.float()) - (held.ws - average)).square().mean() / spread
    return float(left)


def learn_pictures(encoder: OwnEncoder, coarse: Coarse, pairs: Pairs, average: Tensor, seconds: float) -> None:
    """Let the whole encoder learn of the pictures that its answers paint, for some time."""
    spread = (pairs.ws - average).square().mean()
    optimizer = torch.optim.Adam(encoder.parameters(), FINE_RATE, betas=(0.9, 0.98))
    random, began, step, mean = torch.Generator().manual_seed(2), time.process_time(), 0, 0.0
    while (spent := (time.process_time() - began) / seconds) < 1.0:
        for group in optimizer.param_groups:
            group["lr"] = FINE_RATE * min(1.0, (step + 1) / 20) * (0.02 + 0.49 * (1.0 + math.cos(math.pi * spent)))
        at = torch.randint(len(pairs.ws), (FINE_BATCH,), generator=random)
        x = pairs.seen(at)
        told = encoder(x)[:, 0]
        seen: Tensor = (painted(coarse, told + average) - x).square().mean()
        loss = seen + STRAY * (told - (pairs.ws[at] - average)).square().mean() / spread
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step, mean = step + 1, 0.95 * mean + 0.05 * seen.item()
        if step % 50 == 0:
            psnr = 10 * math.log10(4 / (mean / (1 - 0.95**step)))
            print(f"pictures {spent:.0%} step {step} PSNR at {x.shape[-1]} px {psnr:.2f} dB", flush=True)


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
