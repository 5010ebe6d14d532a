"""The bench's rows of warps: one for each, measured in frames that are really bent."""

import torch

from engine.bench.warps import ALL_GEOMETRY, SETTINGS, measure, measure_model, settings
from engine.generator.player import EagerGenerator
from engine.generator.warps.values import WARPS, Motion, switched_on
from tests.builders.networks import network


def test_there_is_a_row_for_every_warp_and_each_does_something() -> None:
    assert set(SETTINGS) == set(WARPS)
    rows = settings(32)
    for name in WARPS:
        assert switched_on(rows[name], Motion()) == {name}
    assert switched_on(rows[ALL_GEOMETRY], Motion()) == set(WARPS) - {"slitscan", "freeze", "channels", "inject"}


def test_every_row_is_measured_and_the_model_is_left_as_it_was() -> None:
    model = EagerGenerator(network(), "cpu")
    own = model.warps
    costs = measure_model(model, layer=16, rounds=2)
    assert set(costs) == {*WARPS, ALL_GEOMETRY}
    assert min(costs.values()) > 0.0
    assert model.warps is own


def test_what_is_timed_is_the_bending() -> None:
    """A frame that does nothing but ask its hook at one layer: the hook is asked for every row, and bends."""
    model, seen = EagerGenerator(network(), "cpu"), []
    x = torch.randn(1, 8, 16, 16)

    def frame(hook, params, tick) -> None:
        hook.begin(params, tick.time, tick.dt)
        assert hook.active(16)
        seen.append(not torch.equal(hook(16, x, None)[0], x))

    measure(frame, model.warps, layer=16, rounds=1)
    assert sum(seen) > len(seen) / 2
