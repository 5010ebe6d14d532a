"""What a feature warp is: the contract that each warp's file in this folder fills.

A warp's file gives one constant: a `Bend`, an `Affine` or a `MapWarp`. `order.WARPS` lists them. The parameter
table, the checks, the bench and `feature_warps.FeatureWarps` read that tuple.

Rows are read before torch is loaded. A warp's file therefore imports torch inside functions or under TYPE_CHECKING.

Lengths are picture heights: v runs -0.5..0.5 down the picture and u, in the same unit, across it, so that a turn stays
a turn at any aspect ratio. Scalars reach a bend as Python floats, or as 0-d tensors where a CUDA graph is captured.
The cos or exp of a knob alone is worked out on the host, in ``scalars``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from engine.borders.params import Param, Params

if TYPE_CHECKING:
    from torch import Tensor

    from engine.generator.warps.state import Setup, State

Phases: TypeAlias = Mapping[str, float]  # by name of a rate row: how far it has led by this frame, row's unit x seconds
Scalar: TypeAlias = "float | Tensor"
Scalars: TypeAlias = "Mapping[str, float | Tensor]"
Coordinates: TypeAlias = "tuple[Tensor, Tensor]"  # u, v, both [H*W, samples]
Matrix = tuple[float, float, float, float, float, float]  # a, b, c, d, e, f: u' = a u + b v + c, v' = d u + e v + f


def layer(warp: str, help_line: str, default: float = 32.0) -> Param:
    """Return the row that says at which block a warp acts."""
    return Param(f"{warp}.layer", default, 4.0, 1024.0, "px", help_line, whole=True)


def no_scalars(params: Params, phases: Phases) -> Mapping[str, float]:
    """Return nothing: the warp needs no numbers but its matrix."""
    return {}


def no_shrink(params: Params) -> float:
    """Return 1: the map is nowhere made smaller."""
    return 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Warp:
    """What every warp says of itself. ValueError when its rows do not fit its name."""

    name: str  # of its rows too: all are called "name.something"
    rows: tuple[Param, ...]  # `layer` is one; rows with ``rate`` are integrated over time, see Phases
    switch: str | Callable[[Params, Phases], bool]  # the row that is 0 where the warp is off, or whether it is on
    example: Mapping[str, float]  # rows that make it do something, for its golden picture and the bench
    scalars: Callable[[Params, Phases], Mapping[str, float]] = no_scalars  # "name.something": the same names each frame
    periods: Mapping[str, float] = field(default_factory=dict)  # by rate row: after which way it looks the same again
    lingers: str | None = None  # the row that says for how many seconds the warp goes on after its last use

    def __post_init__(self) -> None:
        own = {row.name: row for row in self.rows}
        if wrong := [name for name in own if not name.startswith(f"{self.name}.")]:
            raise ValueError(f"warp {self.name}: its row {wrong[0]!r} must be called '{self.name}.something'")
        named = {f"{self.name}.layer", *self.example, *self.periods, *([self.lingers] if self.lingers else [])}
        if isinstance(self.switch, str):
            named.add(self.switch)
        if lacking := sorted(named - own.keys()):
            raise ValueError(f"warp {self.name}: it has no row {lacking[0]!r}")
        if still := [name for name in self.periods if not own[name].rate]:
            raise ValueError(f"warp {self.name}: {still[0]!r} has a period and is no rate")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Affine(Warp):
    """A warp that moves, scales, turns or slants. All affine warps of a layer become one matrix."""

    back: Callable[[Params, Phases], Matrix]  # from the finished picture back to the map


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bend(Warp):
    """A warp that moves pixels in any other way."""

    bend: Callable[[Coordinates, Scalars], Coordinates]  # from the finished picture back to the map
    shrink: Callable[[Params], float] = no_shrink  # how many times smaller the map becomes where it becomes smallest
    cell: Callable[[Params], float] | None = None  # of a warp that makes cells: their height, in picture heights


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MapWarp(Warp):
    """A warp that changes a map's values, or mixes them with those of other frames."""

    state: Callable[[Setup], State]


def ordered(warps: tuple[Warp, ...]) -> tuple[Warp, ...]:
    """Return ``warps``; ValueError when two have one name, or when their geometry cannot be one resampling."""
    names = [warp.name for warp in warps]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"two warps are called {twice!r}")
    stages = [_stage(warp) for warp in warps]
    geometry = [stage for stage in stages if stage]
    start = stages.index(geometry[0]) if geometry else 0
    if geometry != sorted(geometry) or geometry != stages[start : start + len(geometry)]:
        raise ValueError("geometry stands together: affine warps, then bends, then bends that make cells")
    return warps


def _stage(warp: Warp) -> int:
    """Return 1..3 for the kinds of geometry, in the order that they are applied in, and 0 for a warp on maps."""
    if isinstance(warp, Bend):
        return 2 if warp.cell is None else 3
    return int(isinstance(warp, Affine))
