"""What benchmarks.matte measures, on a few seeds and renders: no fringe, and the holes that are known."""

from __future__ import annotations

import pytest
import torch

from benchmarks import matte as bench
from engine.borders.options import ModelOptions
from engine.borders.params import Params
from engine.borders.preset import Preset
from engine.borders.tick import Tick
from engine.generator.player import Player
from engine.generator.points import seeds_to_z
from engine.show.opening import open_model
from engine.show.table import standard
from engine.stage.matte.stage import Matte

SEEDS = (0, 3, 5, 11, 16, 24)  # 16 has two cherries with floor between their stalks: the one true hole among them
ENCLOSED = 16


@pytest.fixture(scope="module")
def model() -> Player:
    player = open_model(ModelOptions(device="cpu", backend="eager"), Preset("matte"))
    player.settle()
    return player


def test_keyed_seeds_have_no_fringe_and_no_hole(model: Player) -> None:
    ws = model.truncate(model.map(seeds_to_z(SEEDS, model.z_dim)), bench.PSI)
    frames = [model(each, Params({}, standard()), Tick(i, i / 30, 1 / 30)).clone() for i, each in enumerate(ws)]
    with torch.inference_mode():
        found = bench.of_seeds(Matte(), frames, model)
    edge, holes = found["edge"], found["seeds_with_holes"]
    assert isinstance(edge, dict)
    assert edge["max"] <= bench.LIMIT
    assert isinstance(holes, dict)
    assert sum(count for at, count in holes.items() if SEEDS[at] != ENCLOSED) <= 2
    assert holes[SEEDS.index(ENCLOSED)] > 1000  # the floor between stalks is no part of the fruit


def test_keyed_renders_are_the_renderers_own_subject(model: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "RENDERS", 4)
    with torch.inference_mode():
        found = bench.of_renders(Matte(), model, bench.UNSEEN_SEED)
    edge = found["edge_with_shadow"]
    assert isinstance(edge, dict)
    assert edge["within_8"] > 0.93
    # One of the four is a melon whose pale rind opens to the floor where it was cut: the flood goes in there.
    assert found["pictures_with_holes"] == 1
    assert isinstance(found["hole_pixels"], int)
    assert found["hole_pixels"] < 150
