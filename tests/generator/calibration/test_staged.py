"""StyleGAN and PGGAN stopped early: fitted, their pictures are nearer to the whole ones than their own ToRGB's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from engine.borders.tick import REST
from engine.generator.backends.prepare import prepare
from engine.generator.backends.select import open_generator
from engine.generator.calibration import files, fit
from engine.generator.calibration.calibration import Calibration
from engine.generator.calibration.staged import StagedCalibration
from engine.generator.networks.staged import Staged
from tests.builders import families
from tests.builders.params import Params

NETWORKS = {
    "stylegan": lambda: families.stylegan(fused=(False, False, True, False)),
    "stylegan tanh": lambda: families.stylegan(output="tanh"),
    "stylegan lod": lambda: families.stylegan(lod=0.4),
    "stylegan bias first": lambda: families.stylegan(bias_first=True),
    "pggan": lambda: families.pggan(),
}


def errors(net: Staged, calibrations: list[Calibration | None], stop: int) -> list[float]:
    """Mean squared error of pictures stopped at ``stop`` px to the whole ones averaged down, by each calibration."""
    player = open_generator(net, precision="fp32", backend="eager")
    ws = fit.sample_ws(net, range(6), 1.0)
    whole = F.avg_pool2d(player.image(ws, "none"), net.resolutions[-1] // stop)
    player.set_resolution(stop)
    found = []
    for calibration in calibrations:
        player.calibrate(calibration)
        found.append(float((player.image(ws, "none") - whole).square().mean()))
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_a_fit_is_nearer_to_the_whole_picture(name: str) -> None:
    net = NETWORKS[name]()
    prepared = prepare(net)
    fitted, nothing = fit.fit(prepared, count=12), fit.blank(prepared)
    assert isinstance(fitted, StagedCalibration)
    for stop in net.stops[:-1]:
        own, unfitted, ours = errors(net, [None, nothing, fitted], stop)
        assert unfitted < own  # the blocks above, per pixel
        assert ours < 0.7 * own, stop


def test_the_whole_picture_stays_as_it_is_and_a_file_keeps_a_fit(tmp_path: Path) -> None:
    net = families.pggan()
    prepared, ws = prepare(net), fit.sample_ws(net, range(1), 1.0)
    player = open_generator(net, precision="fp32", backend="eager")
    wanted = player.image(ws)
    fitted = fit.fit(prepared, count=2)
    player.calibrate(fitted)
    assert torch.equal(player.image(ws), wanted)
    path = tmp_path / "x.calibration.safetensors"
    files.write(path, fitted, "digest")
    read = files.read(path, "digest", prepared)
    assert read.rests.keys() == fitted.rests.keys()
    for stop, rest in fitted.rests.items():
        for name, tensor in rest.tensors().items():
            assert torch.equal(read.rests[stop].tensors()[name], tensor)


def test_a_show_that_begins_reduced_fits_and_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENTVJ_CACHE", str(tmp_path))
    net = families.stylegan()
    player = open_generator(net, precision="fp32", resolution=net.stops[0])
    before = player(fit.sample_ws(net, range(1), 1.0)[0].numpy(), Params(), REST)
    fit.begin(player, net, tmp_path / "model.pkl", "digest")
    player.settle()
    after = player(fit.sample_ws(net, range(1), 1.0)[0].numpy(), Params(), REST)
    assert player.take_notes() == ()
    assert not np.array_equal(before.numpy(), after.numpy())
    assert files.kept("digest").is_file()
