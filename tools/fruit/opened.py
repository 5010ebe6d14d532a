"""The default model, and what is known of its sliders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.borders.errors import UserError
from engine.generator.attributes import side_file
from engine.generator.attributes.mapper import Mapper
from engine.generator.attributes.side_file import Attributes
from engine.generator.checkpoints import checkpoint
from engine.generator.networks.network import Network
from engine.show.opening import find_model


@dataclass(frozen=True, slots=True)
class Fruit:
    """Its network, frozen, its side file, and the mapper in it."""

    path: Path
    network: Network
    attributes: Attributes
    mapper: Mapper


def open_fruit() -> Fruit:
    """Open the default model with its side file; UserError where that has no mapper."""
    path = find_model("fruit")
    opened = checkpoint.load(path)
    network = checkpoint.build(opened).eval().requires_grad_(False)
    attributes = side_file.read_for(path, opened.sha256, network.num_ws, network.w_dim)
    if attributes.mapper is None:
        raise UserError(f"{path}: has no mapper")
    return Fruit(path, network, attributes, attributes.mapper)
