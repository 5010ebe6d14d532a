"""Teach the judge to read the pictures of the default model itself, whose attributes are known exactly from w.

The judge learnt on renders. A network's picture of fruit is not quite a render, and its own errors were most of the
leak that the comparison of sliders saw. Here it goes on, on pictures that the model draws of w that nobody else has
seen: usual ones, and ones pushed in all the renderer's knobs, as sliders do. The labels are `tools.fruit.way`'s. The
recogniser that teaches has no part in it. First its last layers are taught, then
the others too.

    python -m tools.recognise.refine --work data/judge --pictures 4000 --seen 30000

The same command again goes on from the snapshot.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.generator.backends.processor import has_fast_bf16
from engine.generator.checkpoints import checkpoint
from engine.generator.networks.network import Network
from engine.generator.perceptual.names import ATTRIBUTES
from engine.generator.perceptual.recogniser import read_into
from engine.show.opening import find_model
from engine.system.files import write_whole
from tools.fruit.render import KINDS, THETA, knob_ranges, weights
from tools.fruit.way import Way
from tools.judge.recogniser import WEIGHTS, Second
from tools.recognise.student import told_of
from tools.recognise.teach import export
from tools.train.attributes.samples import painted, to_bytes, to_floats

SEED = 41_000_000  # of the w; the teacher's samples have 0 to 999, the comparison 77 and 88 million
CHUNK = 250  # pictures a file
PSI = (0.5, 1.25)  # truncation
PUSHED = 0.5  # share of the w that are pushed
PUSH = 0.3  # standard deviation of the push, of the range that the renderer draws a knob from
EXAM = 400  # pictures of the first files that are only for the exam
BATCH, RATE = 32, 6e-4
HEAD_STEPS, HEAD_BATCH, HEAD_RATE = 1200, 128, 1.5e-3
DROPPED = 0.15  # share of the numbers that the last layers read, which are left out while they learn
SHIFT = 2  # pixels that a picture is moved by while it is learnt
GRAIN = 0.02  # of a range of 2; noise
KEEP = 60.0  # seconds between snapshots


def draw(network: Network, way: Way, seed: int, count: int) -> Tensor:
    """Return w [count, w_dim]: random z, each truncated by a psi of its own, half of them pushed in every knob."""
    rng = np.random.default_rng(seed)
    z = torch.from_numpy(rng.standard_normal((count, network.z_dim)).astype(np.float32))
    psi = torch.from_numpy(rng.uniform(*PSI, (count, 1)).astype(np.float32))
    push = np.zeros((count, THETA), np.float32)
    push[:, len(KINDS) :] = PUSH * rng.standard_normal((count, THETA - len(KINDS))) * knob_ranges()
    push[rng.random(count) >= PUSHED] = 0.0
    with torch.inference_mode():
        w = torch.lerp(network.w_avg.float()[None], network.map(z)[:, 0].float(), psi)
        return (w + torch.from_numpy(push) @ way.forth).clone()


def pictures_of(network: Network, way: Way, folder: Path, count: int) -> tuple[Tensor, Tensor]:
    """Return w [count, w_dim] and their pictures, uint8 [count, 3, 64, 64]; missing ones are drawn."""
    folder.mkdir(parents=True, exist_ok=True)
    ws, pictures = [], []
    for number in range(-(-count // CHUNK)):
        path = folder / f"{number:04d}.npz"
        if not path.exists():
            drawn = draw(network, way, SEED + number, CHUNK)
            shown = np.concatenate([to_bytes(part) for part in painted(network, drawn)])

            def save(part: Path, drawn: Tensor = drawn, shown: np.ndarray = shown) -> None:
                with part.open("wb") as file:
                    np.savez(file, ws=drawn.numpy(), pictures=shown)

            write_whole(path, save)
            print(f"{path}: {CHUNK} pictures", flush=True)
        with np.load(path) as chunk:
            ws.append(torch.from_numpy(chunk["ws"]))
            pictures.append(torch.from_numpy(chunk["pictures"]))
    return torch.cat(ws)[:count], torch.cat(pictures)[:count]


def rescaled(network: Second, told: Tensor) -> None:
    """Let the heads tell in standard deviations of ``told`` [N, OUTPUTS]; what they say stays the same."""
    centre, scale = told.mean(0), told.std(0)
    with torch.no_grad():
        ratio = network.scale / scale
        network.tell.bias.copy_(ratio * network.tell.bias + (network.centre - centre) / scale)
        network.tell.weight.mul_(ratio[:, None])
    network.centre.copy_(centre)
    network.scale.copy_(scale)


def moved(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Return uint8 ``pictures`` [N, 3, R, R] as floats, each moved by some pixels and with grain."""
    side = pictures.shape[-1]
    x = F.pad(to_floats(pictures.numpy()), (SHIFT,) * 4, mode="replicate")
    places = torch.randint(0, 2 * SHIFT + 1, (len(x), 2), generator=rng).tolist()
    x = torch.stack([one[:, y : y + side, z : z + side] for one, (y, z) in zip(x, places, strict=True)])
    return x + GRAIN * torch.rand(len(x), 1, 1, 1, generator=rng) * torch.randn(x.shape, generator=rng)


