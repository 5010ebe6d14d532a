"""Feature warps in time: seconds and not frames, a past of bounded memory, and cuts that forget it."""

from __future__ import annotations

import gc

import pytest
import torch

from engine.generator.warps.feature_warps import FeatureWarps
from engine.generator.warps.order import WARPS
from engine.generator.warps.ring import SLOTS
from engine.generator.warps.state import State
from tests.builders.params import Params
from tests.builders.warps import at_layer, card, turning, warp


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_a_slit_scan_looks_alike_at_30_and_120_frames(axis: int) -> None:
    slow, fast = turning(30, 1.5, axis), turning(120, 1.5, axis)
    still = warp(card(), at_layer(64, rotate__turns=1.5 / 4))
    assert (slow - still).abs().mean() > 0.1
    assert (slow - fast).abs().mean() < 0.25 * (slow - still).abs().mean()


def test_rows_show_the_moment_they_should() -> None:
    """Maps that hold their own time make the delay readable: row y shows the time y / 63 x 1 s ago."""
    warps = FeatureWarps((64,))
    scan = at_layer(64, slitscan__strength=0.5, slitscan__seconds=2.0)
    for i in range(120):
        time = i / 40
        warps.begin(scan, time, 1 / 40)
        seen = warps(64, torch.full((1, 8, 64, 64), time))[0]
    expected = time - torch.linspace(0, 1, 64)
    assert (seen[0, 0, :, 0] - expected).abs().max() < 1e-3
    assert torch.equal(seen[:, :, 0], torch.full((1, 8, 64), time))


def test_a_slit_scan_of_something_still_is_the_identity() -> None:
    warps, x = FeatureWarps((64,)), card()
    for i in range(100):
        warps.begin(at_layer(64, slitscan__strength=1.0, slitscan__axis=3.0), i / 30, 1 / 30)
        seen = warps(64, x)[0]
    assert (seen - x).abs().max() < 1e-6


def test_the_past_is_kept_while_music_lets_the_strength_fall_to_0() -> None:
    warps = FeatureWarps((64,))
    for i in range(90):
        strength = 1.0 if i < 30 or i == 89 else 0.0
        warps.begin(at_layer(64, slitscan__strength=strength, slitscan__seconds=2.0), i / 30, 1 / 30)
        x = torch.full((1, 4, 64, 64), i / 30)
        seen = warps(64, x)[0]
        if strength == 0.0:
            assert torch.equal(seen, x)
    assert seen[0, 0, 63, 0] == pytest.approx(89 / 30 - 2.0, abs=0.05)
    for i in range(90, 200):
        warps.begin(at_layer(64), i / 30, 1 / 30)
    assert warps.memory_bytes() == 0  # but not for ever


def test_the_ring_stays_within_its_bound_and_moves_with_its_layer() -> None:
    on = {"slitscan__strength": 1.0}
    warps = FeatureWarps((16, 32), memory_limit_mb=1.0)
    x = torch.zeros(1, 64, 32, 32)
    for i in range(70):
        warps.begin(at_layer(32, **on), i / 30, 1 / 30)
        warps(32, x)
    assert warps.memory_bytes() <= 2**20
    warps = FeatureWarps((16, 32))
    for i in range(8):
        layer = 32 if i % 2 else 16
        warps.begin(at_layer(layer, **on), i / 30, 1 / 30)
        x = torch.randn(1, 64, layer, layer)
        assert torch.equal(warps(layer, x)[0], x)  # a new layer has no past yet
        assert warps.memory_bytes() == SLOTS * x.nbytes
    warps.begin(Params(), 9.0, 1 / 30)
    assert warps.memory_bytes() == 0


