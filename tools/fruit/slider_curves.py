"""Make the default model's mapper of its readout, bent and curved by the renderer's own numbers: no picture is drawn.

The readout is what 20,000 pictures have taught, as the recogniser sees them; the directions follow from it
(`learn_mapper.patterns`). A model's curves are measured by the recogniser (tools/train/attributes/response.py). The
default model's attributes are known exactly from w (way.py), so its curves need none, and 1 is one standard deviation
of the knob itself. Two attributes are matters of kind and bend (slider_bend.py), by the same numbers: a bend that was
taught through the recogniser leaked more than none.

    python -m tools.fruit.slider_curves
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from engine.borders.errors import UserError
from engine.generator.attributes import side_file
from engine.generator.perceptual.names import ATTRIBUTES
from tools.fruit import slider_bend
from tools.fruit.opened import open_fruit
from tools.fruit.way import Way
from tools.train.attributes import response
from tools.train.attributes.directions import Scale
from tools.train.attributes.learn_mapper import EDGES, patterns
from tools.train.attributes.samples import draw_ws

SEED, COUNT, TAUGHT = 0, 2000, 20_000  # of the training w; that are measured; that the bend is taught on
PICTURES = 1200  # w moved for each attribute and strength


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and write."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", type=Path, help="the side file (beside the model)")
    a = p.parse_args(argv)
    torch.set_num_threads(1)
    fruit = open_fruit()
    network, mapper = fruit.network, fruit.mapper
    if mapper.names != ATTRIBUTES:
        raise UserError(f"{fruit.path}: has no mapper of our recogniser's attributes")
    way, w = Way.of(network), draw_ws(network, SEED, COUNT)
    mapper.directions.copy_(patterns(mapper.readout.sum(1), w)[:, None].expand(-1, network.num_ws, -1))
    scale = Scale.of(way.labels(w[:, None]))

    def score(ws: Tensor) -> Tensor:
        return scale(way.labels(ws))

    told = score(w[:, None])
    edges = torch.quantile(told, torch.tensor(EDGES), dim=0)
    slider_bend.teach(mapper, way, draw_ws(network, SEED, TAUGHT), scale, edges)
    ws = w[:, None].expand(-1, network.num_ws, -1)
    mapper.curves.copy_(response.measured(mapper, ws, score, edges, torch.ones(len(ATTRIBUTES)), PICTURES))
    mapper.pace = None  # it was learnt along other curves: tools.fruit.slider_pace teaches it anew
    side_file.write(a.out or side_file.beside(fruit.path), replace(fruit.attributes, mapper=mapper))


if __name__ == "__main__":
    main()
