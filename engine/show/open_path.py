"""Opens the path that a preset asks for: its points in the model's latent space, and how it is travelled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.borders.contracts import Model
from engine.borders.preset import Preset
from engine.generator.points import points
from engine.latent.path import DIRECTIONS
from engine.latent.path import Path as LatentPath
from engine.latent.traveller import Travel


def open_path(
    model: Model, preset: Preset, seed: int | None = None, t: float = 0.0, kept: Path | None = None
) -> LatentPath:
    """Return the preset's path on this model, beginning at ``t``; ``seed`` draws other points, of the same number.

    Files of w lie beside the preset or in the folder ``kept``. UserError names one that is missing or wrong.
    """
    latent = preset.latent
    folders = (preset.path.parent if preset.path else Path(), *([kept] if kept else []))
    first, second = latent.seeds, latent.mix_seeds
    if seed is not None:
        drawn = [int(s) for s in np.random.default_rng(seed).integers(0, 2**32, len(first) + len(second))]
        first, second = tuple(drawn[: len(first)]), tuple(drawn[len(first) :])

    def to_w(z: NDArray[np.float64]) -> NDArray[np.float32]:
        return np.asarray(model.map(np.asarray(z[None], dtype=np.float32))[0])

    return LatentPath(
        points(model, first, latent.space, *folders),
        model.w_avg,
        t,
        travel=Travel(latent.spline, latent.constant_speed, latent.ping_pong),
        to_w=to_w if latent.space == "z" else None,
        mix_points=points(model, second, latent.space, *folders) if second else None,
        directions=_directions(model, preset),
    )


def _directions(model: Model, preset: Preset) -> NDArray[np.float32] | None:
    """Return the directions [8, w_dim] if the preset uses any; they take up to seconds to find."""
    used = {route.target for route in preset.routes} | set(preset.params)
    return None if used.isdisjoint(DIRECTIONS) else model.directions(preset.latent.directions)
