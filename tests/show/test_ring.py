"""The last rows of numbers: the newest ones in order, and no more memory for more of them."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from engine.show.ring import Ring


@pytest.mark.parametrize("count", [0, 1, 6, 7, 8, 50])
def test_the_newest_rows_are_there_oldest_first(count: int) -> None:
    ring = Ring(7, 2)
    for i in range(count):
        ring.append((i, -i))
    kept = range(max(0, count - 7), count)
    assert len(ring) == len(kept)
    assert ring.rows().tolist() == [[i, -i] for i in kept]
    assert ring.rows(3).tolist() == [[i, -i] for i in kept][-3:]


def test_a_long_show_takes_no_more_memory_than_its_beginning() -> None:
    ring = Ring(5_000, 8, np.float32)
    row = (0.25,) * 8
    ring.append(row)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(20_000):
        ring.append(row)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 2_000
