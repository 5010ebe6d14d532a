"""Forty answers about pairs of pictures, given by the recogniser: python -m benchmarks.attribute_answers --json F.json

For each attribute: the pool is 2,000 w, an answer says which of the two pictures shows more by the recogniser, and the
direction of forty answers is compared with the recogniser's own, a ridge on the pool's scores, by the correlation of
their projections of 2,000 other w.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

import torch

from engine.generator.attributes.asking import ENOUGH, Asking
from engine.generator.checkpoints import checkpoint
from engine.generator.perceptual.names import ATTRIBUTES
from engine.show.opening import find_model
from engine.system.files import write_whole
from tools.train.attributes import teachers
from tools.train.attributes.directions import Scale, ridge
from tools.train.attributes.samples import Samples, to_floats

POOL = 2000  # w that pairs are drawn from; as many others are projected
SEEDS = 3  # runs of each attribute


def main() -> None:
    """Answer, compare, write."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--json", type=Path, required=True)
    p.add_argument("--work", type=Path, required=True, help="folder of samples; missing ones are drawn")
    a = p.parse_args()
    torch.set_num_threads(1)
    network = checkpoint.build(checkpoint.load(find_model("fruit"))).eval().requires_grad_(False)
    samples = Samples.open(network, a.work, 2 * POOL)
    teacher = teachers.open_teacher(teachers.OURS, (), 64)
    told = teachers.told_of(teacher, [to_floats(samples.pictures[i : i + 100]) for i in range(0, POOL, 100)]).scores
    own = ridge(samples.ws[:POOL], Scale.of(told)(told))
    unseen = samples.ws[POOL:]
    found: dict[str, list[float]] = {}
    for k, name in enumerate(ATTRIBUTES):
        for seed in range(SEEDS):
            asking = Asking(samples.ws[:POOL].double().numpy(), seed)
            for _ in range(ENOUGH):
                first, second = asking.next()
                asking.tell((first, second), bool(told[first, k] > told[second, k]))
            normal = torch.from_numpy(asking.normal).float()
            both = torch.stack([unseen @ normal, unseen @ own[k]])
            found.setdefault(name, []).append(float(torch.corrcoef(both)[0, 1]))
        print(f"{name}: {', '.join(f'{r:.2f}' for r in found[name])}", flush=True)
    report = {"answers": ENOUGH, "correlation": {name: statistics.mean(each) for name, each in found.items()}}
    write_whole(a.json, Path.write_text, json.dumps(report | {"runs": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
