"""The path on models of every family: through W or z, on z's shell, with a class that a knob blends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.borders.errors import UserError
from engine.borders.params import Params, Table
from engine.borders.preset import Latent, Preset
from engine.borders.tick import REST, Tick
from engine.generator.plain import PlainPlayer
from engine.generator.points import seeds_to_z
from engine.show.open_path import open_path
from tests.builders import families
from tests.builders.params import TABLE

CONDITIONAL = {
    "stylegan": lambda: families.stylegan(c_dim=3, label_dim=8),
    "pggan": lambda: families.pggan(c_dim=3, label_dim=3),
    "dcgan": lambda: families.dcgan(c_dim=3),
}


def knobs(model: PlainPlayer, **values: float) -> Params:
    return Params(values, Table((*TABLE.values(), *model.rows)))


@pytest.mark.parametrize("family", CONDITIONAL)
def test_a_knob_blends_the_classes_of_a_conditional_model(family: str) -> None:
    model = PlainPlayer(CONDITIONAL[family]())
    assert [(row.name, row.low, row.high) for row in model.rows] == [("label", 0.0, 2.0)]
    path = open_path(model, Preset("p", latent=Latent(seeds=(1, 2, 3)), params={"label": 2.0}))
    z = seeds_to_z([1], model.z_dim)
    for label in (2.0, 0.0, 1.0, 0.25, 2.0):
        low, share = int(label), label % 1.0
        c = (1 - share) * np.eye(3)[low] + share * np.eye(3)[min(low + 1, 2)]
        ws = path(knobs(model, label=label, truncation_psi=1.0), REST)
        np.testing.assert_allclose(ws, model.map(z, c[None])[0], atol=1e-5)


@pytest.mark.parametrize("family", ["pggan", "dcgan"])
def test_without_w_the_path_goes_through_z_on_its_shell(family: str) -> None:
    model = PlainPlayer({"pggan": families.pggan, "dcgan": families.dcgan}[family]())
    lengths = {}
    for norm in (False, True):
        path = open_path(model, Preset("p", latent=Latent(seeds=(1, 2, 3, 4), constant_norm=norm)))
        params = knobs(model, speed=1.0, truncation_psi=0.3)
        walk = [path(params, Tick(i, i / 60, 1 / 60)) for i in range(60)]
        assert walk[0].shape == (1, model.z_dim)
        lengths[norm] = np.linalg.norm(walk, axis=(1, 2))
    assert lengths[True].std() < 1e-5 < lengths[False].std()
    mean = np.linalg.norm(seeds_to_z([1, 2, 3, 4], model.z_dim), axis=1).mean()
    assert lengths[True].mean() == pytest.approx(mean, abs=1e-4)  # psi did not shorten it


def test_constant_norm_in_w_is_refused() -> None:
    with pytest.raises(UserError, match='write space = "z"'):
        open_path(PlainPlayer(families.stylegan()), Preset("p", latent=Latent(constant_norm=True)))


def test_a_kept_point_of_a_conditional_model_without_w_is_travelled_again(tmp_path: Path) -> None:
    model = PlainPlayer(families.dcgan(c_dim=3))
    params = knobs(model, label=1.0)
    path = open_path(model, Preset("p", latent=Latent(seeds=(5,)), params={"label": 1.0}))
    ws = path(params, REST)
    np.save(tmp_path / "keep-001.npy", path.point)
    again = Preset("p", latent=Latent(seeds=("keep-001.npy",)), params={"label": 1.0})
    np.testing.assert_allclose(open_path(model, again, kept=tmp_path)(params, REST), ws, atol=1e-6)
