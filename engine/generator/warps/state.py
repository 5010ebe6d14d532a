"""What a warp on maps keeps between frames: the contract, and two parts that such warps are built from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Concatenate, Generic, Literal, ParamSpec, TypeVar

from engine.borders.params import Params
from engine.generator.warps.warp import Scalar, Scalars

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Kind = Literal["x", "img"]  # a block's features, or the RGB so far


@dataclass(frozen=True, slots=True)
class Setup:
    """Where a warp plays, and with how much memory."""

    device: torch.device
    memory_limit: float  # bytes; what one warp may keep for a layer's features
    map_bytes: dict[int, int] = field(default_factory=dict)  # of a layer's features, where that is known ahead


class State(ABC):
    """What a warp on maps keeps, on the host and on the device, by layer. Each `FeatureWarps` has its own.

    A frame calls `begin` on the host, if the warp runs, and then the object itself between two blocks. The call does
    device work only: no host synchronisation, no branch on a value, tensors that keep their addresses. What must happen
    once (take a copy of the map now) is a factor of 0 or 1 in ``scalars``: the same operations run in every frame, as a
    CUDA graph needs it.
    """

    layer = 0  # the block that it acts on in this frame
    variant: Hashable = None  # which operations this frame's knobs choose; frames that differ in it share no graph

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.scalars: dict[str, float] = {}  # this frame's numbers that depend on frames before; the same names always

    def begin(self, params: Params, time: float) -> None:
        """Start a frame at ``time`` seconds: set ``scalars`` and ``variant``."""
        return

    def sees(self) -> tuple[float, ...]:
        """Return when the maps were made that this frame shows and that other frames have made: seconds."""
        return ()

    @abstractmethod
    def __call__(self, layer: int, x: Tensor, img: Tensor | None, k: Scalars) -> tuple[Tensor, Tensor | None]:
        """Return the features x [N,C,H,W] and the RGB [N,3,H,W] warped; img is None where only features are."""

    def end(self, layer: int) -> bool:
        """Leave ``layer``. Return whether memory was given back that a captured graph may have written to."""
        return False

    def reset(self) -> None:
        """Forget the past and keep the memory: a captured graph stays valid, and shows nothing of before."""
        return

    def memory_bytes(self) -> int:
        """Return the size of what `end` gives back."""
        return 0


T = TypeVar("T")
P = ParamSpec("P")


class Fitted(Generic[P, T]):
    """One T for each tensor that is warped: made when first needed, and anew for another shape or type."""

    def __init__(self, make: Callable[Concatenate[Tensor, P], T]) -> None:
        """``make`` a T for tensors like the one given.

        It must not hold the warp's state, which holds this: the memory of a model that is replaced would wait for the
        collector, which comes seldom in a show.
        """
        self._make = make
        self._kept: dict[tuple[int, Kind], tuple[tuple[object, ...], T]] = {}

    def __call__(self, layer: int, kind: Kind, like: Tensor, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the T of this tensor; what is not made yet is made with the arguments after it."""
        kept = self._kept.get((layer, kind))
        signature = _signature(like)
        if kept is None or kept[0] != signature:
            kept = self._kept[layer, kind] = signature, self._make(like, *args, **kwargs)
        return kept[1]

    def has(self, layer: int, kind: Kind, like: Tensor) -> bool:
        """Return whether there is one that fits this tensor."""
        kept = self._kept.get((layer, kind))
        return kept is not None and kept[0] == _signature(like)

    def drop(self, layer: int) -> bool:
        """Let go of what is kept for ``layer``; return whether there was anything."""
        kinds: tuple[Kind, Kind] = ("x", "img")
        dropped = [self._kept.pop((layer, kind), None) for kind in kinds]
        return any(one is not None for one in dropped)

    def values(self) -> Iterable[T]:
        """Return all that is kept."""
        return [one for _, one in self._kept.values()]


def _signature(tensor: Tensor) -> tuple[object, ...]:
    return tensor.shape, tensor.dtype, tensor.device


class Grab:
    """Whether a frame is the one that is grabbed: 1.0 in the first frame with a new key, then 0.0."""

    def __init__(self) -> None:
        self._key: tuple[float, ...] = ()

    def __call__(self, key: tuple[float, ...]) -> float:
        """Return the factor of this frame; with an empty ``key`` every frame is grabbed."""
        before, self._key = self._key, key
        return float(not key or key != before)

    def forget(self) -> None:
        """Grab the next frame, whatever its key."""
        self._key = ()


def as_weight(value: Scalar, like: Tensor) -> Scalar:
    """Return a weight that Tensor.lerp takes for ``like``: a number as it is, a tensor in its dtype."""
    return value if isinstance(value, (int, float)) else value.to(like.dtype)
