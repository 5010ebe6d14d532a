"""Begin a run again from the model that it made: the weights are in the file, the way into its W in its sliders.

Runs take more sittings than a folder of snapshots may live. What is lost is the optimizers' momentum and the raw
weights beside their average.

    python -m tools.garden.resume presets/models/garden.safetensors data/garden/run128
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from engine.borders.errors import UserError
from engine.generator.attributes import side_file
from engine.generator.checkpoints import checkpoint
from engine.generator.networks.stylegan2 import StyleGAN2
from tools.fruit.student import Embedding, Plan, move
from tools.fruit.subject import GARDEN
from tools.fruit.training import Training
from tools.garden import botany
from tools.garden.sliders import steps


@torch.no_grad()
def embed(embedding: Embedding, attributes: side_file.Attributes, average: torch.Tensor) -> None:
    """Give ``embedding`` the columns that the sliders tell, and ``average`` [w_dim], the w of the mean theta.

    The kinds' own knobs are drawn from the plan's seed. UserError when they are not those that the sliders tell.
    """
    each = [attributes.find(name, "the sliders") for name in botany.NAMES]
    columns = torch.stack([torch.from_numpy(a.direction[0]) * (a.scale / a.spread) for a in each])
    first = embedding.linear.out_features
    if not torch.allclose(columns[:, first:], steps(embedding)[:, first:], atol=1e-3):
        raise UserError("the sliders are not of this model's seed")
    embedding.linear.weight.copy_(columns[:, :first].t() / embedding.scale)
    for bias, part in zip(embedding.biases(), (average[:first], average[first:]), strict=False):
        bias.copy_(part)


def plan_of(network: StyleGAN2) -> Plan:
    """Return the plan of the run that made ``network``, as far as it shows in the network."""
    config = network.config
    return Plan(
        resolution=config.img_resolution,
        channel_base=config.channels[-1] * config.img_resolution,
        channel_max=max(config.channels),
        w_dim=config.w_dim,
        mapping_layers=len(config.mapping_features),
        subject="garden",
        pairs=GARDEN.pairs if config.w_dim > GARDEN.pairs else 0,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Write the run's first snapshot."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", type=Path)
    p.add_argument("run", type=Path, help="folder of the new run; must not hold a snapshot yet")
    p.add_argument("--images", type=int, default=0, help="how many it has learnt from, as its card says")
    p.add_argument("--minutes", type=float, default=0.0, help="how long it has learnt, as its card says")
    a = p.parse_args(argv)
    if (a.run / "snapshot.pt").exists():
        p.error(f"{a.run} already holds a snapshot: choose another folder")
    try:
        loaded = checkpoint.load(a.model, cache=False)
        network = checkpoint.build(loaded)
        if not isinstance(network, StyleGAN2):
            raise UserError(f"{a.model} is no StyleGAN2")
        attributes = side_file.read_for(a.model, loaded.sha256, network.num_ws, network.w_dim)
        a.run.mkdir(parents=True, exist_ok=True)
        run = Training(plan_of(network), a.run)
        for student in (run.student, run.average):
            embed(student.embedding, attributes, network.w_avg.float())
            student.generator.synthesis.load_state_dict(network.synthesis.state_dict())
            move(student.embedding, student.generator.synthesis, -network.w_avg.float())
    except UserError as error:
        p.error(str(error))
    run.images, run.seconds = a.images, 60 * a.minutes
    run.save()
    print(f"{a.run}: goes on from {a.model}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