def losses(network: Second, x: Tensor, told: Tensor, share: Tensor) -> dict[str, Tensor]:
    """Return the parts of the loss of a batch; ``told`` [N, OUTPUTS] in standard deviations, ``share`` of kinds."""
    with torch.autocast("cpu", torch.bfloat16, enabled=has_fast_bf16()):
        cells = network.gathered(network.maps(x)[-1])
    return read_losses(network, cells.float(), told, share)


def read_losses(network: Second, cells: Tensor, told: Tensor, share: Tensor) -> dict[str, Tensor]:
    """Return the parts of the loss of what the heads read of ``cells`` [N, cells]."""
    identity = F.normalize(network.kind(cells), dim=1)
    kinds = 12.0 * identity @ F.normalize(network.prototypes, dim=1).T
    guessed = network.tell(F.relu(network.hidden(cells)))
    return {
        "attributes": F.smooth_l1_loss(guessed, told, beta=0.3),
        "kinds": 0.1 * torch.sum(-share * kinds.log_softmax(1), 1).mean(),
    }


def learn_heads(network: Second, pictures: Tensor, labels: Tensor, share: Tensor, steps: int = HEAD_STEPS) -> None:
    """Teach what reads the coarsest map, on the maps of all pictures but those of the exam."""
    with torch.inference_mode():
        parts = [network.gathered(network.maps(to_floats(part.numpy()))[-1]) for part in torch.split(pictures, 100)]
    cells = torch.cat(parts).clone()
    told = (told_of(labels) - network.centre) / network.scale
    heads = [*network.kind.parameters(), *network.hidden.parameters(), *network.tell.parameters(), network.prototypes]
    optimizer = torch.optim.AdamW(heads, lr=HEAD_RATE, weight_decay=0.1)
    rng = torch.Generator().manual_seed(7)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = HEAD_RATE * min(1.0, step / 30 + 0.02) * 0.5 * (1 + math.cos(math.pi * step / steps))
        chosen = EXAM + torch.randint(len(cells) - EXAM, (HEAD_BATCH,), generator=rng)
        seen = cells[chosen]
        seen = seen * (torch.rand(seen.shape, generator=rng) > DROPPED) / (1 - DROPPED)
        total = torch.stack(list(read_losses(network, seen, told[chosen], share[chosen]).values())).sum()
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % 200 == 0:
            print(f"last layers, step {step}: {float(total.detach()):.3f}", flush=True)


