"""Opens the path that a preset asks for: its points in the model's latent space, and how it is travelled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.borders.contracts import Model
from engine.borders.errors import UserError
from engine.borders.params import may_come
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

    space = latent.space if model.has_w else "z"
    if latent.constant_norm and space != "z":
        raise UserError(f'{preset.path or preset.name}: constant_norm is for travel through z: write space = "z"')
    label = preset.params.get("label", 0.0)
    mapping = _Mapping(model, label)

    def find(seeds: tuple[int | str, ...]) -> NDArray[np.float32] | None:
        return points(model, seeds, space, *folders, label=mapping.label) if seeds else None

    def relabel(label: float) -> tuple[NDArray[np.float32] | None, ...]:
        mapping.take(label)
        return () if space == "z" else (find(first), find(second))

    own = find(first)
    assert own is not None
    mapping.norm = float(np.linalg.norm(own, axis=1).mean()) if latent.constant_norm else None
    return LatentPath(
        own,
        model.w_avg,
        t,
        travel=Travel(latent.spline, latent.constant_speed, latent.ping_pong),
        to_w=mapping if space == "z" else None,
        mix_points=find(second),
        directions=_directions(model, preset),
        truncated=model.has_w,
        relabel=relabel if model.c_dim > 1 else None,
        label=label,
        slide=model.slide if any(may_come(row.name) for row in model.rows) else None,
    )


class _Mapping:
    """A z as the model's ws, of the class that is played; every z as long as ``norm`` says, where it says so."""

    def __init__(self, model: Model, label: float) -> None:
        self._model = model
        self.norm: float | None = None
        self.label: NDArray[np.float32] | None = None
        self.take(label)

    def take(self, label: float) -> None:
        """Play another class; a label between two whole numbers blends their classes."""
        classes = self._model.c_dim
        if classes < 1:
            return
        low = min(max(int(label), 0), classes - 1)
        share = np.float32(min(max(label - low, 0.0), 1.0))
        self.label = np.zeros(classes, np.float32)
        self.label[low] = 1.0 - share
        self.label[min(low + 1, classes - 1)] += share

    def __call__(self, z: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return ws [num_ws, w_dim] of z [z_dim]."""
        if self.norm is not None:
            z = z * (self.norm / max(float(np.linalg.norm(z)), 1e-6))
        label = None if self.label is None else self.label[None]
        return np.asarray(self._model.map(np.asarray(z[None], dtype=np.float32), label)[0])


def _directions(model: Model, preset: Preset) -> NDArray[np.float32] | None:
    """Return the directions [8, w_dim] if the preset uses any; they take up to seconds to find."""
    used = {route.target for route in preset.routes} | set(preset.params)
    return None if used.isdisjoint(DIRECTIONS) else model.directions(preset.latent.directions)
