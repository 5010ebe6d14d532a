"""Reduced resolution: the picture of a block on the way looks like the whole model's, averaged down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from engine.borders.errors import UserError
from engine.borders.options import ModelOptions
from engine.borders.preset import Preset
from engine.borders.tick import REST
from engine.generator.backends.eager import EagerLayer
from engine.generator.backends.prepare import prepare
from engine.generator.backends.select import open_generator
from engine.generator.calibration import calibration as calibration_module
from engine.generator.calibration import files as calibration_files
from engine.generator.calibration import fit as calibration_fit
from engine.generator.calibration.calibration import Calibration, Rest, stops
from engine.generator.checkpoints import cache, checkpoint
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from engine.show.opening import find_model, open_model
from engine.system import compiled
from tests.builders.networks import network
from tests.builders.params import Params
from tests.builders.show import vj_here
from tools.train import snapshot

KNOBS = Params()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTVJ_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def fruit() -> StyleGAN2:
    return checkpoint.build(checkpoint.load(find_model("fruit"), cache=False))


def errors(
    net: StyleGAN2, calibrations: Sequence[Calibration | None], resolution: int, psi: float, n: int = 6
) -> list[float]:
    """Mean squared error of pictures stopped at ``resolution`` to the whole ones averaged down, on seeds 0..n-1.

    One error for each of ``calibrations``: the whole pictures are painted once.
    """
    generator = open_generator(net, backend="eager", precision="fp32")
    ws = calibration_fit.sample_ws(net, range(n), psi)
    whole = F.avg_pool2d(generator.image(ws), net.config.img_resolution // resolution)
    generator.set_resolution(resolution)
    found = []
    for calibration in calibrations:
        generator.calibrate(calibration)
        found.append(float((generator.image(ws) - whole).square().mean()))
    return found


@pytest.mark.parametrize(("psi", "less"), [(0.7, 5.0), (1.0, 5.0)])
def test_the_default_model_at_half_resolution_with_its_side_file(fruit, psi, less):
    half, path = fruit.config.img_resolution // 2, find_model("fruit")
    stored = calibration_files.read(calibration_files.beside(path), checkpoint.load(path).sha256, prepare(fruit))
    calibrated, raw = errors(fruit, (stored, None), half, psi, 12)
    assert less * calibrated < raw


def test_the_default_model_without_a_side_file(fruit):
    half = fruit.config.img_resolution // 2
    prepared = prepare(fruit)
    fitted = calibration_fit.fit(prepared, [prepared.network.config.resolutions.index(half)], 16)
    calibrated, raw = errors(fruit, (fitted, None), half, 0.7)
    assert 1.8 * calibrated < raw  # as painted, it is good already


def test_a_random_512_px_model_at_half_and_quarter_resolution():
    net = StyleGAN2.random(Config(img_resolution=512, channels=(64, 64, 64, 64, 32, 16, 8, 8), z_dim=64, w_dim=64), 3)
    net.eval().requires_grad_(False)
    prepared = prepare(net)
    levels = [net.config.resolutions.index(r) for r in (128, 256)]
    calibrations = (Calibration(prepared), calibration_fit.fit(prepared, levels, 4), None)
    for resolution in (128, 256):
        usual, fitted, raw = errors(net, calibrations, resolution, 1.0, 3)
        assert 5 * usual < raw
        assert 5 * fitted < raw


@pytest.mark.parametrize(
    "settings",
    [
        {"conv_clamp": 1.0},
        {"activation": "tanh"},
        {"activation": "relu", "img_channels": 1},
        {"const_shape": (6, 4), "c_dim": 3},
    ],
    ids=str,
)
def test_every_skip_network_has_one(settings):
    net = network(**settings)
    prepared = prepare(net)
    assert stops(prepared) == [1, 2, 3]
    fitted = calibration_fit.fit(prepared, count=12)
    raw, calibrated = errors(net, (None, fitted), 32, 0.7)
    assert calibrated < raw
    assert not stops(prepare(network(architecture="resnet")))


@pytest.mark.parametrize("backend", ["native", "plain"])
def test_all_backends_finish_alike(backend):
    if backend == "native" and compiled.compiler() is None:
        pytest.skip("no C++ compiler on this machine")
    net = network()
    ws = calibration_fit.sample_ws(net, range(2), 1.0)
    pictures, frames = [], []
    for name in ("eager", backend):
        precision = "auto" if name == "plain" else "fp32"
        generator = open_generator(network(), backend=name, precision=precision, resolution=16)
        generator.settle()
        generator.calibrate(Calibration(prepare(net)))
        pictures.append(generator.image(ws))
        frames.append(generator(ws[0].numpy(), KNOBS, REST))
    assert torch.allclose(*pictures, atol=1e-3, rtol=1e-3)
    assert (frames[0].int() - frames[1].int()).abs().max() <= 1
    whole = (pictures[0][0].permute(1, 2, 0) * 127.5 + 128).clamp(0, 255)
    assert (frames[0][..., :3] - whole).abs().max() <= 1


@pytest.mark.parametrize("activation", ["lrelu", "swish", "tanh"])
@pytest.mark.parametrize("clamp", [None, 0.5, 1000.0])
def test_in_fp16_what_is_finished_is_bounded_as_the_blocks_bound_it(activation, clamp):
    plan = prepare(network(activation=activation, conv_clamp=clamp), normalize=True).blocks[1].convs[0]
    y = torch.linspace(-600, 600, 4001).half()[None, :, None, None]
    blocks = EagerLayer(plan, torch.float16).finish(y.clone(), None, None, None)
    assert torch.equal(calibration_module._activate(plan, y), blocks)
    assert y.abs().max() > blocks.abs().max()


def test_without_a_reduction_nothing_changes():
    net = network()
    ws = calibration_fit.sample_ws(net, [5], 1.0)
    generator = open_generator(net, backend="eager", precision="fp32")
    before = generator.image(ws)
    generator.calibrate(Calibration(prepare(net)))
    assert torch.equal(generator.image(ws), before)


def test_a_step_down_and_up_in_mid_show():
    net = network()
    ws = calibration_fit.sample_ws(net, [5], 1.0)[0].numpy()
    generator = open_generator(net, backend="eager", precision="fp32")
    generator.calibrate(Calibration(prepare(net)))
    large = generator(ws, KNOBS, REST).clone()
    generator.set_resolution(32)
    small = generator(ws, KNOBS, REST).clone()
    averaged = F.avg_pool2d(large.permute(2, 0, 1).float(), 2).permute(1, 2, 0)
    assert (small - averaged).abs().mean() < 12  # of 255: random weights are rough
    generator.set_resolution(None)
    assert torch.equal(generator(ws, KNOBS, REST), large)


def test_where_a_whole_frame_does_not_fit_nothing_is_fitted(tmp_path, fruit, monkeypatch):
    monkeypatch.setattr(calibration_fit, "free_bytes", lambda _device: 10 * 2**20)
    generator = open_generator(fruit, backend="eager", resolution=8)
    calibration_fit.begin(generator, fruit, tmp_path / "mine.safetensors", "digest of mine")
    generator.settle()
    (note,) = generator.take_notes()
    assert note.startswith("reduced pictures are not fitted: a whole frame takes ")
    assert note.endswith(" MB, and 10 MB are free")
    assert not calibration_files.kept("digest of mine").exists()


def test_a_side_file_and_the_fit_of_a_first_use(tmp_path, fruit):
    model = tmp_path / "mine.safetensors"
    model.write_bytes(find_model("fruit").read_bytes())
    options = ModelOptions(model=str(model), resolution=8, backend="plain")
    ws = torch.from_numpy(np.repeat(fruit.mapping.w_avg[None].numpy(), fruit.config.num_ws, 0))[None]
    fitted = open_model(options, Preset(name="x")).image(ws)
    digest = checkpoint.load(model).sha256
    assert calibration_files.kept(digest).exists()
    assert torch.equal(open_model(options, Preset(name="x")).image(ws), fitted)  # read back
    prepared = prepare(fruit)
    own = Calibration(prepared, {8: Rest.of(prepared, 1)})
    own.rests[8].bias += 0.5
    calibration_files.write(calibration_files.beside(model), own, digest, tuned=[8])
    brighter = open_model(options, Preset(name="x")).image(ws)
    generator = open_generator(fruit, backend="plain", resolution=8)
    generator.calibrate(own)
    assert torch.allclose(brighter, generator.image(ws), atol=1e-2)
    plain = open_model(replace(options, calibration=False), Preset(name="x")).image(ws)
    assert torch.equal(plain, fruit.synthesis(ws, stop_at=8))


@pytest.mark.parametrize("damage", ["cut", "other", "shape", "inf", "text"])
def test_a_wrong_side_file_is_named_and_left_alone(tmp_path, damage):
    net = network()
    prepared = prepare(net)
    path = tmp_path / "mine.calibration.safetensors"
    calibration = Calibration(prepared, {16: Rest.of(prepared, 2)})
    if damage == "shape":
        calibration.rests[16].own = torch.zeros(3, 7)
    if damage == "inf":
        calibration.rests[16].bias = torch.full((3,), float("inf"))
    calibration_files.write(path, calibration, "another" if damage == "other" else "this")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-5])
    if damage == "text":
        path.write_text("not a file of numbers")
    with pytest.raises(UserError, match=r"mine\.calibration\.safetensors: this calibration is"):
        calibration_files.read(path, "this", prepared)
    told: list[str] = []
    assert calibration_files.find(tmp_path / "mine.pkl", "this", prepared, told.append) is None
    assert len(told) == 1


def test_a_still_says_what_is_wrong_with_its_side_file(tmp_path):
    model = tmp_path / "mine.safetensors"
    snapshot.export(model, network(img_resolution=16, channels=(8, 8, 8), w_dim=16, z_dim=16))
    calibration_files.beside(model).write_text("not a file of numbers")
    told = vj_here("image", "--model", model, "--resolution", 8, "-o", tmp_path / "still.npy")
    assert told.returncode == 0, told.stderr
    assert "this calibration is damaged: delete it; reduced pictures are fitted anew" in told.stderr
    assert np.load(tmp_path / "still.npy").shape == (3, 8, 8)


def test_a_fit_is_adopted_between_two_frames():
    net = network()
    prepared = prepare(net)
    ws = calibration_fit.sample_ws(net, [5], 1.0)[0].numpy()
    generator = open_generator(net, backend="eager", precision="fp32", resolution=16)
    better = Calibration(prepared, {16: Rest.of(prepared, 2)})
    better.rests[16].bias += 0.25
    generator.calibrate(Calibration(prepared), lambda: better)
    generator.settle()
    after = generator(ws, KNOBS, REST).clone()
    generator.calibrate(Calibration(prepared))
    before = generator(ws, KNOBS, REST)
    seen = (before[..., :3] > 0) & (after[..., :3] < 255)
    assert abs(float((after[..., :3].int() - before[..., :3].int())[seen].float().mean()) - 0.25 * 127.5) < 1


def test_the_kept_file_is_small(tmp_path, fruit):
    calibration = calibration_fit.fit(prepare(fruit), count=2)
    calibration_files.keep(calibration, "digest")
    assert cache.folder() == tmp_path / "cache"
    assert calibration_files.kept("digest").stat().st_size < 40_000
