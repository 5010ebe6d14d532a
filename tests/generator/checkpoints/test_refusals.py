"""What is no checkpoint is refused with its name and a way out, in one line."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save

from engine.borders.errors import UserError
from engine.generator.checkpoints import checkpoint
from engine.generator.networks.stylegan2 import Config
from tests.builders import checkpoints as writers
from tests.builders import families
from tests.builders.checkpoints import lively
from tests.generator.checkpoints.hostile_families import look_alikes

SMALL = Config(img_resolution=8, z_dim=4, w_dim=4, channels=(4, 4), mapping_features=(4,))


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENTVJ_CACHE", str(tmp_path / "cache"))


def torch_file(top: Any) -> bytes:
    out = io.BytesIO()
    torch.save(top, out)
    return out.getvalue()


def script() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:  # what torch.jit.save writes
        for name in ("m/data.pkl", "m/code/__torch__.py", "m/constants.pkl", "m/version"):
            file.writestr(name, b"\x80\x02N.")
    return out.getvalue()


def archive(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr(name, b"x")
    return out.getvalue()


def nvidia(**state: torch.Tensor) -> bytes:
    return writers.nvidia(lively(SMALL), state=state, wrap="ema")


def xl() -> bytes:
    return writers.nvidia(lively(SMALL), flat=True, path_stem="x.pkl", head_layers=[4], up_factor=[2])


def older(name: str) -> bytes:
    """A network of Progressive GAN's time."""
    network = writers.stub(name, "Network")
    instance = network()
    instance.version = 2
    with writers.named(network):
        return pickle.dumps((instance, instance, instance), 3)


