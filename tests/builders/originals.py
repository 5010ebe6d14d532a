"""Checkpoints that the original programs wrote, and what these programs computed from them."""

from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import torch

DATA = Path(__file__).parents[1] / "data" / "checkpoints"
CASES = ("ada_skip64.pkl", "ros_convert_style_64.pt", "tf_sg2_configf_like_64.pkl")


def case(name: str, folder: Path) -> Path:
    """The checkpoint as a file with its own name."""
    packed, path = DATA / f"{name}.xz", folder / name
    path.write_bytes(lzma.decompress(packed.read_bytes()) if packed.exists() else (DATA / name).read_bytes())
    return path


def reference(name: str) -> dict[str, torch.Tensor]:
    with np.load(DATA / f"{Path(name).stem}.ref.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays}
