"""Encoders and pictures with the answers of the authors' own programs, and files of other flavours made of them."""

from __future__ import annotations

import argparse
import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from engine.generator.checkpoints import checkpoint
from engine.generator.networks.network import Network

DATA = Path(__file__).parents[1] / "data" / "inversion"


def reference(name: str) -> dict[str, Any]:
    """Return the arrays of a case."""
    with np.load(DATA / f"{name}.ref.npz") as held:
        return dict(held)


def seen(image: np.ndarray) -> Tensor:
    """Return uint8 pictures [N, 3, H, W] as -1..1."""
    return torch.from_numpy(image).float() / 127.5 - 1.0


def png(path: Path, image: np.ndarray) -> Path:
    """Write a uint8 picture [3, H, W]."""
    Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))).save(path)
    return path


def network(name: str) -> Network:
    """Return a generator of the cases."""
    return checkpoint.build(checkpoint.load(DATA / name, cache=False))


def flavour(
    path: Path, of: str = "psp_small.pt", *, drop: tuple[str, ...] = (), namespace: bool = False, **opts: Any
) -> Path:
    """Write a checkpoint of the pSp family with other opts, without some of its parts."""
    held = copy.copy(torch.load(DATA / of, weights_only=True))
    said = {**held["opts"], **opts}
    held["opts"] = argparse.Namespace(**said) if namespace else said
    held["state_dict"] = {k: v for k, v in held["state_dict"].items() if not k.startswith(drop or ("none",))}
    for name in drop:
        held.pop(name, None)
    torch.save(held, path)
    return path
