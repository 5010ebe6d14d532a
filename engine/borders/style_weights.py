"""A style file's contents as values: what the generator's safe readers hand to the networks of `stage/style`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

Attribute: TypeAlias = "int | float | str | tuple[int, ...] | None"
# feedforward: one style; conditional: styles by gammas and betas; arbitrary: those from a vector; adain: from
# features; vgg: a recognition network for Gatys.
Kind: TypeAlias = Literal["feedforward", "conditional", "arbitrary", "adain", "vgg"]


@dataclass(frozen=True, slots=True)
class Node:
    """An operation of an ONNX graph: its operator, the names of what it reads and makes, and its attributes."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]


@dataclass(frozen=True, slots=True)
class Graph:
    """An ONNX graph as data: nodes in order, constants by name, and the names of its inputs and outputs."""

    nodes: tuple[Node, ...]
    constants: Mapping[str, Tensor]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StyleWeights:
    """The weights of a style network, under the names that `stage/style` knows for their kind.

    ``styles`` are the names of a conditional network's styles, in order. ``graphs`` are the pair of an arbitrary one
    that was exported as ONNX: "predict" and "transform". ``settings`` are whole numbers that no tensor shows.
    """

    kind: Kind
    source: str  # the file's name, for lines to the user
    tensors: Mapping[str, Tensor] = field(default_factory=lambda: MappingProxyType({}))
    styles: tuple[str, ...] = ()
    graphs: Mapping[str, Graph] = field(default_factory=lambda: MappingProxyType({}))
    settings: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
