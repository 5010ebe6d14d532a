"""The families of generators that can be played, a row each.

A new family is one file in `networks/` that fills the `Network` contract, one reader here that completes what a file
holds (`complete`), and one row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

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


Reader = Callable[["Found", "dict[str, Tensor]"], Whole]


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of network. `mark` begins the name of a tensor that only this family has.

    `reader` imports the family's network, and with it torch, when a file of its kind has been read.
    """

    name: str
    title: str
    mark: str
    reader: Callable[[], Reader]


def _stylegan2() -> Reader:
    from engine.generator.checkpoints.stylegan2_settings import complete

    return complete


def _stylegan3() -> Reader:
    from engine.generator.checkpoints.stylegan3_settings import complete

    return complete


ROWS = (
    Family("stylegan2", "StyleGAN2", "synthesis.b4.const", _stylegan2),
    Family("stylegan3", "StyleGAN3", "synthesis.input.", _stylegan3),
)
FAMILIES: Mapping[str, Family] = MappingProxyType({row.name: row for row in ROWS})

PLAYED = " or ".join(row.title for row in ROWS)
ADVICE = f"use a {PLAYED} checkpoint"


def recognise(names: Iterable[str]) -> str | None:
    """Return the name of the family that tensors of these names belong to, or None."""
    known = tuple(names)
    return next((row.name for row in ROWS if any(name.startswith(row.mark) for name in known)), None)
