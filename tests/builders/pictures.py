"""Known frames, and the comparison of what was drawn with what was drawn before."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

GOLDEN = Path(__file__).resolve().parents[1] / "stage" / "golden"
RED, GREEN, BLUE, GREY = (200, 40, 30), (40, 160, 60), (30, 60, 200), (128, 128, 128)


def as_frame(rgb: NDArray[np.uint8]) -> torch.Tensor:
    """A frame as the generator hands it over: uint8 RGBA [H, W, 4]."""
    alpha = np.full((*rgb.shape[:2], 1), 255, np.uint8)
    return torch.from_numpy(np.concatenate([rgb, alpha], axis=2))


def flat(colour: tuple[int, int, int], size: int = 16) -> torch.Tensor:
    return as_frame(np.full((size, size, 3), colour, np.uint8))


def quadrants(size: int = 16) -> torch.Tensor:
    """Red top left, green top right, blue bottom left, grey bottom right."""
    rgb = np.zeros((size, size, 3), np.uint8)
    half = size // 2
    rgb[:half, :half], rgb[:half, half:] = RED, GREEN
    rgb[half:, :half], rgb[half:, half:] = BLUE, GREY
    return as_frame(rgb)


def still_life(size: int = 48) -> torch.Tensor:
    """A lit ball on a soft ground: smooth shading, one hard edge, one highlight."""
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size * 2.0 - 1.0
    distance = np.hypot(x / 0.6, (y - 0.05) / 0.6)
    inside = np.clip((1.0 - distance) * size * 0.3, 0.0, 1.0)[..., None]
    light = np.clip(0.7 * np.sqrt(np.clip(1.0 - distance**2, 0.0, 1.0)) - 0.5 * x - 0.6 * y, 0.0, 1.0)[..., None]
    ball = np.concatenate([0.3 + 0.65 * light, 0.08 + 0.4 * light, 0.06 + 0.1 * light], axis=2) + 0.6 * light**24
    ground = np.broadcast_to((0.9 - 0.25 * np.clip(y, 0.0, 1.0))[..., None], ball.shape)
    rgb = np.clip(ground * (1.0 - inside) + ball * inside, 0.0, 1.0)
    return as_frame((rgb * 255.0).round().astype(np.uint8))


def assert_golden(picture: NDArray[np.uint8], name: str) -> None:
    """Compare with tests/stage/golden; UPDATE_GOLDEN=1 draws the golden images anew (then look at them)."""
    path = GOLDEN / f"{name}.png"
    if os.environ.get("UPDATE_GOLDEN"):
        Image.fromarray(picture).save(path, optimize=True)
    golden = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert picture.shape == golden.shape
    error = np.abs(picture.astype(int) - golden)
    assert error.mean() < 0.75, f"{name}: differs by {error.mean():.2f} of 255 on average"
    assert np.percentile(error, 99.5) <= 6, f"{name}: the worst pixels differ by {np.percentile(error, 99.5):.0f}"
