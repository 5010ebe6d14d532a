"""The attributes of a model as it is played: rows of the table, and what they do to a frame's ws.

Along directions an attribute costs a row of a matrix product. The mapper is one small network for all attributes; it
runs on the processor, where the ws are, and not at all while every slider that it knows is at rest.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.borders.params import Param
from engine.generator.attributes.played_mapper import PlayedMapper
from engine.generator.attributes.side_file import Attributes

REACH = 4.0  # standard deviations; how far a slider goes either way
GROUP = "attribute."
SHARE = f"{GROUP}mapper"  # the parameter that chooses between directions and mapper


class Sliders:
    """A side file's attributes, ready for the loop."""

    def __init__(self, attributes: Attributes) -> None:
        """``attributes`` are those of the model that plays."""
        self._shape = (attributes.num_ws, attributes.w_dim)
        self._names = tuple(f"{GROUP}{name}" for name in attributes.each)
        steps = [each.step.reshape(-1) for each in attributes.each.values()]
        self._steps = np.stack(steps).astype(np.float64) if steps else np.zeros((0, self._shape[0] * self._shape[1]))
        known = () if attributes.mapper is None else attributes.mapper.names
        # Attributes that only the mapper has are no sliders; its place of each slider, -1 where it does not know it.
        self._places = np.array(
            [known.index(name) if name in known else -1 for name in attributes.each], dtype=np.int64
        )
        self._mapper: PlayedMapper | None = None
        if attributes.mapper is not None and (self._places >= 0).any():
            self._mapper = PlayedMapper(attributes.mapper)
        self.rows = tuple(
            Param(f"{GROUP}{each.name}", 0.0, -REACH, REACH, "sd", _help(each.name, each.spread, each.unit))
            for each in attributes.each.values()
        )
        if self._mapper is not None:
            self.rows += (Param(SHARE, 1.0, 0.0, 1.0, "", "how attributes move: 0 along directions, 1 by the mapper"),)

    def __call__(self, ws: NDArray[np.floating], params: Mapping[str, float]) -> NDArray[np.float64]:
        """Return ``ws`` [num_ws, w_dim] moved by the sliders; the same numbers where all are at rest."""
        moved = np.asarray(ws, dtype=np.float64)
        values = np.array([params.get(name, 0.0) for name in self._names])
        if not values.any():
            return moved
        by_mapper = np.zeros_like(values)
        if self._mapper is not None:
            by_mapper = np.where(self._places >= 0, values * params.get(SHARE, 1.0), 0.0)
        direct = values - by_mapper
        if direct.any():
            moved = moved + (direct @ self._steps).reshape(self._shape)
        return self._mapped(moved, by_mapper) if by_mapper.any() else moved

    def _mapped(self, ws: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        assert self._mapper is not None
        known = self._places >= 0
        asked = np.zeros(self._mapper.count)
        asked[self._places[known]] = values[known]
        return ws + self._mapper(ws, asked)  # the frame's own ws stay as exact as they are


def _help(name: str, spread: float, unit: str) -> str:
    size = f", {spread:.3g} {unit}".rstrip() if spread else ""
    return f"{name.replace('_', ' ')}: 1 is one standard deviation{size}"
