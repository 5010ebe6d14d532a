"""The work of a frame: a change of layer or resolution costs one frame's work, at once. Counted, not timed."""

from __future__ import annotations

import numpy as np
import pytest

from engine.borders.tick import REST, Tick
from tests.builders.networks import draw, network, opened
from tests.builders.params import Params

BACKENDS = ("eager", "native")


def counted(backend: str):
    """Return a generator, its ws, and the list that the levels of every block run are noted in."""
    net = network()
    fast, ran = opened(net, backend), []
    run = fast.blocks.run
    fast.blocks.run = lambda level, *rest: (ran.append(level), run(level, *rest))[1]
    return fast, draw(net, n=40).numpy(), ran


@pytest.mark.parametrize("backend", BACKENDS)
def test_another_layer_costs_a_frame_no_more_blocks_than_any_and_all_memory_at_once(backend: str) -> None:
    fast, ws, ran = counted(backend)
    bytes_after = []
    for i in range(32):
        layer = (8.0, 32.0, 16.0, 64.0)[i // 8]
        strengths = {"slitscan.strength": 0.5, "freeze.strength": 0.5}
        knobs = Params({"slitscan.layer": layer, "freeze.layer": layer, **strengths})
        ran.clear()
        fast(ws[i], knobs, Tick(i, i / 30, 1 / 30))
        assert ran == [0, 1, 2, 3, 4], i
        bytes_after.append(fast.warps.memory_bytes())
    for first in range(0, 32, 8):
        assert len(set(bytes_after[first : first + 8])) == 1  # in the frame of the change, and given back in the next


@pytest.mark.parametrize("backend", BACKENDS)
def test_another_resolution_repeats_no_work_and_builds_nothing(backend: str) -> None:
    fast, ws, ran = counted(backend)
    blocks, prepared = fast.blocks, fast.blocks.prepared
    fast(ws[0], Params(), REST)
    for size, known in ((32, 3), (16, 2), (64, 3), (32, 3), (64, 4)):
        levels = list(range(int(np.log2(size)) - 1))
        ran.clear()
        fast.set_resolution(size)
        frame = fast(ws[0], Params(), REST)  # the same w: every block is known
        assert frame.shape == (size, size, 4)
        assert ran == [] or ran == levels[-len(ran) :]  # each once, and of those that were known none but the last
        assert len(ran) <= max(len(levels) - known, 1)
        ran.clear()
        fast(ws[1], Params(), REST)
        fast(ws[0], Params(), REST)
        assert ran == 2 * levels
    assert fast.blocks is blocks
    assert fast.blocks.prepared is prepared
