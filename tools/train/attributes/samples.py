"""Many w of a model and the pictures that it draws of them, kept in a folder so that a stopped run goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from engine.generator.backends.processor import has_fast_bf16
from engine.generator.networks.network import Network
from engine.system.files import write_whole
from tools.train.together import Together

SIDE = 64  # pixels of the pictures that are kept; what a recogniser sees
CHUNK = 500  # pictures a file
BATCH = 25  # pictures drawn at a time
PSI = (0.5, 1.0)  # truncation, drawn for each w


def stop_of(network: Network) -> int:
    """Return the block to stop at: the smallest that shows SIDE pixels, or the whole picture."""
    return min((r for r in network.stops if r >= SIDE), default=network.stops[-1])


def draw_ws(network: Network, seed: int, count: int) -> Tensor:
    """Return w [count, w_dim] of random z, each truncated by a psi of its own."""
    rng = np.random.default_rng(seed)
    z = torch.from_numpy(rng.standard_normal((count, network.z_dim)).astype(np.float32))
    psi = torch.from_numpy(rng.uniform(*PSI, (count, 1)).astype(np.float32))
    with torch.inference_mode():
        w = network.map(z)[:, 0].float()
        return torch.lerp(network.w_avg.float()[None], w, psi).clone()


def paint(network: Network, ws: Tensor, stop: int | None = None) -> Tensor:
    """Return the pictures [N, 3, SIDE, SIDE], about -1..1, of ws [N, w_dim] or [N, num_ws, w_dim].

    Gradients pass. Convolutions are in bf16 where the processor is fast at it; blocks above ``stop`` are left out.
    """
    if ws.ndim == 2:
        ws = ws[:, None].expand(-1, network.num_ws, -1)
    with torch.autocast("cpu", torch.bfloat16, enabled=has_fast_bf16()):
        picture = network.synthesize(ws, stop_at=stop or stop_of(network)).float()
    return picture if picture.shape[-1] == SIDE else F.interpolate(picture, size=(SIDE, SIDE), mode="area")


def painted(network: Network, ws: Tensor, batch: int = BATCH) -> Iterator[Tensor]:
    """Yield the pictures of ``ws`` batch by batch, without gradients."""
    for part in torch.split(ws, batch):
        with torch.no_grad():
            yield paint(network, part)


def to_bytes(picture: Tensor) -> NDArray[np.uint8]:
    """Return [N, 3, R, R] about -1..1 as uint8 [N, 3, R, R]."""
    pixels: NDArray[np.uint8] = ((picture.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).numpy()
    return pixels


def to_floats(pixels: NDArray[np.uint8]) -> Tensor:
    """Return uint8 [N, 3, R, R] as float, -1..1."""
    return torch.from_numpy(pixels).float() / 127.5 - 1


@dataclass(frozen=True, slots=True)
class Samples:
    """w [N, w_dim] and their pictures [N, 3, SIDE, SIDE] uint8."""

    ws: Tensor
    pictures: NDArray[np.uint8]

    @staticmethod
    def open(network: Network, folder: Path, count: int, seed: int = 0, here: Together | None = None) -> Samples:
        """Read the first ``count`` samples of ``seed`` from ``folder``; draw those that are missing.

        Several processes begin at different places, and each leaves out what is there by then.
        """
        folder.mkdir(parents=True, exist_ok=True)
        ws, pictures = [], []
        paths = [folder / f"{seed:03d}-{number:04d}.npz" for number in range(-(-count // CHUNK))]
        for number in (here or Together()).round(len(paths)):
            if not paths[number].exists():
                _draw(network, paths[number], seed * 1_000_000 + number)
        for path in paths:
            with np.load(path) as chunk:
                ws.append(torch.from_numpy(chunk["ws"]))
                pictures.append(chunk["pictures"])
        return Samples(torch.cat(ws)[:count], np.concatenate(pictures)[:count])


def _draw(network: Network, path: Path, seed: int) -> None:
    ws = draw_ws(network, seed, CHUNK)
    pictures = np.concatenate([to_bytes(picture) for picture in painted(network, ws)])

    def save(part: Path) -> None:
        with part.open("wb") as file:
            np.savez(file, ws=ws.numpy(), pictures=pictures)

    write_whole(path, save)
    print(f"{path}: {CHUNK} pictures", flush=True)
