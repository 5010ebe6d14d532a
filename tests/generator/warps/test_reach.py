"""The warps that a preset can reach: one set of them for the whole preset, so that one graph is captured."""

from __future__ import annotations

import itertools
import random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from engine.borders.controls import Controls
from engine.borders.features import AudioFeatures, Onset
from engine.borders.params import Params
from engine.borders.tick import Tick
from engine.control.presets import preset as presets
from engine.control.routing.desk import Desk
from engine.generator.warps.feature_warps import FeatureWarps
from engine.generator.warps.reach import reached
from engine.show.open_picture import first_picture
from engine.show.parts import Parts
from engine.show.picture import Picture
from engine.system.resources import resource
from tests.builders.params import TABLE

BUSY = ("ghosts", "pond", "whirlpool")  # captured up to five times in half a minute before


def plans(name: str, keep: bool, frames: int = 240) -> list[Any]:
    """Return the plans of a preset's frames, ten a second, while its music goes loud and silent twice."""
    preset = presets.find(name, (resource("presets"),), TABLE)
    desk, warps = Desk(preset, TABLE), FeatureWarps((4, 8, 16, 32, 64, 128, 256), graphs=True)
    if keep:
        warps.keep(reached(preset, TABLE))
    dice, seen = random.Random(0), []
    for index in range(frames):
        time, loud = index / 10, (index // 60) % 2 == 0
        onsets = (Onset(time, time, 1.0),) if loud and index % 5 == 0 else ()
        level = (3.0 if index % 15 == 7 else dice.random() * 3) if loud else 0.0
        hop = AudioFeatures(
            time, level / 4, level, level, level, level, onsets, 120.0, (time * 2) % 1, 1.0, kick=level / 3
        )
        features = AudioFeatures(*(getattr(hop, n) for n in ("time", "rms", "bass", "mid", "treble", "onset_strength")),
                                 onsets, 120.0, hop.beat_phase, 1.0, kick=hop.kick, recent=(hop,))  # fmt: skip
        warps.begin(desk(features, Controls(), Tick(index, time, 0.1)), time, 0.1)
        seen.append(warps.plan)
    return seen


@pytest.mark.parametrize("name", BUSY)
def test_music_switches_no_warp_of_a_captured_frame(name: str) -> None:
    kept = plans(name, keep=True)
    assert (
        len({tuple((layer, plan.before, plan.geometry, plan.after) for layer, plan, _ in each) for each in kept}) == 1
    )
    assert len(set(kept)) <= 4, "only by finer sampling, a few times in all"
    half = len(kept) // 2
    assert set(kept[half:]) <= {kept[half]}, "the second time that it goes loud and silent"


@pytest.mark.parametrize("name", BUSY)
def test_what_is_captured_at_the_opening_is_what_plays(name: str) -> None:
    """The hidden first frame is bent at the preset's own layers, not at those of the parameters' defaults."""
    preset = presets.find(name, (resource("presets"),), TABLE)
    seen: list[Params] = []
    picture = SimpleNamespace(warm=seen.append, sizes=SimpleNamespace(prepare=lambda: None))
    parts = SimpleNamespace(
        model=SimpleNamespace(reach=lambda names: None), preset=preset, desk=SimpleNamespace(table=TABLE)
    )
    first_picture(cast(Parts, parts), cast(Picture, picture))
    warps = FeatureWarps((4, 8, 16, 32, 64, 128, 256), graphs=True)
    warps.keep(reached(preset, TABLE))
    warps.begin(seen[0], 0.0, 0.0)
    opened, played = ({layer: plan.before + plan.after for layer, plan, _ in each} for each in (
        warps.plan, plans(name, keep=True, frames=1)[0]))  # fmt: skip
    assert opened == played


def test_without_that_it_would() -> None:
    half = plans("ghosts", keep=False)[120:]
    assert sum(before != after for before, after in itertools.pairwise(half)) > 4


def test_where_nothing_is_captured_nothing_is_kept_on() -> None:
    warps = FeatureWarps((4, 8, 16), graphs=False)
    warps.keep(("swirl",))
    warps.begin(desk_at_rest(), 0.0, 0.1)
    assert warps.plan == ()


def desk_at_rest():
    from tests.builders.params import Params

    return Params()
