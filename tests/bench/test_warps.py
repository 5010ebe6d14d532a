"""The bench's rows of warps: one for each, measured in frames that are really bent."""

import pytest
import torch

from engine.bench.warps import ALL_GEOMETRY, SETTINGS, Timed, measure, measure_model, settings
from engine.borders.errors import UserError
from engine.generator.plain import PlainPlayer
from engine.generator.warps.host import Motion, switched_on
from engine.generator.warps.order import WARPS
from tests.builders.networks import network

NAMES = {warp.name for warp in WARPS}


def test_there_is_a_row_for_every_warp_and_each_does_something() -> None:
    assert set(SETTINGS) == NAMES
    rows = settings(32)
    for name in NAMES:
        assert switched_on(rows[name], Motion().phases) == {name}
    assert switched_on(rows[ALL_GEOMETRY], Motion().phases) == NAMES - {"slitscan", "freeze", "channels", "inject"}


def test_every_row_is_measured_and_the_model_is_left_as_it_was() -> None:
    model = PlainPlayer(network())
    own = model.warps
    costs = measure_model(model, layer=16, rounds=2)
    assert set(costs) == {*NAMES, ALL_GEOMETRY}
    assert min(costs.values()) > 0.0
    assert model.warps is own


def test_what_is_timed_is_the_bending() -> None:
    """A frame that does nothing but ask its hook at one layer: the hook is asked for every row, and bends."""
    model, seen = PlainPlayer(network()), []
    x = torch.randn(1, 8, 16, 16)

    def frame(hook, params, tick) -> None:
        hook.begin(params, tick.time, tick.dt)
        assert hook.active(16)
        seen.append(not torch.equal(hook(16, x, None)[0], x))

    measure(frame, model.warps, layer=16, rounds=1)
    assert sum(seen) > len(seen) / 2


def test_a_frame_that_would_be_recorded_is_refused_in_words() -> None:
    hook = Timed(PlainPlayer(network()).warps, lambda: None)
    with pytest.raises(UserError, match="--backend eager"):
        _ = hook.plan