@pytest.mark.parametrize("graphs", [False, True])
def test_a_cut_forgets_the_past_and_keeps_the_memory(graphs: bool) -> None:
    """The next preset's slit-scan, frozen layer and turning begin anew, in tensors that a captured graph may hold."""
    on = at_layer(32, slitscan__strength=1.0, freeze__strength=1.0, rotate__speed=0.3)
    warps = FeatureWarps((16, 32), graphs=graphs)
    for i in range(20):
        warps.begin(on, i / 30, 1 / 30)
        warps(32, torch.full((1, 4, 32, 32), float(i)))
    plan, memory = warps.plan, warps.memory_bytes()
    warps.reset()
    fresh = FeatureWarps((16, 32), graphs=graphs)
    for i in range(20, 40):
        x = torch.full((1, 4, 32, 32), float(i)) + torch.linspace(0, 1, 32)
        for one in (warps, fresh):
            one.begin(on, i / 30, 1 / 30)
        assert torch.equal(warps(32, x)[0], fresh(32, x)[0])
    assert warps.plan == plan
    assert warps.memory_bytes() == memory


def test_a_graph_that_wrote_to_memory_since_freed_is_not_taken_for_valid() -> None:
    warps, scan, turn = FeatureWarps((32,), graphs=True), {"slitscan__strength": 1.0}, {"rotate__turns": 0.1}
    seen = []
    for time, values in ((0.0, scan), (0.1, turn), (20.0, turn), (40.0, scan), (40.1, scan)):
        warps.begin(at_layer(32, **values), time, 0.1)
        warps(32, torch.zeros(1, 4, 32, 32))
        seen.append(warps.plan)
    assert seen[0] != seen[3] == seen[4]


def test_freeze_holds_what_was_there_when_it_began() -> None:
    for graphs in (False, True):
        warps = FeatureWarps((64,), graphs=graphs)
        seen = []
        for i, strength in enumerate((0.0, 1.0, 1.0, 0.25, 0.0, 1.0, 1.0)):
            warps.begin(at_layer(64, freeze__strength=strength), i / 30, 1 / 30)
            seen.append(warps(64, torch.full((1, 2, 64, 64), float(i)))[0].mean().item())
        assert seen == [0.0, 1.0, 1.0, pytest.approx(2.5), 4.0, 5.0, 5.0]


def test_motion_is_per_second() -> None:
    def after(fps: int) -> torch.Tensor:
        warps = FeatureWarps((64,))
        move = at_layer(
            64,
            rotate__speed=0.1,
            translate__speed_x=0.2,
            ripple__amplitude=0.03,
            ripple__speed=0.7,
            slice__offset=0.1,
            slice__speed=0.4,
            inject__strength=0.1,
        )
        for i in range(fps + 1):
            warps.begin(move, i / fps, 1 / fps if i else 0.0)
        return warps(64, card())[0]

    assert (after(30) - after(120)).abs().mean() < 1e-3


def test_what_a_warp_keeps_is_freed_with_its_model_at_once() -> None:
    """A ring is up to 256 MB; the collector comes once in many changes of model."""

    def states() -> int:
        return sum(issubclass(type(each), State) for each in gc.get_objects())

    collects = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        before = states()
        for each in WARPS:
            warps, params = FeatureWarps((64,)), at_layer(64, **each.example)
            for i in range(2):
                warps.begin(params, i / 10, 1 / 10 if i else 0.0)
                warps(64, card().repeat(1, 4, 1, 1))
            del warps
        assert states() == before
    finally:
        if collects:
            gc.enable()


def test_the_memory_of_a_large_ring_is_given_back_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """A preset is over, and its ring lingers; that of a small map is not worth the frames' pages."""
    asked: list[float] = []
    monkeypatch.setattr("engine.system.allocator.give_back_soon", lambda after=0.0: asked.append(after))
    for channels, waits in ((4, []), (64, [0.0, 3.0, 4.0, 5.0])):
        warps, x = FeatureWarps((64,)), torch.zeros(1, channels, 64, 64)
        for second in range(12):  # on in every other one; off for longer than it lingers
            on = at_layer(64, slitscan__strength=float(second % 2 == 0), slitscan__seconds=0.5)
            warps.begin(on, float(second), 1.0)
            warps(64, x)
        assert warps.memory_bytes() == 0
        assert asked == waits  # in seconds 1, 6, 11 and 16, for what ends in 1, 3, 5, 7, 9 and 11
