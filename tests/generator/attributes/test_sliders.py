"""Attributes as they are played: rows of the table, and what they do to a frame's ws."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.borders.errors import UserError
from engine.borders.options import ModelOptions
from engine.borders.params import Params
from engine.borders.preset import Latent, Preset
from engine.borders.tick import Tick
from engine.generator.attributes import side_file
from engine.generator.attributes.sliders import Sliders
from engine.show.open_path import open_path
from engine.show.opening import open_model
from engine.show.table import playing_table, standard
from tests.builders.attributes import made, model_with_attributes

WS = np.random.default_rng(7).standard_normal((6, 24))


def test_directions_add_up_and_no_slider_changes_nothing():
    attributes = replace(made(), mapper=None)
    sliders = Sliders(attributes)
    assert [row.name for row in sliders.rows] == ["attribute.ripe", "attribute.turn"]
    assert sliders.rows[0].help == "ripe: 1 is one standard deviation, 0.2 turns"
    ripe, turn = (attributes.each[name].step for name in ("ripe", "turn"))
    moved = sliders(WS, {"attribute.ripe": 1.5, "attribute.turn": -0.5})
    np.testing.assert_allclose(moved, WS + 1.5 * ripe - 0.5 * turn, atol=1e-6)
    for nothing in ({}, {"attribute.ripe": 0.0}, {"speed": 1.0}):
        assert sliders(WS, nothing).tobytes() == WS.tobytes()


def test_the_mapper_moves_what_it_knows_and_its_share_is_a_parameter():
    attributes = made()
    with_other = replace(attributes, each={**attributes.each, "extra": replace(attributes.each["turn"], name="extra")})
    sliders = Sliders(with_other)
    assert [row.name for row in sliders.rows][-1] == "attribute.mapper"
    assert attributes.mapper is not None
    change = torch.tensor([[0.8, 0.0]])
    mapped = attributes.mapper.edit(torch.from_numpy(WS).float()[None], change)[0].numpy()
    np.testing.assert_allclose(sliders(WS, {"attribute.ripe": 0.8}), mapped, atol=1e-5)
    along = sliders(WS, {"attribute.ripe": 0.8, "attribute.mapper": 0.0})
    np.testing.assert_allclose(along, WS + 0.8 * attributes.each["ripe"].step, atol=1e-6)
    extra = sliders(WS, {"attribute.extra": 0.8})  # which the mapper does not know
    np.testing.assert_allclose(extra, WS + 0.8 * attributes.each["turn"].step, atol=1e-6)


def test_a_preset_plays_the_sliders_of_its_model(tmp_path: Path):
    path, attributes = model_with_attributes(tmp_path)
    model = open_model(ModelOptions(model=str(path), backend="plain", calibration=False), Preset("p"))
    preset = Preset("p", params={"attribute.ripe": 0.5, "attribute.mapper": 0.0}, latent=Latent(seeds=(1, 2, 3)))
    table = playing_table(standard(), None, model, preset)
    still, moved = (
        open_path(model, preset).travel(Params(values, table), Tick(0, 0.0, 0.0)) for values in ({}, preset.params)
    )
    np.testing.assert_allclose(moved - still, 0.5 * attributes.each["ripe"].step, atol=1e-6)
    with pytest.raises(UserError, match=r"unknown parameter 'attribute\.ripr'; did you mean 'attribute\.ripe'"):
        playing_table(standard(), None, model, replace(preset, params={"attribute.ripr": 0.5}))


@pytest.mark.parametrize("wrong", [{"sha256": "00" * 32}, {"w_dim": 16, "each": {}, "mapper": None, "flow": None}])
def test_the_side_file_of_another_model_is_one_line_before_the_show(tmp_path: Path, wrong: dict):
    path, attributes = model_with_attributes(tmp_path)
    side_file.write(side_file.beside(path), replace(attributes, **wrong))
    with pytest.raises(UserError, match=r"small\.attributes\.safetensors: these attributes are of another model"):
        open_model(ModelOptions(model=str(path), backend="plain", calibration=False), Preset("p"))
