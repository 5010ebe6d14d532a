"""Teach the default model a flow of its attributes, as they are read of w: no picture is drawn.

The context is what an edit will be given: the mapper's readout, which 20,000 pictures have taught.

    python -m tools.fruit.slider_flow --steps 3000 --out fruit.attributes.safetensors
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from engine.generator.attributes import side_file
from tools.fruit.opened import open_fruit
from tools.train.attributes import learn_flow
from tools.train.attributes.samples import draw_ws

SEED, COUNT = 0, 20_000  # of the training w
UNSEEN, EXAMINED = 5, 2000  # seed and number of w that the flow is examined on


def main(argv: Sequence[str] | None = None) -> None:
    """Learn, examine and write."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--steps", type=int, default=3000, help="batches")
    p.add_argument("--out", type=Path, help="the side file (beside the model)")
    a = p.parse_args(argv)
    torch.set_num_threads(1)
    fruit = open_fruit()
    network, mapper = fruit.network, fruit.mapper
    w, unseen = draw_ws(network, SEED, COUNT), draw_ws(network, UNSEEN, EXAMINED)
    begun = time.process_time()
    flow = learn_flow.learn(mapper.names, w, mapper.read(w[:, None].expand(-1, network.num_ws, -1)), a.steps)
    print(f"flow: {time.process_time() - begun:.0f} s of processor", flush=True)
    side_file.write(a.out or side_file.beside(fruit.path), replace(fruit.attributes, flow=flow))
    print(
        f"flow: {learn_flow.examine(flow, unseen, mapper.read(unseen[:, None].expand(-1, network.num_ws, -1)))}",
        flush=True,
    )


if __name__ == "__main__":
    main()
