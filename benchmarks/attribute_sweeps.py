"""How evenly an even hand moves the picture along each slider of the default model.

    python -m benchmarks.attribute_sweeps --without-pace --json benchmarks/attribute_sweeps.json

Each attribute is swept over ±1 by a sine of 2 Hz, as an LFO does, from the w with most room both ways among many of a
seed. Told is the largest step of the picture in median steps (an even sine has 1.34): the median of these w, how many
stay below twice, and the worst. Room is known from w without a picture, by the renderer's own numbers: how far it is
to the outermost hundredth of what the model shows. With --without-pace the same w are swept once more without the pace
(engine/generator/attributes/pace.py). Both together take a minute and a half of a processor.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.attribute_methods import mapped
from benchmarks.attribute_play import Sweep, swept
from engine.borders.errors import UserError
from engine.generator.networks.network import Network
from engine.generator.perceptual.names import ATTRIBUTES
from engine.system.files import write_whole
from tools.fruit.opened import open_fruit
from tools.fruit.way import Way
from tools.train.attributes.directions import Scale
from tools.train.attributes.learn_mapper import EDGES
from tools.train.attributes.samples import draw_ws, painted

SEED = 112_000_001  # of the w; nothing was taught or chosen on them
POOL, ROOMIEST = 8000, 16  # w that are drawn; that are swept for each attribute
TAUGHT_SEED, TAUGHT = 0, 20_000  # of the w that say what one standard deviation is, and where the edges are
TWICE = 2.0  # median steps; a sweep whose largest step is below this counts as even


def room_of(network: Network, w: Tensor) -> Tensor:
    """Return how far each w [N, w_dim] may go both ways along each attribute, in standard deviations [N, K]."""
    way = Way.of(network)
    labels = way.labels(draw_ws(network, TAUGHT_SEED, TAUGHT)[:, None])
    scale = Scale.of(labels)
    edges = torch.quantile(scale(labels), torch.tensor(EDGES), dim=0)
    told = scale(way.labels(w[:, None]))
    return torch.minimum(told - edges[0], edges[1] - told)


def below(sweep: Sweep) -> int:
    """Return how many sweeps have no step of twice the median step."""
    return sum(each < TWICE for each in sweep.pictures)


def table(found: Mapping[str, Mapping[str, Sweep]]) -> str:
    """Return a row for each attribute, and for each way of sweeping the median, how many are even, and the worst."""
    ways = [f"{f'{way}: median':>24}{f'below {TWICE:.0f}':>10}{'worst':>7}" for way in found]
    lines = ["".join([f"{'':12}{'room':>6}", *ways])]
    for name in ATTRIBUTES:
        each = [sweeps[name] for sweeps in found.values()]
        told = [f"{s.median:24.2f}{f'{below(s)} of {len(s.pictures)}':>10}{max(s.pictures):7.2f}" for s in each]
        lines.append("".join([f"{name:12}{min(each[0].room):6.2f}", *told]))
    return "\n".join(lines)


def run(a: argparse.Namespace) -> dict[str, dict[str, Sweep]]:
    """Sweep with the pace, and without it where that is asked for."""
    torch.set_num_threads(1)
    fruit = open_fruit()
    network, mapper = fruit.network, fruit.mapper
    if mapper.names != ATTRIBUTES or mapper.pace is None:
        raise UserError(f"{fruit.path}: has no mapper of our recogniser's attributes, or no pace")
    w = draw_ws(network, a.seed, a.pool)
    room = room_of(network, w)

    def draw(ws: Tensor) -> Tensor:
        return torch.cat(list(painted(network, ws)))

    ways = {"with pace": True} | ({"without": False} if a.without_pace else {})
    ws = w[:, None].expand(-1, network.num_ws, -1)
    return {way: swept(draw, mapped(mapper, even), ws, room, a.roomiest) for way, even in ways.items()}


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seed", type=int, default=SEED, help=f"of the w ({SEED})")
    p.add_argument("--pool", type=int, default=POOL, help=f"w that are drawn ({POOL})")
    p.add_argument("--roomiest", type=int, default=ROOMIEST, help=f"w that are swept for each attribute ({ROOMIEST})")
    p.add_argument("--without-pace", action="store_true", help="sweep the same w without the pace, too")
    p.add_argument("--json", type=Path, metavar="F")
    a = p.parse_args(argv)
    if not 0 < a.roomiest <= a.pool:
        p.error("--roomiest: at least one, and at most --pool")
    found = run(a)
    print(table(found))
    if a.json:
        rows = {
            way: {name: asdict(sweep) | {"below_twice": below(sweep)} for name, sweep in sweeps.items()}
            for way, sweeps in found.items()
        }
        about = {"seed": a.seed, "pool": a.pool, "roomiest": a.roomiest, "sweeps": rows}
        write_whole(a.json, Path.write_text, json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
