"""The contents of a checkpoint file before any weight is read: names, settings, and how each setting is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from engine.generator.checkpoints.pickles.tensors import TensorRef, number_of
from engine.generator.checkpoints.refusals import EXHAUSTS, Refused

if TYPE_CHECKING:
    from torch import Tensor

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"

MOST_SETTINGS, DEEPEST_SETTINGS = 2000, 8  # values and levels of nesting; a file with more is refused


@dataclass(frozen=True, slots=True)
class Note:
    """One setting, its value, and how it is known: "found in the file", "read from the weights", "assumed: …"."""

    setting: str
    value: Plain
    how: str


@dataclass(frozen=True, slots=True)
class Source:
    """A program text that the file embeds. It was not run; its hash serves to compare files."""

    class_name: str
    sha256: str
    bytes: int


@dataclass(frozen=True, eq=False, slots=True)
class Weight:
    """A tensor of the file, and the function that turns it into NVIDIA's layout."""

    ref: TensorRef
    change: Callable[[Tensor], Tensor] | None = None

    def load(self) -> Tensor:
        """Return the tensor in NVIDIA's layout, fp32 and contiguous. Raises Refused."""
        import torch  # here, so that a refusal does not wait for it

        tensor = self.ref.load().to(torch.float32)
        try:
            return (self.change(tensor) if self.change else tensor).contiguous()
        except (RuntimeError, IndexError):
            raise Refused(f"a tensor in it has the shape {list(self.ref.shape)}, no layer's: it is damaged") from None


@dataclass(slots=True)
class Found:
    """A generator in a file: its family, its settings (NVIDIA's keywords) and its weights (NVIDIA's names).

    `attributes` are the plain values of the modules' attributes, by module path. They hold for the network as it ran,
    defaults included.
    """

    format: str
    family: str
    settings: dict[str, Plain]
    weights: dict[str, Weight]
    sources: tuple[Source, ...] = ()
    notes: list[Note] = field(default_factory=list)
    attributes: dict[str, dict[str, Plain]] = field(default_factory=dict)

    def assume(self, setting: str, value: Plain, why: str) -> None:
        """Note a setting that the file does not hold, with its assumed value."""
        self.notes.append(Note(setting, value, f"assumed: {why}"))


def plain(value: object) -> Plain:
    """Return settings in the types that JSON has. Raises Refused for too many values or too many levels."""
    return _plain(value, DEEPEST_SETTINGS, [MOST_SETTINGS])


def _plain(value: object, depth: int, left: list[int]) -> Plain:
    left[0] -= 1  # sixty objects that share lists can have 2^60 paths
    if depth < 0 or left[0] < 0:
        raise Refused(f"its settings are nested beyond all measure: {EXHAUSTS}")
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item, depth - 1, left) for key, item in value.items() if isinstance(key, str)}
    if isinstance(value, (list, tuple)):
        return [_plain(item, depth - 1, left) for item in value]
    number = number_of(value)
    return str(type(value).__name__) if number is None else number
