"""Boundaries and directions: how they are made conditional, and how a point is moved along them.

After InterFaceGAN (Shen, Gu, Tang, Zhou, CVPR 2020, arXiv:1907.10786, section 3.3): an attribute has a hyperplane with
the unit normal n. A single code goes to the signed distance d, x + (d - n.x) n; a code of many layers moves by d. A
boundary that leaves other attributes alone is projected on what is orthogonal to theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
PARALLEL = 1.0 - 1e-6  # cosine; two conditions nearer to each other are one
SMALL = 1e-8  # added where a denominator may vanish; InterFaceGAN's own


@dataclass(frozen=True, slots=True, eq=False)
class Boundary:
    """A direction from a file.

    ``rows`` are [w_dim], or [num_ws, w_dim] where the layers have directions of their own. ``unit`` is how far 1 goes
    along it. ``layers`` are those that are moved, None for all. With ``has_distance`` it is the normal of a hyperplane,
    from which a single code has a signed distance.
    """

    rows: Array
    unit: float = 1.0
    layers: tuple[int, ...] | None = None
    has_distance: bool = False

    @property
    def width(self) -> int:
        """Numbers of a code that it moves."""
        return int(self.rows.shape[-1])


def project(primary: Array, conditions: Sequence[Array]) -> Array:
    """Return the unit vector [w_dim] of ``primary`` without its parts along ``conditions``, all of unit length.

    One and two conditions by the closed forms of InterFaceGAN, more by the normal equations. ValueError where nothing
    is left of it.
    """
    p, given = primary.astype(np.float64), [c.astype(np.float64) for c in conditions]
    if len(given) == 1:
        rest = p - (p @ given[0]) * given[0]
    elif len(given) == 2 and abs(both := given[0] @ given[1]) < PARALLEL:
        first, second = p @ given[0], p @ given[1]
        alpha = (first - second * both) / (1 - both**2 + SMALL)
        beta = (second - first * both) / (1 - both**2 + SMALL)
        rest = p - alpha * given[0] - beta * given[1]
    elif given:
        stacked = np.stack(given)
        rest = p - stacked.T @ np.linalg.lstsq(stacked @ stacked.T, stacked @ p, rcond=None)[0]
    else:
        return p
    length = float(np.linalg.norm(rest))
    if length < 1e-6 * max(float(np.linalg.norm(p)), 1e-12):
        raise ValueError("nothing is left of it")
    return np.asarray(rest / length)


def conditional(boundary: Boundary, kept: Sequence[Boundary]) -> Boundary:
    """Return ``boundary`` without what ``kept`` would change. ValueError where nothing is left of it."""
    if not kept:
        return boundary
    layered = [each.rows for each in (boundary, *kept) if each.rows.ndim == 2]
    num_ws = len(layered[0]) if layered else 1
    rows, *others = (_layered(each.rows, num_ws) for each in (boundary, *kept))
    projected = project_layers(rows, others)
    return replace(boundary, rows=projected if layered else projected[0])


def project_layers(rows: Array, kept: Sequence[Array]) -> Array:
    """Return ``rows`` [num_ws, w_dim] without what ``kept`` change, layer by layer; each row has its length again.

    A layer that a condition leaves alone needs nothing; one of which nothing is left becomes zero. ValueError where all
    become zero.
    """
    result = np.zeros_like(rows, dtype=np.float64)
    for layer, row in enumerate(rows):
        length = float(np.linalg.norm(row))
        unit = [each[layer] / norm for each in kept if (norm := float(np.linalg.norm(each[layer]))) > 0.0]
        if length == 0.0:
            continue
        try:
            result[layer] = length * project(row / length, unit)
        except ValueError:
            continue
    if not result.any():
        raise ValueError("nothing is left of it")
    return result


def _layered(rows: Array, num_ws: int) -> Array:
    return rows if rows.ndim == 2 else np.repeat(rows[None], num_ws, axis=0)


def move(codes: Array, boundary: Boundary, amount: float, single: bool) -> Array:
    """Return ``codes`` [num_ws, w_dim], or one [w_dim], moved along ``boundary``; its layers and width fit.

    ``single`` codes go to the signed distance ``amount`` where the boundary has one: their rows are one w. All others
    move by ``amount`` times the boundary's unit.
    """
    rows = boundary.rows
    far: float | Array = amount * boundary.unit
    if single and boundary.has_distance:
        far = amount - (codes * rows).sum(axis=-1, keepdims=True)
    moved = codes + far * rows
    if boundary.layers is not None and codes.ndim == 2:
        chosen = np.zeros((len(codes), 1), bool)
        chosen[[layer for layer in boundary.layers if layer < len(codes)]] = True
        moved = np.where(chosen, moved, codes)
    return np.asarray(moved)


def unit_z(z: Array) -> Array:
    """Return z [n, z_dim] of length sqrt(z_dim) each: the sphere that InterFaceGAN edits on."""
    return np.asarray(z / np.linalg.norm(z, axis=-1, keepdims=True).clip(1e-12) * np.sqrt(z.shape[-1]))
