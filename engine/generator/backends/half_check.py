"""Whether a network's blocks are themselves in fp16 on this card, and what plays those that are not.

Some cards give NaN in convolutions of fp16 (NVIDIA's GTX 16 series), and a network can leave fp16's range. Every block
is run once on the maps that fp32 gives it. One that does not agree steps down: first to plain operators, then to bf16,
then to fp32. What was found is kept for the model and the card. NOT YET RUN ON A GPU (benchmarks/gpu_check).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from engine.borders.errors import UserError
from engine.generator.backends.blocks import DTYPES, Images
from engine.generator.backends.eager import EagerBlocks, EagerLayer
from engine.generator.cuda import exactly
from engine.generator.networks.network import Network
from engine.system import user_folders

# dB; the least ratio of a block's output in fp32 to its difference, by what the blocks are multiplied in.
AGREEMENT = {"fp16": 30.0, "bf16": 20.0, "fp32": 60.0}
PLAIN = "plain"  # in the file: plain operators, in the precision that was asked for


def settle_precision(network: Network, blocks: EagerBlocks, card: str, file: Path | None = None) -> str | None:
    """Let every block of ``blocks`` play in a precision in which it is itself on ``card``; return a line of those.

    ``file`` is where that is kept; None: in the user's folder of state.
    """
    file = file or user_folders.state("precision.json")
    key, kept = _key(network, blocks, card), _kept(file)
    if key in kept:
        found = kept[key]
        for level, name in found.items():
            blocks.step(int(level), DTYPES.get(name, blocks.dtype))
    else:
        found = check(blocks, network.w_avg.repeat(network.num_ws, 1))
        with contextlib.suppress(UserError):  # a disk that is full costs the next start some time
            user_folders.save(file, json.dumps({**kept, key: found}, indent=2) + "\n")
    if not found:
        return None
    sizes = ", ".join(f"{network.resolutions[int(level)]} px in {name}" for level, name in found.items())
    return f"{blocks.precision} does not paint every block of this model on this card: {sizes}"


@exactly
@torch.inference_mode()
def check(blocks: EagerBlocks, ws: Tensor) -> dict[str, str]:
    """Compare every block with fp32 at ``ws`` [num_ws, w_dim]; step down those that differ, and return them."""
    exact, found = EagerBlocks(blocks.prepared, torch.float32), dict[str, str]()
    given = exact.given(ws)
    x = img = None
    for level in range(len(blocks.convs)):
        wanted = exact.run(level, x, img, given)
        least = AGREEMENT[blocks.precision]
        if not _alike(wanted, blocks.run(level, x, img, given), least):
            for name in (PLAIN, "bf16", "fp32"):
                blocks.step(level, DTYPES.get(name, blocks.dtype), EagerLayer)
                if _alike(wanted, blocks.run(level, x, img, given), least):
                    break
            found[str(level)] = name
        x, img = wanted
    return found


def _alike(wanted: Images, got: Images, least: float) -> bool:
    return all(_decibels(a, b) >= least for a, b in zip(wanted, got, strict=True) if a is not None and b is not None)


def _decibels(wanted: Tensor, got: Tensor) -> float:
    difference = (wanted.float() - got.float()).square().mean()
    decibels = 10 * torch.log10(wanted.float().square().mean().clamp_min(1e-20) / difference.clamp_min(1e-20))
    return float(decibels) if bool(torch.isfinite(decibels)) else float("-inf")


def _key(network: Network, blocks: EagerBlocks, card: str) -> str:
    """Return a name for the model, the card, the library, the kernels and the precision."""
    small = [parameter.detach().float().flatten() for parameter in network.parameters() if parameter.ndim <= 1]
    digest = hashlib.sha256(torch.cat(small).cpu().numpy().tobytes())
    digest.update(f"{card} {torch.__version__} {blocks.precision} {network.resolution} {blocks.kernels}".encode())
    return digest.hexdigest()[:32]


def _kept(file: Path) -> Mapping[str, dict[str, str]]:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