GOOD = writers.nvidia(lively(SMALL))
ROS = writers.rosinality(lively(SMALL))
CASES = {
    "empty": (b"", "empty"),
    "zeros": (b"\0" * 5000, "zeros"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 380000000\n", "Git LFS pointer"),
    "html": (b"<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title>", "HTML page"),
    "html later": (b"\n\n  <html lang=en>", "HTML page"),
    "text": (b"this is only text, called .pkl\n" * 9, "text file"),
    "json": (b'{"error": "not found"}', "text file"),
    "png": (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "PNG picture"),
    "jpeg": (b"\xff\xd8\xff\xe0" + b"\0" * 50, "JPEG picture"),
    "mp4": (b"\0\0\0 ftypisom" + b"\0" * 50, "MP4 video"),
    "wav": (b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 50, "WAV"),
    "gzip": (b"\x1f\x8b\x08" + b"\0" * 50, "gzip archive: unpack it"),
    "program": (b"\x7fELF" + b"\0" * 50, "a program"),
    "noise": (np.random.RandomState(1).bytes(4000), "no checkpoint of any known kind"),
    "onnx": (b"\x08\x07\x12\x07pytorch\x1a\x052.1.0:\x90\x01" + b"\x0a\x90" * 99, "ONNX"),
    "torchscript": (script(), "TorchScript"),
    "zip": (archive("network.pkl"), "ZIP archive with no PyTorch checkpoint"),
    "npz": (archive("a.npy"), "NumPy arrays"),
    "npy": (b"\x93NUMPY\x01\0" + b"\0" * 50, "NumPy array"),
    "lucidrains": (torch_file({"GAN": {"G.initial_block": torch.zeros(2)}, "version": "1.8.9"}), "lucidrains"),
    "encoder": (torch_file({"state_dict": {"encoder.input_layer.0.weight": torch.zeros(2)}}), "encoder"),
    "classifier": (torch_file({"state_dict": {"fc.weight": torch.zeros(2)}}), "without a generator of a known kind"),
    "tensor": (torch_file(torch.zeros(3)), "without a generator of a known kind"),
    "progressive": (older("tfutil"), "lacks the weights 4x4/Dense/weight"),
    "stylegan of nothing": (older("dnnlib.tflib.network"), "is no generator that is known of"),
    "xl": (xl(), "StyleGAN-XL"),
    "eg3d": (nvidia(**{"backbone.synthesis.b4.const": torch.zeros(2)}), "EG3D"),
    "fastgan": (nvidia(**{"synthesis.init.weight": torch.zeros(2)}), "FastGAN"),
    "other nvidia": (nvidia(weight=torch.zeros(2)), "no StyleGAN2, StyleGAN3"),
    "truncated pickle": (GOOD[: len(GOOD) // 2], "unfinished download"),
    "one byte short": (GOOD[:-1], "unfinished download"),
    "truncated archive": (ROS[: len(ROS) // 2], "unfinished download"),
    "truncated legacy": (writers.rosinality(lively(SMALL), legacy=True)[:-9], "unfinished download"),
    "truncated safetensors": (b"\x20\0\0\0\0\0\0\0{", "unfinished download"),
    "other safetensors": (b'\x10\0\0\0\0\0\0\0{"__metadata__":{', "damaged"),
}


LOOK_ALIKES = {
    "an MLP": "MLP",
    "csinva's MLP": "MLP",
    "a discriminator": "discriminator",
    "genforce's discriminator": "discriminator",
    "BMSG-GAN": "BMSG-GAN",
    "a TensorFlow discriminator": "discriminator",
    "a hollow StyleGAN2 in a StyleGAN container": "no StyleGAN2 generator",
}


def test_look_alikes_are_named_for_what_they_are(tmp_path):
    files = dict(look_alikes())
    assert files.keys() == LOOK_ALIKES.keys()
    for name, data in files.items():
        (tmp_path / "x.pkl").write_bytes(data)
        with pytest.raises(UserError, match=LOOK_ALIKES[name]):
            checkpoint.load(tmp_path / "x.pkl")


def test_a_stylegan2_in_a_stylegans_container_is_played_as_what_it_is(tmp_path):
    (tmp_path / "x.pkl").write_bytes(writers.tensorflow(lively(SMALL), function="G_style", version=3))
    assert checkpoint.load(tmp_path / "x.pkl").family == "stylegan2"


@pytest.mark.parametrize("kind", ["nvidia", "safetensors", "dcgan"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(kind, value, tmp_path):
    network = lively(SMALL)
    state = {name: t.clone() for name, t in network.state_dict().items()}
    state["synthesis.b8.conv1.weight"][1, 2, 0, 0] = value
    if kind == "nvidia":
        data = writers.nvidia(network, state=state)
    elif kind == "safetensors":
        data = save(state)
    else:
        dcgan = families.dcgan_state(families.dcgan(doublings=1))
        dcgan["main.0.weight"][0, 0, 0, 0] = value
        data = families.saved(dcgan)
    (tmp_path / "x.pkl").write_bytes(data)
    with pytest.raises(UserError, match=r"x\.pkl: its .*weight holds values that are no numbers"):
        checkpoint.load(tmp_path / "x.pkl")


def test_only_the_filters_of_layers_that_upsample_count(tmp_path):
    config = Config(
        img_resolution=16, z_dim=4, w_dim=4, channels=(4, 4, 4), mapping_features=(4,), resample_filter=(1.0, 2.0, 1.0)
    )
    network = lively(config)
    state = {name: t.clone() for name, t in network.state_dict().items()}
    row = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    for name in state:
        if name.endswith("conv1.resample_filter"):
            state[name] = torch.outer(row, row)
    (tmp_path / "x.pkl").write_bytes(writers.nvidia(network, state=state))
    ours, ws = checkpoint.build(checkpoint.load(tmp_path / "x.pkl")), network.mapping(torch.ones(1, 4))
    assert torch.allclose(ours.synthesize(ws), network.synthesize(ws), atol=1e-5)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("suffix", [".pkl", ".safetensors"])
def test_it_says_what_the_file_is(tmp_path, name, suffix):
    data, words = CASES[name]
    path = tmp_path / f"model{suffix}"
    path.write_bytes(data)
    with pytest.raises(UserError) as refused:
        checkpoint.load(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert words in message
    assert "\n" not in message


def test_a_snapshot_of_the_discriminator_alone(tmp_path):
    with writers.named(writers._reconstruct_persistent_obj, writers.EasyDict):
        data = pickle.dumps({"D": writers.module_tree({"b4.weight": torch.zeros(2)}, {})}, 4)
    (tmp_path / "d.pkl").write_bytes(data)
    with pytest.raises(UserError, match=r"holds D but no generator \(G_ema\)"):
        checkpoint.load(tmp_path / "d.pkl")


def test_missing_folders_and_pipes(tmp_path):
    with pytest.raises(UserError, match="there is no such file"):
        checkpoint.load(tmp_path / "nothing.pkl")
    with pytest.raises(UserError, match="this is a folder"):
        checkpoint.load(tmp_path)
    os.mkfifo(tmp_path / "pipe.pkl")
    with pytest.raises(UserError, match="no ordinary file"):
        checkpoint.load(tmp_path / "pipe.pkl")


def test_a_file_of_a_terabyte_is_refused_unread(tmp_path):
    with (tmp_path / "x.pkl").open("wb") as file:
        file.write(GOOD)
        file.truncate(1 << 40)  # takes no room: the rest is a hole
    with pytest.raises(UserError, match="larger than any StyleGAN"):
        checkpoint.load(tmp_path / "x.pkl")


def test_missing_noise_is_not_drawn_without_measure(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.generator.checkpoints.stylegan2_settings.MOST_NOISE", 100)
    (tmp_path / "x.pt").write_bytes(writers.rosinality(lively(SMALL), noises=False))
    with pytest.raises(UserError, match="noise of a size"):
        checkpoint.load(tmp_path / "x.pt")


def changed(**changes: Any) -> bytes:
    """A snapshot with weights left out (None), added or in another shape."""
    state = {name.replace(".", "__"): tensor for name, tensor in lively(SMALL).state_dict().items()} | changes
    return writers.nvidia(
        lively(SMALL), state={name.replace("__", "."): t for name, t in state.items() if t is not None}
    )


DISAGREE = {
    "a missing layer": (changed(synthesis__b8__conv0__weight=None), "lacks the weights synthesis.b8.conv0.weight"),
    "a missing bias": (changed(mapping__fc0__bias=None), "lacks the weights mapping.fc0.bias"),
    "another shape": (changed(synthesis__b8__conv0__weight=torch.zeros(4, 4, 5, 5)), r"is \[4, 4, 5, 5\] where"),
    "weights too many": (changed(synthesis__b8__conv7__weight=torch.zeros(2)), "conv7"),
    "a gap between blocks": (changed(synthesis__b32__conv1__weight=torch.zeros(4, 4, 3, 3)), "blocks are not of"),
    "another resolution said": (writers.nvidia(lively(SMALL), flat=True, img_resolution=1024), "img_resolution 1024"),
    "a word for a number": (writers.nvidia(lively(SMALL), conv_clamp="x"), "conv_clamp"),
    "an endless number": (writers.nvidia(lively(SMALL), conv_clamp=float("inf")), "conv_clamp"),
    "an unknown nonlinearity": (writers.nvidia(lively(SMALL), activation="wave"), "nonlinearity"),
    "a width without measure": (changed(synthesis__b4__const=torch.zeros(70000, 4, 4)), "wider than any"),
    "a flat weight": (changed(synthesis__b4__conv1__weight=torch.zeros(4)), "is"),
    "no dimension": (changed(mapping__fc0__weight=torch.zeros(())), "damaged|again"),
    "no width": (changed(mapping__fc0__weight=torch.zeros(4, 0)), "damaged|again|z_dim"),
}


@pytest.mark.parametrize("name", DISAGREE)
def test_weights_and_settings_that_disagree(tmp_path, name):
    data, words = DISAGREE[name]
    (tmp_path / "x.pkl").write_bytes(data)
    with pytest.raises(UserError, match=words) as refused:
        checkpoint.load(tmp_path / "x.pkl")
    assert "\n" not in str(refused.value)
