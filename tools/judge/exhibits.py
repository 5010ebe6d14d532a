"""Sets of pictures to be judged: folders, zips, shards, the renderer, or what a model draws."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from engine.borders.errors import UserError
from engine.generator.checkpoints import checkpoint
from engine.generator.networks.network import Network
from engine.generator.points import seeds_to_z
from tools.train.pictures import Ledger, open_pictures, order

HELD_OUT = 987_654_321  # seed of the order; no training asks the renderer for these pictures
MODELS = (".safetensors", ".pkl", ".pt", ".pth")


def is_model(name: str) -> bool:
    """Whether ``name`` names a model and not pictures."""
    return Path(name).suffix in MODELS


def open_network(path: Path) -> Network:
    """The network in a checkpoint of any known format."""
    return checkpoint.build(checkpoint.load(path))


def gather(name: str, count: int, resolution: int, psi: float = 1.0) -> Tensor:
    """Return ``count`` different pictures [N,3,R,R], about -1..1. UserError when there are fewer."""
    if is_model(name):
        return draw(Path(name), count, resolution, psi)
    source = open_pictures(name, resolution, Ledger(lambda line: print(line, file=sys.stderr)))
    if source.count is not None and source.count < count:
        raise UserError(f"{name}: holds {source.count} usable pictures, {count} are asked for: choose less --count")
    numbers = track(list(order(source, HELD_OUT, 0, count)), description=name, transient=True)
    pixels = np.stack([source.picture(number) for number in numbers])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


@torch.inference_mode()
def draw(path: Path, count: int, resolution: int, psi: float) -> Tensor:
    """What a model draws for the seeds 0..count-1, averaged down to ``resolution``; rounded as pictures are.

    Of a model with a mask the colours, which lie on black.
    """
    network = open_network(path)
    if network.resolution % resolution or network.img_channels not in (3, 4):
        raise UserError(f"{path}: paints {network.resolution} px in {network.img_channels} channels, "
                        f"which does not go with {resolution} px in colour")  # fmt: skip
    found = []
    z_all = torch.from_numpy(seeds_to_z(range(count), network.z_dim))
    for z in track(torch.split(z_all, 8), path.name, transient=True):
        image = network.synthesize(network.truncate(network.map(z), psi))
        image = torch.nn.functional.avg_pool2d(image[:, :3], network.resolution // resolution)
        found.append((image * 127.5 + 127.5).round().clamp(0, 255) / 127.5 - 1)
    return torch.cat(found)


def resolution_of(names: list[str], wanted: int | None) -> int:
    """The resolution to compare at: as asked, or the models' own. UserError when neither is known."""
    if wanted is not None:
        if wanted < 16 or wanted & (wanted - 1):
            raise UserError(f"--resolution {wanted}: choose a power of two from 16 up")
        return wanted
    sizes = [open_network(Path(name)).resolution for name in names if is_model(name)]
    if not sizes:
        raise UserError("--resolution: say at how many pixels these pictures are to be compared")
    return int(min(sizes))
