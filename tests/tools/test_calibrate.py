"""The tool that tunes reduced resolutions: what it writes is used, and is better than what there was."""

from __future__ import annotations

import json

import pytest
import torch
from PIL import Image

from engine.borders.options import ModelOptions
from engine.borders.preset import Preset
from engine.generator.calibration import files as calibration_files
from engine.generator.checkpoints import checkpoint
from engine.show.opening import open_model
from tests.builders import families
from tests.builders.networks import network
from tools import calibrate
from tools.train import snapshot


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTVJ_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "tiny.safetensors"
    snapshot.export(path, network(img_resolution=32, channels=(16, 16, 12, 8), w_dim=16, z_dim=16))
    return path


def test_a_model_is_tuned_stored_and_reported(model, tmp_path, capsys):
    report, figures = tmp_path / "report.jpg", tmp_path / "figures.json"
    arguments = [str(model), "--pictures", "32", "--steps", "60", "--report", str(report), "--json", str(figures)]
    assert calibrate.main(arguments) == 0
    rows = json.loads(figures.read_text())["mean_squared_error"]
    assert {(row["resolution"], row["psi"]) for row in rows} == {(8, 0.7), (8, 1.0), (16, 0.7), (16, 1.0)}
    assert all(row["tuned"] < row["raw"] / 2 for row in rows)
    assert "| 16 | 0.7 |" in capsys.readouterr().out
    with Image.open(report) as sheet:
        assert sheet.height == 6 * calibrate.TILE
    options = ModelOptions(model=str(model), resolution=16, backend="plain")
    network_ = checkpoint.build(checkpoint.load(model))
    ws = network_.mapping(torch.randn(2, 16, generator=torch.Generator().manual_seed(0)))
    whole = torch.nn.functional.avg_pool2d(network_.synthesis(ws), 2)
    played = open_model(options, Preset(name="x"))
    assert not calibration_files.kept(checkpoint.load(model).sha256).exists()  # nothing is fitted where a file lies
    raw = network_.synthesis(ws, stop_at=16)
    assert (played.image(ws) - whole).square().mean() < (raw - whole).square().mean() / 2
    before = calibration_files.beside(model).read_bytes()
    assert calibrate.main([str(model), "--report-only"]) == 0
    assert calibration_files.beside(model).read_bytes() == before


@pytest.mark.parametrize("family", ["stylegan", "pggan"])
def test_an_older_family_is_fitted_stored_and_reported(family, tmp_path):
    model, figures, report = tmp_path / "old.pkl", tmp_path / "figures.json", tmp_path / "report.png"
    written = {
        "stylegan": lambda: families.tensorflow_stylegan(families.stylegan()),
        "pggan": lambda: families.tensorflow_pggan(families.pggan()),
    }
    model.write_bytes(written[family]())
    arguments = [str(model), "--pictures", "12", "--json", str(figures), "--report", str(report)]
    assert calibrate.main(arguments) == 0
    rows = json.loads(figures.read_text())["mean_squared_error"]
    assert {row["resolution"] for row in rows} == {8, 16}
    assert all(row["tuned"] < 0.9 * row["raw"] for row in rows)
    assert calibration_files.beside(model).is_file()
    with Image.open(report) as sheet:
        assert sheet.height == 6 * calibrate.TILE


def test_what_cannot_be_calibrated_is_refused(model, tmp_path, capsys):
    assert calibrate.main([str(model), "--report-only"]) == 2
    assert "there is none yet" in capsys.readouterr().err
    assert calibrate.main([str(model), "--only", "16"]) == 2
    assert "there is none yet" in capsys.readouterr().err
    snapshot.export(model, network(architecture="resnet"))
    assert calibrate.main([str(model)]) == 2
    assert "nothing to calibrate" in capsys.readouterr().err
    assert calibrate.main([str(tmp_path / "none.pkl")]) == 2
