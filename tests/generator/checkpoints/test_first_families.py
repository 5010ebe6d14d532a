"""Files of StyleGAN, PGGAN and DCGAN: those of the original programs, and round trips through writers of our own."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.borders.errors import UserError
from engine.generator.checkpoints import checkpoint
from engine.generator.networks.network import Network
from tests.builders import families as writers

DATA = Path(__file__).parents[2] / "data" / "families"
CASES: dict[str, dict[str, Any]] = json.loads((DATA / "cases.json").read_text())


def read(path: Path, *assume: str) -> tuple[checkpoint.Checkpoint, Network]:
    loaded = checkpoint.load(path, cache=False, assume=assume)
    return loaded, checkpoint.build(loaded)


def write(folder: Path, data: bytes, name: str = "model.pkl") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def assumed(loaded: checkpoint.Checkpoint) -> dict[str, object]:
    return {note.setting: note.value for note in loaded.notes if note.how.startswith("assumed")}


@pytest.fixture(scope="module")
def references() -> dict[str, np.ndarray]:
    with np.load(DATA / "references.npz") as arrays:
        return {key: arrays[key] for key in arrays}


@torch.no_grad()
@pytest.mark.parametrize("name", CASES)
def test_a_file_of_the_original_program_paints_its_picture(
    name: str, tmp_path: Path, references: dict[str, np.ndarray]
) -> None:
    case = CASES[name]
    path = write(tmp_path, lzma.decompress((DATA / f"{case['file']}.xz").read_bytes()), case["file"])
    _, network = read(path, *case["assume"])
    z, wanted = (torch.from_numpy(references[f"{key}{case['number']}"]) for key in ("z", "image"))
    c = None if case["label"] is None else torch.eye(network.c_dim)[[case["label"]]]
    image = network.synthesize(network.truncate(network.map(z, c), case["psi"]), case["mode"])
    step = case["stride"]
    assert_close(image[:, :, ::step, ::step], wanted)


def assert_close(got: Tensor, wanted: Tensor) -> None:
    assert got.shape == wanted.shape
    assert float((got - wanted).abs().max()) <= 1e-4 * max(1.0, float(wanted.abs().max()))


@torch.no_grad()
def assert_same(ours: Network, theirs: Network, noise: bool = True) -> None:
    generator = torch.Generator().manual_seed(5)
    z = torch.randn(2, theirs.z_dim, generator=generator)
    c = torch.eye(theirs.c_dim)[[0, theirs.c_dim - 1]] if theirs.c_dim else None
    mode = "const" if noise else "none"
    for psi in (1.0, 0.7) if noise else (1.0,):
        wanted = theirs.synthesize(theirs.truncate(theirs.map(z, c), psi), mode)
        assert_close(ours.synthesize(ours.truncate(ours.map(z, c), psi), mode), wanted)


STYLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # the network's settings, TensorFlow's keywords
    "plain": ({}, {}),
    "labels": ({"c_dim": 3, "label_dim": 8}, {}),
    "fused": ({"fused": (False, True, True, True)}, {}),
    "fused from 128 px on": ({"levels": 6, "fused": (False,) * 5 + (True,)}, {"fused_scale": "auto"}),
    "between two sizes": ({"lod": 1.3}, {}),
    "before the last size": ({"lod": 2.0}, {}),
    "no blur": ({"blur": ()}, {"blur_filter": None}),
    "another blur": ({"blur": (1.0, 3.0, 3.0, 1.0)}, {"blur_filter": [1, 3, 3, 1]}),
    "relu": ({"activation": "relu"}, {"nonlinearity": "relu"}),
    "mapping relu": ({"mapping_activation": "relu"}, {"mapping_nonlinearity": "relu"}),
    "no norm of z": ({"normalize_latents": False}, {"normalize_latents": False}),
    "pixel norm": ({"use_pixel_norm": True}, {"use_pixel_norm": True}),
    "no instance norm": ({"use_instance_norm": False}, {"use_instance_norm": False}),
    "no noise": ({"use_noise": False}, {"use_noise": False}),
    "no styles": ({"use_styles": False, "dense": True}, {"use_styles": False, "const_input_layer": False}),
    "dense input": ({"dense": True}, {"const_input_layer": False}),
    "cutoff": ({"truncation_cutoff": 3}, {"truncation_cutoff": 3}),
    "never truncated": ({"truncation_cutoff": 0}, {"truncation_cutoff": None}),
    "gray": ({"img_channels": 1}, {}),
    "no mapping": ({"mapping_features": (), "z_dim": 6}, {}),
}


@pytest.mark.parametrize("name", STYLES)
def test_every_setting_of_a_tensorflow_stylegan_is_honoured(name: str, tmp_path: Path) -> None:
    settings, keywords = STYLES[name]
    theirs = writers.stylegan(**settings)
    if theirs.settings.dense:
        theirs.stage(0).dense_bias.zero_()
    loaded, ours = read(write(tmp_path, writers.tensorflow_stylegan(theirs, **keywords)))
    assert (loaded.family, assumed(loaded)) == ("stylegan", {})
    assert len(loaded.sources) == 1
    assert_same(ours, theirs)


PAPERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}),
    "fused": ({"fused": (False, True, True, True), "channels": (8, 8, 8, 8)}, {}),
    "labels": ({"c_dim": 3, "label_dim": 3}, {}),
    "between two sizes": ({"lod": 0.4}, {}),
    "epsilon": ({"norm_eps": 1e-4}, {"pixelnorm_epsilon": 1e-4}),
    "relu": ({"slope": 0.0}, {"use_leakyrelu": False}),
    "no pixel norm": ({"use_pixel_norm": False}, {"use_pixelnorm": False}),
    "no norm of z": ({"normalize_latents": False}, {"normalize_latents": False}),
}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("name", PAPERS)
def test_every_setting_of_a_tensorflow_pggan_is_honoured(name: str, first: bool, tmp_path: Path) -> None:
    settings, keywords = PAPERS[name]
    theirs = writers.pggan(**settings)
    loaded, ours = read(write(tmp_path, writers.tensorflow_pggan(theirs, first, **keywords)))
    assert loaded.family == "pggan"
    assert_same(ours, theirs)


@pytest.mark.parametrize("lod", [0.0, 1.25])
def test_theanos_arrays_without_names_are_read(lod: float, tmp_path: Path) -> None:
    theirs = writers.pggan(lod=lod)
    loaded, ours = read(write(tmp_path, writers.theano_pggan(theirs)))
    assert loaded.format == "Theano pickle (PGGAN)"
    assert_same(ours, theirs)


@pytest.mark.parametrize("spec", [{"tanh_at_end": 1.0}, {"label_size": 3}, {"func": "D_paper"}, {"resolution": 24}])
def test_a_theano_network_that_nobody_can_read_is_refused(spec: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"tanh_at_end|label_size|D_paper|power of two"):
        read(write(tmp_path, writers.theano_pggan(writers.pggan(), **spec)))


def test_a_list_of_trainables_is_read_with_its_programs_epsilon(tmp_path: Path) -> None:
    theirs = writers.stylegan(levels=6, fused=(False,) * 5 + (True,), norm_eps=1e-5)
    loaded, ours = read(write(tmp_path, writers.lernapparat_list(theirs)))
    assert assumed(loaded).keys() == {"settings", "noise", "w_avg"}
    assert_same(ours, theirs, noise=False)


@pytest.mark.parametrize("wrap", ["raw", "module", "netG_state_dict", "state_dict", "legacy", "no counts", "dropout"])
def test_dcgan_files_in_every_wrapper(wrap: str, tmp_path: Path) -> None:
    theirs = writers.dcgan()
    state = writers.dcgan_state(theirs, gap=wrap == "dropout")
    if wrap == "no counts":
        state = {name: t for name, t in state.items() if not name.endswith("tracked")}
    if wrap == "module":
        state = {f"module.{name}": t for name, t in state.items()}
    top: Any = {wrap: state, "epoch": 3} if wrap.endswith("state_dict") else state
    loaded, ours = read(write(tmp_path, writers.saved(top, legacy=wrap == "legacy")))
    assert assumed(loaded) == {"output": "tanh"}
    assert_same(ours, theirs, noise=False)


def test_a_whole_pickled_module_becomes_weights_and_nothing_runs(tmp_path: Path) -> None:
    theirs = writers.dcgan()
    for legacy in (True, False):
        path = write(tmp_path, writers.whole_module(writers.dcgan_state(theirs), legacy))
        assert_same(read(path)[1], theirs, noise=False)


def test_inputs_beyond_a_usual_z_are_a_label(tmp_path: Path) -> None:
    theirs = writers.dcgan(z_dim=100, c_dim=8, doublings=1)
    path = write(tmp_path, writers.saved(writers.dcgan_state(theirs)))
    loaded, ours = read(path)
    assert (ours.z_dim, ours.c_dim, ours.w_dim) == (100, 8, 108)
    assert assumed(loaded)["labels"] == 8
    assert_same(ours, theirs, noise=False)
    assert read(path, "labels=0")[1].z_dim == 108


def test_what_a_file_does_not_say_is_asked_for_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENTVJ_CACHE", str(tmp_path / "cache"))
    case = CASES["csinva cifar100_dcgan_grayscale 1"]
    path = write(tmp_path, lzma.decompress((DATA / f"{case['file']}.xz").read_bytes()), "netG.pth")
    with pytest.raises(UserError, match=r"netG\.pth: its layer 4 of 5 has a 5x5 kernel.*give --assume layers="):
        checkpoint.load(path)
    beside = tmp_path / "netG.pth.toml"
    beside.write_text('layers = "1/0,2/1,2/1,2x3/1x2,1/1x2"\noutput = "linear"\n')
    assert checkpoint.build(checkpoint.load(path)).shape == (34, 45)
    for marked in ("utf-8-sig", "utf-16"):  # as editors on Windows save it
        beside.write_bytes(beside.read_text().encode(marked))
        assert checkpoint.build(checkpoint.load(path)).shape == (34, 45)
        beside.write_bytes(beside.read_bytes().decode(marked).encode())
    said = checkpoint.load(path, assume=("output=tanh",))
    checkpoint.convert(said, tmp_path / "ours.safetensors")
    beside.unlink()
    again = checkpoint.build(checkpoint.load(tmp_path / "ours.safetensors"))
    assert_same(again, checkpoint.build(said), noise=False)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("colour = 3", "unknown key colour"),
        ("labels = 2.5", "labels: write classes"),
        ("labels = ", "cannot read it"),
    ],
)
def test_wrong_answers_name_their_file(text: str, line: str, tmp_path: Path) -> None:
    path = write(tmp_path, writers.saved(writers.dcgan_state(writers.dcgan())), "x.pth")
    (tmp_path / "x.pth.toml").write_text(text)
    with pytest.raises(UserError, match=rf"x\.pth\.toml: .*{line}"):
        checkpoint.load(path, cache=False)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("step=32", "says itself"),
        ("colour=3", "write one of"),
        ("labels", "write one of"),
        ("output=red", "write nonl"),
    ],
)
def test_answers_that_nobody_asked_for_are_refused(said: str, line: str, tmp_path: Path) -> None:
    path = write(tmp_path, writers.saved(writers.dcgan_state(writers.dcgan())))
    with pytest.raises(UserError, match=line):
        checkpoint.load(path, cache=False, assume=(said,))


@pytest.mark.parametrize("family", ["stylegan", "pggan", "dcgan"])
def test_a_converted_file_paints_the_same_at_once(family: str, tmp_path: Path) -> None:
    theirs = {
        "stylegan": lambda: writers.stylegan(lod=0.5, c_dim=2, label_dim=8),
        "pggan": lambda: writers.pggan(c_dim=2, label_dim=2),
        "dcgan": writers.dcgan,
    }[family]()
    data = {
        "stylegan": writers.tensorflow_stylegan,
        "pggan": writers.tensorflow_pggan,
        "dcgan": lambda n: writers.saved(writers.dcgan_state(n)),
    }[family](theirs)
    loaded, _ = read(write(tmp_path, data))
    converted = checkpoint.convert(loaded, tmp_path / "ours.safetensors")
    again, ours = read(converted)
    assert (again.family, again.settings, assumed(again)) == (family, loaded.settings, assumed(loaded))
    assert_same(ours, theirs, noise=family == "stylegan")
