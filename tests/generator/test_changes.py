"""What a change of layer or resolution on stage costs: one frame's work, all of it at once. Counted, not timed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.borders.tick import REST, Tick
from engine.generator.warps.feature_warps import FeatureWarps
from engine.generator.warps.ring import Ring
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


def test_an_uncleared_ring_never_shows_what_was_in_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory full of not-a-number: none of it may reach the picture, however little of a past there is."""
    own = Ring.__init__

    def dirty(self: Ring, like: torch.Tensor, slots: int) -> None:
        own(self, like, slots)
        self._table.fill_(float("nan"))

    monkeypatch.setattr(Ring, "__init__", dirty)
    for graphs in (False, True):
        warps = FeatureWarps((16, 32), graphs=graphs)
        for i in range(80):
            layer = 32 if i < 40 or i > 60 else 16
            strength = float(i % 7 != 3)
            values = {"slitscan.layer": float(layer), "slitscan.strength": strength, "slitscan.axis": float(i % 4)}
            if i == 50:
                warps.reset()
            warps.begin(Params(values), i / 30, 1 / 30)
            out = warps(layer, torch.randn(1, 4, layer, layer))[0]
            assert torch.isfinite(out).all(), i


def test_rgb_that_joins_a_slit_scan_shows_nothing_of_what_was_in_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Ring.__init__

    def dirty(self: Ring, like: torch.Tensor, slots: int) -> None:
        own(self, like, slots)
        self._table.fill_(float("nan"))

    monkeypatch.setattr(Ring, "__init__", dirty)
    warps = FeatureWarps((16,))
    for i in range(40):
        values = {"slitscan.layer": 16.0, "slitscan.strength": 1.0, "warp.image": float(i >= 20)}
        warps.begin(Params(values), i / 30, 1 / 30)
        out, img = warps(16, torch.randn(1, 4, 16, 16), torch.randn(1, 3, 16, 16))
        assert torch.isfinite(out).all(), i
        assert img is not None
        assert torch.isfinite(img).all(), i
