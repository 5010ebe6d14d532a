"""Opens the attributes of a model by its checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.generator.attributes.side_file import Attributes, read_for
from engine.generator.checkpoints import checkpoint


def open_attributes(model: Path, assume: Sequence[str] = ()) -> Attributes:
    """Return what the side file of the checkpoint ``model`` holds. UserError where either cannot be read or used."""
    found = checkpoint.load(model, assume=assume)
    network = checkpoint.build(found)
    return read_for(model, found.sha256, network.num_ws, network.w_dim)
