"""Teach the default model's mapper at what pace the picture changes along its sliders; the rest of it stays.

It draws 56,000 pictures, which takes 25 minutes of a processor, and learns for a minute and a half:

    python -m tools.fruit.slider_pace --sweeps sweeps.pt --out fruit.attributes.safetensors
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from engine.generator.attributes import side_file
from tools.fruit.opened import Fruit, open_fruit
from tools.fruit.way import Way
from tools.train.attributes import learn_pace
from tools.train.attributes.directions import Scale
from tools.train.attributes.learn_mapper import EDGES
from tools.train.attributes.samples import draw_ws, painted

SEED = 3_000_001  # of the w that are swept; the next one's for those with room
TAUGHT_SEED, TAUGHT = 0, 20_000  # of the w that say what one standard deviation is
UNEVEN, POOL, ROOMIEST = ("ripeness", "colour", "slice", "stem"), 4000, 300  # sliders; w drawn, and swept, for each


def drawn(fruit: Fruit, count: int) -> learn_pace.Sweeps:
    """Sweep ``count`` w along sliders of their own, and those with most room both ways along each uneven one."""
    network, mapper = fruit.network, fruit.mapper
    way = Way.of(network)
    scale = Scale.of(way.labels(draw_ws(network, TAUGHT_SEED, TAUGHT)[:, None]))
    w, pool = draw_ws(network, SEED, count), draw_ws(network, SEED + 1, POOL)
    told = scale(way.labels(pool[:, None]))
    edges = torch.quantile(told, torch.tensor(EDGES), dim=0)
    room = torch.minimum(told - edges[0], edges[1] - told)
    places = [mapper.names.index(name) for name in UNEVEN]
    roomy = torch.cat([pool[room[:, k].topk(ROOMIEST).indices] for k in places])

    def swept(w: Tensor, sliders: Tensor) -> learn_pace.Sweeps:
        ws = w[:, None].expand(-1, network.num_ws, -1)
        return learn_pace.swept(mapper, ws, sliders, lambda ws: torch.cat(list(painted(network, ws))))

    parts = (
        swept(w, learn_pace.some(count, len(mapper.names))),
        swept(roomy, torch.tensor(places).repeat_interleave(ROOMIEST)[:, None]),
    )
    return learn_pace.Sweeps(*(torch.cat([getattr(part, each) for part in parts]) for each in ("ws", "k", "logs")))


def main(argv: Sequence[str] | None = None) -> None:
    """Sweep, learn and write."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--count", type=int, default=learn_pace.SWEPT, help="w that are swept")
    p.add_argument("--steps", type=int, default=learn_pace.STEPS, help="batches")
    p.add_argument("--sweeps", type=Path, help="a file that keeps the sweeps, drawn where it is missing")
    p.add_argument("--out", type=Path, help="the side file (beside the model)")
    a = p.parse_args(argv)
    torch.set_num_threads(1)
    fruit = open_fruit()
    mapper = fruit.mapper
    begun = time.process_time()
    if a.sweeps and a.sweeps.is_file():
        sweeps = learn_pace.Sweeps(**torch.load(a.sweeps, weights_only=True))
    else:
        sweeps = drawn(fruit, a.count)
        if a.sweeps:
            torch.save({"ws": sweeps.ws, "k": sweeps.k, "logs": sweeps.logs}, a.sweeps)
    mapper.pace = learn_pace.learn(mapper, sweeps, a.steps)
    print(f"pace: {time.process_time() - begun:.0f} s of processor", flush=True)
    side_file.write(a.out or side_file.beside(fruit.path), replace(fruit.attributes, mapper=mapper))


if __name__ == "__main__":
    main()
