"""What the sliders of a model cost a frame: directions, the mapper, its pace. `python -m benchmarks.attributes_cost`.

At the sizes of a 1024-px StyleGAN2 (18 ws of 512) and of the fruit (14 of 256), on one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray

from engine.generator.attributes.attribute import Attribute
from engine.generator.attributes.mapper import Mapper
from engine.generator.attributes.pace import Pace
from engine.generator.attributes.side_file import Attributes
from engine.generator.attributes.sliders import SHARE, Sliders

COUNT, FRAMES = 16, 400
SIZES = ((14, 256), (18, 512))


def median_ms(call: Callable[[], object]) -> float:
    """Return the median processor time of FRAMES calls, in milliseconds."""
    times = []
    for _ in range(FRAMES):
        began = time.thread_time()
        call()
        times.append(time.thread_time() - began)
    return float(np.median(times)) * 1e3


def main() -> None:
    """Print a line a size."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(1)
    for num_ws, w_dim in SIZES:
        names = tuple(f"a{i}" for i in range(COUNT))
        each = {n: Attribute(n, rng.standard_normal((num_ws, w_dim)).astype(np.float32), 1.0) for n in names}
        mapper = Mapper(names, num_ws, w_dim).eval()
        sliders = Sliders(Attributes("", num_ws, w_dim, MappingProxyType(each), mapper))
        ws = rng.standard_normal((num_ws, w_dim))

        def frame(count: int, share: float, s: Sliders = sliders, w: NDArray[np.float64] = ws) -> float:
            values = {f"attribute.a{i}": 0.5 for i in range(count)} | {SHARE: share}
            return median_ms(lambda: s(w, values))

        told = [f"{COUNT} directions {frame(COUNT, 0.0):.3f} ms", f"mapper {frame(COUNT, 1.0):.3f} ms"]
        mapper.pace = Pace(COUNT, w_dim).eval()
        told += [f"with the pace of {count} of its sliders {frame(count, 1.0):.3f} ms" for count in (1, 8)]
        print(f"{num_ws} x {w_dim}: {', '.join(told)} a frame")


if __name__ == "__main__":
    main()
