"""What the sliders of a model cost a frame: directions, the mapper, its pace. `python -m benchmarks.attributes_cost`.

At the sizes of a 1024-px StyleGAN2 (18 ws of 512) and of the fruit (14 of 256), on one thread: the median of the
processor time, and the least, which other work on the machine disturbs less. The layers of w differ, as along a path
through w+; "of one w" they are equal, as along any other path of a show. With --cold other numbers go through the
processor's caches before each call, as a generator's do.
"""

from __future__ import annotations

from engine.system.allocator import tune_allocator

tune_allocator()  # before NumPy is loaded: its products take one thread, as in a show

# ruff: noqa: E402
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
COLD = 12_000_000  # numbers of 8 bytes that go through the caches; no cache holds as many
SIZES = ((14, 256), (18, 512))


def told(call: Callable[[], object], other: NDArray[np.float64]) -> str:
    """Return the processor time of FRAMES calls, all threads together, in words: the median and the least.

    Each number of ``other`` is changed before each call.
    """
    times = []
    for _ in range(FRAMES):
        other += 1.0
        began = time.process_time()
        call()
        times.append(time.process_time() - began)
    return f"{np.median(times) * 1e3:.3f} ms (least {min(times) * 1e3:.3f})"


def main() -> None:
    """Print a paragraph a size."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--cold", action="store_true", help="with the caches full of other numbers")
    other = np.zeros(COLD if p.parse_args().cold else 0)
    torch.set_num_threads(1)
    rng = np.random.default_rng(1)
    for num_ws, w_dim in SIZES:
        names = tuple(f"a{i}" for i in range(COUNT))
        each = {n: Attribute(n, rng.standard_normal((num_ws, w_dim)).astype(np.float32), 1.0) for n in names}
        mapper = Mapper(names, num_ws, w_dim).eval()
        without = Sliders(Attributes("", num_ws, w_dim, MappingProxyType(each), mapper))
        mapper.pace = Pace(COUNT, w_dim).eval()
        paced = Sliders(Attributes("", num_ws, w_dim, MappingProxyType(each), mapper))
        ws = rng.standard_normal((num_ws, w_dim))

        def frame(sliders: Sliders, count: int, ws: NDArray[np.float64], share: float = 1.0) -> str:
            values = {f"attribute.a{i}": 0.5 for i in range(count)} | {SHARE: share}
            return told(lambda: sliders(ws, values), other)

        print(f"{num_ws} x {w_dim}, a frame:")
        print(f"  {COUNT} directions {frame(without, COUNT, ws, 0.0)}")
        for rows, what in ((ws, ""), (np.repeat(ws[:1], num_ws, axis=0), "of one w: ")):
            print(f"  {what}mapper {frame(without, COUNT, rows)}")
            for count in (1, 8):
                print(f"  {what}with the pace of {count} of its sliders {frame(paced, count, rows)}")


if __name__ == "__main__":
    main()
