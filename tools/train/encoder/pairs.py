"""Pictures and the w that paint them: a model's own samples, kept in a folder, and pairs from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from engine.borders.errors import UserError
from engine.generator.inversion.coarse import Coarse
from engine.system.files import write_whole
from tools.train.together import Together

SIDE = 64  # pixels of the pictures that are learnt from
CHUNK = 250  # pictures a file
PSI = (0.5, 1.0)  # truncation; half of the samples have one of their own, the others none


@dataclass(frozen=True, slots=True)
class Pairs:
    """w [N, w_dim] and their pictures [N, C, SIDE, SIDE] uint8."""

    ws: Tensor
    pictures: NDArray[np.uint8]

    def seen(self, at: slice | Tensor) -> Tensor:
        """Return some of the pictures as -1..1."""
        return torch.from_numpy(self.pictures[at.numpy() if isinstance(at, Tensor) else at]).float() / 127.5 - 1.0


@torch.no_grad()
def sampled(coarse: Coarse, folder: Path, count: int, here: Together | None = None) -> Pairs:
    """Return ``count`` of a model's own samples; those that are not in ``folder`` yet are painted.

    Several processes begin at different places, and each leaves out what is there by then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    here, chunks = here or Together(), -(-count // CHUNK)
    found: dict[int, Pairs] = {}
    for number in here.round(chunks):
        found[number] = _chunk(coarse, folder / f"{number:05d}.npz", number)
    return joined([found[number] for number in range(chunks)])


def _chunk(coarse: Coarse, path: Path, seed: int) -> Pairs:
    if not path.exists():
        network, rng = coarse.network, np.random.default_rng(seed)
        z = torch.from_numpy(rng.standard_normal((CHUNK, network.z_dim)).astype(np.float32))
        psi = torch.from_numpy(np.where(rng.random(CHUNK) < 0.5, rng.uniform(*PSI, CHUNK), 1.0).astype(np.float32))
        ws = torch.lerp(network.w_avg, network.map(z)[:, 0], psi[:, None])
        pictures = np.concatenate([to_bytes(painted(coarse, w[None])) for w in ws])

        def save(part: Path) -> None:
            with part.open("wb") as file:
                np.savez(file, ws=ws.numpy(), pictures=pictures)

        write_whole(path, save)
        print(f"{path}: {CHUNK} pictures", flush=True)
    return given(path)


def painted(coarse: Coarse, w: Tensor) -> Tensor:
    """Return the pictures [N, C, SIDE, SIDE] of w [N, w_dim], of the earliest block that shows as much."""
    stop = next((r for r in coarse.stops if r >= SIDE), coarse.stops[-1])
    ws = w[:, None].expand(-1, coarse.network.num_ws, -1)
    images = [coarse.paint(one[None], stop) for one in ws]
    return to_side(torch.cat(images))


def to_side(image: Tensor) -> Tensor:
    """Return pictures [N, C, H, W] at SIDE, by means over areas."""
    return image if image.shape[-1] == SIDE else F.interpolate(image, size=(SIDE, SIDE), mode="area")


def given(path: Path) -> Pairs:
    """Return the pairs in a file: `ws` [N, w_dim], `pictures` [N, C, SIDE, SIDE] uint8. Raises UserError."""
    try:
        with np.load(path, allow_pickle=False) as held:
            ws, pictures = torch.from_numpy(held["ws"]).float(), held["pictures"]
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{path}: holds no pairs (ws [N, w_dim], pictures [N, C, {SIDE}, {SIDE}]): {error}") from error
    if len(ws) != len(pictures) or pictures.shape[2:] != (SIDE, SIDE) or pictures.dtype != np.uint8:
        raise UserError(f"{path}: its pictures are {pictures.shape}, and uint8 [{len(ws)}, C, {SIDE}, {SIDE}] is due")
    return Pairs(ws, pictures)


def joined(parts: list[Pairs]) -> Pairs:
    """Return all pairs in one."""
    return Pairs(torch.cat([part.ws for part in parts]), np.concatenate([part.pictures for part in parts]))


def to_bytes(image: Tensor) -> NDArray[np.uint8]:
    """Return pictures [N, C, H, W], -1..1, as uint8."""
    return np.asarray(((image.clamp(-1, 1) + 1.0) * 127.5).round().to(torch.uint8).numpy())
