"""The families of generators that can be played, a row each.

A new family is one file in `networks/` that fills the `Network` contract, one reader here that completes what a file
holds (`complete`), and one row.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from torch import Tensor

    from engine.generator.checkpoints.contents import Found, Plain
    from engine.generator.networks.network import Network


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """A generator as its family's reader completes it.

    `config` is what the network is constructed from, `settings` the same as NVIDIA's keywords. `network` is the one
    that the shapes came from; it has not been given its weights, `state`, yet.
    """

    network: Network
    config: object
    settings: dict[str, Plain]
    state: dict[str, Tensor]


class Reader(Protocol):
    """The module of a family's reader."""

    @staticmethod
    def complete(found: Found, state: dict[str, Tensor]) -> Whole:
        """Return the network that settings and weights describe. Raises Refused when they disagree."""
        ...


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of network. `mark` begins the name of a tensor that only this family has."""

    name: str
    title: str
    mark: str
    module: str  # the reader's, in engine.generator.checkpoints; imported, and with it torch, when it is used

    def reader(self) -> Reader:
        """Import the reader."""
        return cast(Reader, importlib.import_module(f"engine.generator.checkpoints.{self.module}"))


ROWS = (
    Family("stylegan2", "StyleGAN2", "synthesis.b4.const", "stylegan2_settings"),
    Family("stylegan3", "StyleGAN3", "synthesis.input.", "stylegan3_settings"),
    Family("stylegan", "StyleGAN", "stages.0.conv0.", "stylegan_settings"),
    Family("pggan", "PGGAN", "stages.0.dense_bias", "pggan_settings"),
    Family("dcgan", "DCGAN", "layers.0.weight", "dcgan_settings"),
)
FAMILIES: Mapping[str, Family] = MappingProxyType({row.name: row for row in ROWS})

PLAYED = ", ".join(row.title for row in ROWS[:-1]) + f" or {ROWS[-1].title}"
ADVICE = f"use a {PLAYED} checkpoint"


def recognise(names: Iterable[str]) -> str | None:
    """Return the name of the family that tensors of these names belong to, or None."""
    known = tuple(names)
    return next((row.name for row in ROWS if any(name.startswith(row.mark) for name in known)), None)
