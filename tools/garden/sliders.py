"""Named sliders of a distilled model: what the renderer's own numbers do to w.

w is made of the renderer's parameters (tools/fruit/student.py), so the direction along which one number changes and no
other does is known: `bloom` leads from the bud to the wilt, `rose` towards the rose. Nothing is measured on pictures;
what the network makes of a direction is another matter.

    python -m tools.garden.sliders data/garden/run128 presets/models/garden.safetensors
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from engine.generator.attributes import side_file
from engine.generator.attributes.attribute import Attribute
from engine.generator.checkpoints import checkpoint
from tools.fruit.mapping import parameters_of
from tools.fruit.student import SPREAD, Embedding, Student, finished
from tools.fruit.subject import SUBJECTS, Subject
from tools.garden import botany

SEED, COUNT = 0, 20_000  # of the z whose w are sampled
ORIGIN = "the renderer's own parameters (tools/garden)"


def steps(embedding: Embedding) -> Tensor:
    """Return what a step of 1 of each number adds to w [theta, w_dim], in the middle of W, where all kinds are alike.

    Of a kind's own knobs that is their mean over the kinds: the straight line that fits best over all pictures.
    """
    columns = (embedding.linear.weight * embedding.scale).t()
    if embedding.pairs is None:
        return columns
    each = embedding.pairs.weight.t().reshape(embedding.kinds, -1, embedding.pairs.out_features)
    each = SPREAD * each.mean(0)  # [knobs, pairs]
    own = torch.cat([each.new_zeros(embedding.kinds, each.shape[1]), each])
    return torch.cat([columns, own], 1)


@torch.no_grad()
def sliders(student: Student, subject: Subject, names: Sequence[str], layers: int) -> dict[str, Attribute]:
    """Return an attribute for each name of theta; 1 is one standard deviation of that number over random z."""
    generator = torch.Generator().manual_seed(SEED)
    theta = parameters_of(torch.randn(COUNT, subject.theta, generator=generator), subject)
    w = student.embedding(theta).double()
    spread = theta.std(0)
    columns = steps(student.embedding)
    made = {}
    for name, column, sd in zip(names, columns, spread, strict=True):
        length = column.norm()
        along = w @ (column / length).double()
        made[name] = Attribute(
            name,
            np.repeat((column / length).numpy()[None], layers, axis=0),
            scale=float(sd * length),
            mean=float(along.mean()),
            sd=float(along.std()),
            unit="of the renderer's scale",
            spread=float(sd),
            origin=ORIGIN,
        )
    return made


def main(argv: Sequence[str] | None = None) -> None:
    """Write the side file of a model."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("run", type=Path, help="folder with best.pt or snapshot.pt, of which the model was made")
    p.add_argument("model", type=Path, help="the model: its side file is written beside it")
    a = p.parse_args(argv)
    student, plan, _ = finished(a.run)
    loaded = checkpoint.load(a.model, cache=False)
    network = checkpoint.build(loaded)
    each = sliders(student, SUBJECTS[plan.subject], botany.NAMES, network.num_ws)
    attributes = side_file.Attributes(loaded.sha256, network.num_ws, network.w_dim, MappingProxyType(each))
    side_file.write(side_file.beside(a.model), attributes)
    print(f"{side_file.beside(a.model)}: {len(each)} sliders")


if __name__ == "__main__":
    main()
