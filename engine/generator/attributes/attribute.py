"""A named slider of a model: along which w it moves a picture, how far, and what else that changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from engine.borders.errors import UserError

NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")  # of an attribute: it is a key of TOML and a part of an OSC address
RESERVED = ("mapper",)  # a parameter of this name is not an attribute
METHODS = ("boundary", "mapper", "flow")


@dataclass(frozen=True, slots=True, eq=False)
class Attribute:
    """One direction of W, measured.

    ``direction`` [num_ws, w_dim] has a row a layer. A row is a unit normal n of the boundary, or zero where the
    attribute leaves the layer alone. ``scale`` says how far along ``direction`` one standard deviation of the attribute
    lies. ``mean`` and ``sd`` are those of the projections n.w of many sampled w, n the mean of the rows, normalised.
    ``unit`` and ``spread`` say what one standard deviation is in the attribute's own unit (0: not known). ``leaks`` are
    standard deviations that other attributes move by when this one moves by one. ``origin`` says where it is from.
    """

    name: str
    direction: NDArray[np.float32]
    scale: float
    mean: float = 0.0
    sd: float = 1.0
    unit: str = ""
    spread: float = 0.0
    leaks: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    origin: str = ""

    @property
    def step(self) -> NDArray[np.float32]:
        """What one standard deviation of the attribute adds to ws [num_ws, w_dim]."""
        return np.asarray(self.direction * np.float32(self.scale), dtype=np.float32)

    @property
    def normal(self) -> NDArray[np.float32]:
        """The unit normal [w_dim] for a single w: the mean of the layers' rows, normalised."""
        mean = self.direction.mean(axis=0, dtype=np.float64)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)


def check_name(name: str, where: str = "--name") -> str:
    """Return ``name``; UserError, which begins with ``where``, when no parameter can be called that."""
    if NAME.fullmatch(name) and name not in RESERVED:
        return name
    raise UserError(f"{where} {name}: an attribute's name is small letters, digits and _, at most 32 (not 'mapper')")
