"""Pivotal tuning: the generator bent around one point, so that the person looks like the person.

Written from Roich et al., "Pivotal Tuning for Latent-based Editing of Real Images" (arXiv:2106.05744): the point stays,
the weights move, and a locality term holds the pictures of points on the way from random ones to the pivot. What is
kept is a low-rank delta of each convolution, in a small file that names its model.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from engine.borders.errors import UserError
from engine.generator.inversion import pictures
from engine.generator.inversion.losses import masked, mean_square
from engine.generator.networks.network import Network
from engine.generator.perceptual.distance import Perceptual
from engine.system.files import as_text

STEPS, RATE = 120, 1e-3
RANK = 8  # of a convolution's delta
LOCALITY, EVERY, AWAY = 0.1, 4, 0.5  # weight; steps between two; share of the way from a random point to the pivot
PERCEPTUAL = 0.05
KEY = "latentvj_tuning"
SUFFIX = ".tuned.safetensors"

Deltas = dict[str, tuple[Tensor, Tensor]]  # by parameter: [O, r] and [r, I k k]


def beside(output: Path) -> Path:
    """Return the file of the deltas of a result."""
    return output.with_name(f"{output.stem}{SUFFIX}")


def tunable(network: Network) -> dict[str, Tensor]:
    """Return the convolutions' weights by name: those of more than one dimension that read no w."""
    return {
        name: parameter
        for name, parameter in network.named_parameters()
        if parameter.ndim == 4 and not name.startswith("mapping")
    }


def tune(
    network: Network,
    target: Tensor,
    ws: NDArray[np.float32],
    perceptual: Perceptual | None = None,
    mask: Tensor | None = None,
    seconds: float | None = None,
    steps: int = STEPS,
) -> tuple[Deltas, float]:
    """Return the deltas that bring the picture of ``ws`` nearer to ``target``, and its error with them (uint8).

    The network is left as it was. ``seconds`` limits the work.
    """
    began, weights = time.monotonic(), tunable(network)
    held = {name: weight.detach().clone() for name, weight in weights.items()}
    pivot = torch.from_numpy(ws)[None]
    generator = torch.Generator().manual_seed(0)
    try:
        with torch.no_grad():
            wanted = None if perceptual is None else perceptual.vector(target)
        for weight in weights.values():
            weight.requires_grad_(True)
        optimizer = torch.optim.Adam(list(weights.values()), RATE)
        for step in range(steps):
            if step % EVERY == 0:  # a step of its own: it swaps weights, which a graph under way may not see
                _taught(LOCALITY * _locality(network, pivot, held, weights, generator), optimizer)
            image = network.synthesize(pivot)
            loss = mean_square(image, target, mask)
            if perceptual is not None and wanted is not None:
                seen = perceptual.vector(masked(image, target, mask))
                loss = loss + PERCEPTUAL * (seen - wanted).square().sum()
            _taught(loss, optimizer)
            if seconds is not None and time.monotonic() - began > seconds:
                break
        with torch.no_grad():
            deltas = {name: low_rank(weight - held[name]) for name, weight in weights.items()}
            for name, weight in weights.items():
                weight.copy_(held[name] + whole(deltas[name], weight.shape))
            picture = pictures.to_bytes(network.synthesize(pivot))
        weight_of = None if mask is None else mask[0, 0].numpy()
        return deltas, pictures.mean_square(picture, pictures.to_bytes(target), weight_of)
    finally:
        with torch.no_grad():
            for name, weight in weights.items():
                weight.requires_grad_(False).copy_(held[name])
                weight.grad = None


def _locality(
    network: Network, pivot: Tensor, held: dict[str, Tensor], weights: dict[str, Tensor], generator: torch.Generator
) -> Tensor:
    """Return how much the picture of a point half-way to the pivot has changed from the untuned network's."""
    z = torch.randn(1, network.z_dim, generator=generator)
    with torch.no_grad():
        point = torch.lerp(network.map(z), pivot, AWAY)
        now = {name: weight.detach().clone() for name, weight in weights.items()}
        for name, weight in weights.items():
            weight.copy_(held[name])
        before = network.synthesize(point)
        for name, weight in weights.items():
            weight.copy_(now[name])
    return (network.synthesize(point) - before).square().mean()


def _taught(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def low_rank(delta: Tensor) -> tuple[Tensor, Tensor]:
    """Return a convolution's delta [O, I, k, k] as the product of two matrices of rank RANK at most."""
    u, s, v = torch.linalg.svd(delta.flatten(1), full_matrices=False)
    rank = min(RANK, len(s))
    root = s[:rank].sqrt()
    return (u[:, :rank] * root).contiguous(), (root[:, None] * v[:rank]).contiguous()


def whole(factors: tuple[Tensor, Tensor], shape: torch.Size) -> Tensor:
    """Return a delta of its two matrices."""
    return (factors[0] @ factors[1]).view(shape)


def save(path: Path, deltas: Deltas, ws: NDArray[np.float32], digest: str) -> None:
    """Write the deltas and their pivot; ``digest`` is the SHA-256 of the model they are of."""
    state = {f"{name}.{i}": part.half() for name, parts in deltas.items() for i, part in enumerate(parts)}
    state["pivot"] = torch.from_numpy(ws).clone()
    with as_text(path) as name:
        save_file(state, name, {KEY: json.dumps({"model_sha256": digest})})


@torch.no_grad()
def apply(path: Path, network: Network, digest: str) -> None:
    """Bend a network by a file of deltas, in place. Raises UserError where the file is none, or of another model."""
    try:
        with as_text(path) as name, safe_open(name, "pt") as file:
            about = json.loads((file.metadata() or {}).get(KEY, "null"))
            state = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118 - it is no dictionary
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path}: is no file of vj project --tune: {error}") from error
    if not isinstance(about, dict) or about.get("model_sha256") != digest:
        raise UserError(f"{path}: bends another model: tune again for this one")
    for name, weight in tunable(network).items():
        factors = state.get(f"{name}.0"), state.get(f"{name}.1")
        if factors[0] is None or factors[1] is None or len(factors[0]) != len(weight):
            raise UserError(f"{path}: is damaged: tune again")
        weight += whole((factors[0], factors[1]), weight.shape)