def learn(network: Second, pictures: Tensor, labels: Tensor, share: Tensor, seen: int, folder: Path) -> None:
    """Learn until ``seen`` pictures have been seen, from the snapshot in ``folder`` where there is one."""
    if not seen:
        return
    told = (told_of(labels) - network.centre) / network.scale
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.02)
    path, step, kept, begun = folder / "snapshot.pt", 0, time.monotonic(), time.process_time()
    if path.exists():
        saved = torch.load(path, weights_only=True)
        network.load_state_dict(saved["network"])
        optimizer.load_state_dict(saved["optimizer"])
        step = saved["step"]
    while (done := step * BATCH / seen) < 1:
        rng = torch.Generator().manual_seed(step)
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, step / 50 + 0.02) * 0.5 * (1 + math.cos(math.pi * done))
        chosen = EXAM + torch.randint(len(pictures) - EXAM, (BATCH,), generator=rng)
        x = moved(pictures[chosen], rng).contiguous(memory_format=torch.channels_last)
        parts = losses(network, x, told[chosen], share[chosen])
        optimizer.zero_grad()
        torch.stack(list(parts.values())).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        step += 1
        if step % 50 == 0:
            spent = time.process_time() - begun
            said = "  ".join(f"{name} {float(value.detach()):.3f}" for name, value in parts.items())
            print(f"{step * BATCH} pictures, {spent:.0f} s of processor: {said}", flush=True)
        if time.monotonic() - kept > KEEP or step * BATCH >= seen:
            kept = time.monotonic()
            state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
            write_whole(path, lambda part, state=state: torch.save(state, part))  # type: ignore[misc]


@torch.inference_mode()
def examine(network: Second, pictures: Tensor, labels: Tensor, share: Tensor) -> dict[str, dict[str, float]]:
    """Return the mean absolute error in the attributes' own spread, and how much of it is explained, by name."""
    found = [network.recognise(to_floats(part.numpy())) for part in torch.split(pictures, 100)]
    told, kinds = torch.cat([one.attributes for one in found]), torch.cat([one.kinds for one in found])
    missed, pure = told - labels, share.amax(1) > 0.9
    rows = {"mae_sd": missed.abs().mean(0) / labels.std(0), "r2": 1 - missed.square().mean(0) / labels.var(0)}
    report = {key: dict(zip(ATTRIBUTES, row.tolist(), strict=True)) for key, row in rows.items()}
    right = (kinds.argmax(1) == share.argmax(1))[pure].float().mean()
    return report | {"kinds": {"right": float(right)}}


def main(argv: Sequence[str] | None = None) -> None:
    """Draw, learn, examine, write."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--work", type=Path, required=True, help="folder of the pictures and of the snapshot")
    p.add_argument("--pictures", type=int, default=4000, help="that are drawn")
    p.add_argument("--seen", type=int, default=30_000, help="pictures that the judge sees in all")
    p.add_argument("--out", type=Path, default=WEIGHTS, help="where the weights go")
    a = p.parse_args(argv)
    torch.set_num_threads(1)
    network = checkpoint.build(checkpoint.load(find_model("fruit"))).eval().requires_grad_(False)
    way = Way.of(network)
    ws, pictures = pictures_of(network, way, a.work, a.pictures)
    theta = way.theta(ws)
    labels, share = way.labels(ws[:, None]), torch.from_numpy(weights(theta))
    second = read_into(Second(), WEIGHTS).requires_grad_(True)
    first = examine(second, pictures[:EXAM], labels[:EXAM], share[:EXAM])
    rescaled(second, told_of(labels))
    if not (a.work / "snapshot.pt").exists():
        learn_heads(second, pictures, labels, share)
        print(f"the last layers alone: {examine(second, pictures[:EXAM], labels[:EXAM], share[:EXAM])}", flush=True)
    learn(second, pictures, labels, share, a.seen, a.work)
    second.requires_grad_(False)
    report = {"before": first, "after": examine(second, pictures[:EXAM], labels[:EXAM], share[:EXAM])}
    export(second, a.out)
    write_whole(a.work / "exam.json", Path.write_text, json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
