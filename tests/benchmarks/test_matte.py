"""What benchmarks.matte measures, on a few seeds and renders: no fringe, and no hole but one that is true."""

from __future__ import annotations

from dataclasses import replace

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
from engine.stage.matte.stage import STRENGTH, Matte

SEEDS = (0, 3, 5, 11, 16, 24)  # 16 has two cherries with floor between their stalks: the one true hole among them
ENCLOSED = 16
MELON, CHERRIES = 127, 41  # its rind opens to the floor; pink light lies on the floor between them


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
    assert edge["within_8"] > 0.95
    # One of the four is a melon whose pale rind opens to the floor where it was cut: 112 pixels of it were lost there.
    assert found["hole_pixels"] == found["pictures_with_holes"] == 0


def test_the_models_own_melon_keeps_its_rind_and_its_cherries_no_floor(model: Player) -> None:
    ws = model.truncate(model.map(seeds_to_z((MELON, CHERRIES), model.z_dim)), bench.PSI)
    known, gained = model.keying, []
    for index, each in enumerate(ws):
        frame = model(each, Params({}, standard()), Tick(index, index / 30, 1 / 30)).clone()
        params = Params({STRENGTH: 1.0}, standard())
        kept, lost = (Matte()(frame, frame, keying, params)[..., 3] for keying in (known, replace(known, passage=0.0)))
        gained.append(int((kept.int() - lost.int() > bench.LIMIT).sum()))
    assert gained[0] > 60
    assert gained[1] == 0
