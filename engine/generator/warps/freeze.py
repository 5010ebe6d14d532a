"""Freeze: a layer is held as it was, while the network around it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.borders.params import Param, Params
from engine.generator.warps.state import Fitted, Grab, Setup, State, as_weight
from engine.generator.warps.warp import MapWarp, Phases, Scalar, Scalars, layer

if TYPE_CHECKING:
    from torch import Tensor


class Hold:
    """A copy of a tensor, taken when told to."""

    def __init__(self, like: Tensor) -> None:
        """Room for one tensor like ``like``, all zeros."""
        import torch

        self._held = torch.zeros_like(like)

    @property
    def memory_bytes(self) -> int:
        """Return the size of what is held."""
        return self._held.nbytes

    def __call__(self, x: Tensor, grab: Scalar, strength: Scalar) -> Tensor:
        """Return x held by ``strength``: 0 x itself, 1 as it was in the last frame with ``grab`` = 1."""
        self._held.lerp_(x, as_weight(grab, x))
        return x.lerp(self._held, as_weight(strength, x))


class Frozen(State):
    """The maps that are held: those of the frame in which the strength left 0."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.scalars["freeze.grab"] = 0.0
        self._grab, self._holds = Grab(), Fitted(Hold)
        self._grabbed_at = 0.0  # seconds

    def begin(self, params: Params, time: float) -> None:
        """See State. At strength 0 every frame is grabbed."""
        key = (params["freeze.layer"],) if params["freeze.strength"] > 0.0 else ()
        self.scalars["freeze.grab"] = grab = self._grab(key)
        if grab:
            self._grabbed_at = time

    def sees(self) -> tuple[float, ...]:
        """See State: the frame that is held."""
        return (self._grabbed_at,)

    def __call__(self, layer: int, x: Tensor, img: Tensor | None, k: Scalars) -> tuple[Tensor, Tensor | None]:
        """See State."""
        grab, strength = k["freeze.grab"], k["freeze.strength"]
        held = self._holds(layer, "x", x)(x, grab, strength)
        return held, None if img is None else self._holds(layer, "img", img)(img, grab, strength)

    def end(self, layer: int) -> bool:
        """See State."""
        self._grab.forget()
        return self._holds.drop(layer)

    def reset(self) -> None:
        """See State."""
        self._grab.forget()

    def memory_bytes(self) -> int:
        """See State."""
        return sum(hold.memory_bytes for hold in self._holds.values())


def scalars(params: Params, phases: Phases) -> dict[str, float]:
    """Return how much of the held map is shown."""
    return {"freeze.strength": params["freeze.strength"]}


FREEZE = MapWarp(
    name="freeze",
    rows=(
        layer("freeze", "block that is held", 16.0),
        Param("freeze.strength", 0.0, 0.0, 1.0, "", "0 moves on, 1 holds what was there when it left 0"),
    ),
    switch="freeze.strength",
    example={"freeze.strength": 0.7},
    scalars=scalars,
    state=Frozen,
)
