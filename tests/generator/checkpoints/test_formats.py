"""Every format and architecture that is in circulation, written here and read back to the same picture."""

from __future__ import annotations

import gc
import json
import pickle
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from engine.borders.errors import UserError
from engine.cli import model as model_cli
from engine.generator.checkpoints import cache, checkpoint, safetensors_files
from engine.generator.checkpoints.checkpoint import Checkpoint
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from tests.builders import checkpoints as writers
from tests.builders.checkpoints import lively

SMALL = {"img_resolution": 16, "z_dim": 8, "w_dim": 12, "channels": (10, 8, 6), "mapping_features": (9, 12)}
PLAIN = Config(**SMALL)
CONFIGS = {
    "skip": PLAIN,
    "orig": Config(**SMALL, architecture="orig"),
    "resnet": Config(**SMALL, architecture="resnet"),
    "rgba": Config(**SMALL, img_channels=4),
    "gray": Config(**SMALL, img_channels=1),
    "labels": Config(**SMALL, c_dim=3),
    "narrow_embedding": Config(**SMALL, c_dim=3, embed_features=5),
    "clamp": Config(**SMALL, conv_clamp=0.5),
    "no_noise": Config(**SMALL, use_noise=False),
    "short_filter": Config(**SMALL, resample_filter=(1.0, 2.0, 1.0)),
    "no_filter": Config(**SMALL, resample_filter=(1.0,)),
    "long_filter": Config(**SMALL, resample_filter=(1.0, 2.0, 5.0, 9.0, 9.0, 5.0, 2.0, 1.0)),
    "two_dimensional_filter": Config(**SMALL, resample_filter=((0.0, 1.0), (1.0, 3.0))),
    "other_lr": Config(**SMALL, lr_multiplier=0.1),
    "4px": Config(img_resolution=4, z_dim=4, w_dim=4, channels=(5,), mapping_features=(4,)),
}


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LATENTVJ_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def save(tmp_path: Path, data: bytes, name: str = "model.pkl") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


@torch.no_grad()
def assert_same(ours: torch.nn.Module, theirs: StyleGAN2, tolerance: float = 1e-5) -> None:
    generator = torch.Generator().manual_seed(5)
    config = theirs.config
    z = torch.randn(2, config.z_dim, generator=generator)
    c = torch.randn(2, config.c_dim, generator=generator) if config.c_dim else None
    for psi in (1.0, 0.7):
        ws, wanted = ours.mapping(z, c, psi), theirs.mapping(z, c, psi)
        assert float((ws - wanted).abs().max()) < tolerance
        image, image_wanted = ours.synthesis(ws), theirs.synthesis(wanted)
        assert image.shape == image_wanted.shape
        assert float((image - image_wanted).abs().max()) < tolerance * max(1, float(image_wanted.abs().max()))


def read(path: Path, cached: bool = False) -> tuple[Checkpoint, torch.nn.Module]:
    loaded = checkpoint.load(path, cache=cached)
    return loaded, checkpoint.build(loaded)


def note(loaded: Checkpoint, setting: str) -> str:
    return next(note.how for note in loaded.notes if note.setting == setting)


def attributes_of(network: StyleGAN2) -> dict[str, dict[str, object]]:
    """What real modules keep of their settings."""
    return {
        "mapping.fc0": {"weight_gain": np.float64(network.mapping.fc0.weight_gain), "activation": "lrelu"},
        "synthesis.b4.conv1": {"conv_clamp": network.config.conv_clamp, "activation": "lrelu"},
    }


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("flat", [False, True])
def test_nvidia_pickles_of_every_architecture(tmp_path, name, flat):
    config = CONFIGS[name]
    network = lively(config)
    loaded, built = read(save(tmp_path, writers.nvidia(network, flat=flat, attributes=attributes_of(network))))
    assert loaded.family == "stylegan2"
    assert ("stylegan3" in loaded.format) == flat
    assert loaded.config.architecture == ("skip" if name == "4px" else config.architecture)
    assert_same(built, network)
    assert len(loaded.sources) == 1
    assert len(loaded.sources[0].sha256) == 64


@pytest.mark.parametrize("wrap", ["snapshot", "ema", "bare"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_nvidia_pickles_of_every_protocol_and_wrapping(tmp_path, wrap, protocol):
    network = lively(PLAIN)
    data = writers.nvidia(network, wrap=wrap, protocol=protocol)
    assert_same(read(save(tmp_path, data))[1], network)


def test_the_clamp_of_a_nvidia_pickle_is_its_programs_default(tmp_path):
    for flat, wanted in ((False, None), (True, 256)):
        loaded, _ = read(save(tmp_path, writers.nvidia(lively(PLAIN), flat=flat)))
        assert loaded.config.conv_clamp == wanted
        assert note(loaded, "conv_clamp").startswith("assumed")
    loaded, _ = read(save(tmp_path, writers.nvidia(lively(PLAIN), conv_clamp=3)))
    assert loaded.config.conv_clamp == 3
    assert note(loaded, "conv_clamp") == "found in the file"


def test_strided_and_half_precision_tensors_are_honoured(tmp_path):
    network = lively(PLAIN)
    state = {
        name: t.to(memory_format=torch.channels_last) if t.ndim == 4 else t for name, t in network.state_dict().items()
    }
    assert_same(read(save(tmp_path, writers.nvidia(network, state=state)))[1], network)
    half = {name: t.half() for name, t in network.state_dict().items()}
    expected = StyleGAN2(PLAIN)
    expected.load_state_dict({name: t.float() for name, t in half.items()})
    assert_same(read(save(tmp_path, writers.nvidia(network, state=half)))[1], expected)
    doubled = {name: t.double() for name, t in network.state_dict().items()}
    assert_same(read(save(tmp_path, writers.nvidia(network, state=doubled)))[1], network)


def test_a_snapshot_without_ema_says_so(tmp_path):
    with writers.named(writers._reconstruct_persistent_obj, writers.EasyDict):
        module = writers.module_tree(
            lively(PLAIN).state_dict(), {"": {"_init_kwargs": writers.nvidia_kwargs(PLAIN), "_init_args": ()}}
        )
        data = pickle.dumps({"G": module}, 4)
    assert note(read(save(tmp_path, data))[0], "weights").startswith("assumed")


ROSINALITY = {
    "converted": {},
    "legacy": {"legacy": True},
    "parallel": {"prefix": "module."},
    "training": {"training": True},
    "legacy_training": {"training": True, "legacy": True, "prefix": "module."},
}


@pytest.mark.parametrize("name", ROSINALITY)
@pytest.mark.parametrize("config", ["skip", "gray", "short_filter"])
def test_rosinality_checkpoints(tmp_path, name, config):
    network = lively(CONFIGS[config])
    loaded, built = read(save(tmp_path, writers.rosinality(network, **ROSINALITY[name]), "550000.pt"))
    assert loaded.format == "rosinality checkpoint"
    if "training" in name:
        z = torch.randn(20000, 8, generator=torch.Generator().manual_seed(9))
        many = network.mapping(z)[:, 0].mean(0)
        assert float((built.mapping.w_avg - many).abs().max()) < 0.1 * float(many.abs().max()) + 0.05
        assert note(loaded, "w_avg").startswith("assumed")
        network.mapping.w_avg.copy_(built.mapping.w_avg)
    assert_same(built, network)


def test_rosinality_without_noises_renders_the_same_at_every_load(tmp_path):
    network = lively(PLAIN)
    path = save(tmp_path, writers.rosinality(network, noises=False), "x.pt")
    loaded, built = read(path)
    assert note(loaded, "noise_const").startswith("assumed")
    ws = network.mapping(torch.randn(1, 8))
    assert torch.equal(built.synthesis(ws), read(path)[1].synthesis(ws))
    assert torch.allclose(built.synthesis(ws, "none"), network.synthesis(ws, "none"), atol=1e-5)


def concat(config: Config) -> Config:
    return Config(**{**SMALL, "c_dim": config.c_dim, "label_style": "concat"})


def labelled(config: Config, version: int) -> StyleGAN2:
    network = lively(config if version == 5 else concat(config))
    if version == 4:
        network.mapping.embed.bias.zero_()
    return network


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_tensorflow_pickles_with_both_kinds_of_labels(tmp_path, version, protocol):
    network = labelled(CONFIGS["labels"], version)
    data = writers.tensorflow(network, version=version, label_concat=version == 4, protocol=protocol)
    loaded, built = read(save(tmp_path, data))
    assert loaded.config.label_style == ("concat" if version == 4 else "separate")
    assert_same(built, network, 3e-5)


@pytest.mark.parametrize("name", ["skip", "orig", "resnet", "rgba", "no_noise"])
def test_tensorflow_pickles_of_every_architecture(tmp_path, name):
    network = lively(CONFIGS[name])
    data = writers.tensorflow(network, version=5, resolution_w=16, resolution_h=16, architecture=name)
    assert_same(read(save(tmp_path, data))[1], network, 3e-5)


def test_tensorflow_settings_are_taken_from_the_file(tmp_path):
    config = Config(**SMALL, conv_clamp=0.5, resample_filter=(1.0, 2.0, 1.0), lr_multiplier=0.1)
    network = lively(config)
    settings = {"conv_clamp": 0.5, "resample_kernel": [1, 2, 1], "mapping_lrmul": 0.1}
    loaded, built = read(save(tmp_path, writers.tensorflow(network, version=5, **settings)))
    assert_same(built, network, 3e-5)
    assert note(loaded, "conv_clamp") == "found in the file"


def test_config_d_uses_its_last_torgb(tmp_path):
    network = lively(CONFIGS["orig"])
    loaded, built = read(save(tmp_path, writers.tensorflow(network, lod=True, extra_lods=True)))
    assert loaded.config.architecture == "orig"
    assert_same(built, network, 3e-5)


def test_numpy_names_of_before_and_after_numpy_2(tmp_path):
    network = lively(PLAIN)
    data = writers.tensorflow(network, protocol=2)
    assert b"numpy._core.multiarray" in data
    assert_same(read(save(tmp_path, data.replace(b"numpy._core.", b"numpy.core.")))[1], network, 3e-5)


def test_a_wide_picture_keeps_its_shape(tmp_path):
    network = lively(Config(**SMALL, const_shape=(4, 6)))
    assert_same(read(save(tmp_path, writers.tensorflow(network)))[1], network, 3e-5)
    assert network.synthesis(torch.zeros(1, 6, 12)).shape == (1, 3, 16, 24)


def test_persisted_modules_inside_a_torch_archive(tmp_path):
    network = lively(PLAIN)
    root = {"_init_args": (), "_init_kwargs": writers.nvidia_kwargs(PLAIN)}
    with writers.named(writers._reconstruct_persistent_obj, writers.EasyDict):
        torch.save({"G_ema": writers.module_tree(network.state_dict(), {"": root})}, tmp_path / "x.pt")
    assert_same(read(tmp_path / "x.pt")[1], network)


def test_a_bare_state_dict_with_nvidias_names(tmp_path):
    network = lively(PLAIN)
    torch.save(network.state_dict(), tmp_path / "g.pt")
    assert_same(read(tmp_path / "g.pt")[1], network)


@pytest.mark.parametrize("name", CONFIGS)
def test_conversion_keeps_everything(tmp_path, name):
    network = lively(CONFIGS[name])
    path = save(tmp_path, writers.nvidia(network, attributes=attributes_of(network)))
    loaded = checkpoint.load(path, cache=False)
    out = checkpoint.convert(loaded, tmp_path / "out.safetensors")
    again, built = read(out)
    assert again.config == loaded.config
    assert again.notes == loaded.notes
    assert again.sources == loaded.sources
    assert again.format == loaded.format
    assert_same(built, network)


def test_our_safetensors_are_what_other_programs_write(tmp_path):
    """The layout of a file written with safetensors' own function and settings as JSON."""
    network = lively(PLAIN)
    settings = {**writers.nvidia_kwargs(PLAIN), "synthesis_kwargs": {"conv_clamp": 0.5}}
    path = tmp_path / "x.safetensors"
    state = {name: t.contiguous() for name, t in network.state_dict().items()}
    save_file(state, path, metadata={"format": "pt", "init_kwargs": json.dumps(settings)})
    assert checkpoint.load(path).config.conv_clamp == 0.5
    save_file({name: t.half() for name, t in state.items()}, path, metadata={})
    loaded = checkpoint.load(path)
    assert all(t.dtype == torch.float32 for t in loaded.state.values())
    checkpoint.convert(loaded, tmp_path / "y.safetensors")
    with safe_open(tmp_path / "y.safetensors", "pt") as file:
        assert json.loads(file.metadata()["init_kwargs"])["img_resolution"] == 16
        assert set(file.keys()) == set(state)


def test_label_style_survives_conversion(tmp_path):
    network = labelled(CONFIGS["labels"], 4)
    loaded = checkpoint.load(save(tmp_path, writers.tensorflow(network)), cache=False)
    assert_same(read(checkpoint.convert(loaded, tmp_path / "o.safetensors"))[1], network, 3e-5)


# The cache


def test_the_second_load_comes_from_the_cache(tmp_path, cache_folder):
    network = lively(PLAIN)
    path = save(tmp_path, writers.nvidia(network))
    first = checkpoint.load(path)
    copy = cache.copy_of(first.sha256)
    assert copy.parent == cache_folder
    assert copy.exists()
    before = copy.stat().st_mtime_ns
    second = checkpoint.load(path)
    assert copy.stat().st_mtime_ns == before
    assert second == Checkpoint(**{**{f: getattr(first, f) for f in first.__slots__}, "state": second.state})
    assert_same(checkpoint.build(second), network)
    moved = tmp_path / "renamed.pt"
    path.rename(moved)
    assert checkpoint.load(moved).sha256 == first.sha256


def damage(copy: Path, how: str) -> None:
    data = bytearray(copy.read_bytes())
    (header,) = struct.unpack("<Q", data[:8])
    if how == "short":
        data = data[: len(data) // 2]
    elif how == "empty":
        data = bytearray()
    elif how == "setting":
        data = data.replace(b'\\"lr_multiplier\\": 0.01', b'\\"lr_multiplier\\": 0.02')
    elif how == "header":
        data[20] ^= 0xFF
    else:
        data[8 + header + (len(data) - header) // 2] ^= 0x10
    copy.write_bytes(data)


@pytest.mark.parametrize("how", ["short", "empty", "header", "setting", "number"])
def test_a_damaged_copy_is_made_again(tmp_path, how):
    network = lively(PLAIN)
    path = save(tmp_path, writers.nvidia(network))
    copy = cache.copy_of(checkpoint.load(path).sha256)
    whole = copy.read_bytes()
    damage(copy, how)
    assert copy.read_bytes() != whole
    assert_same(checkpoint.build(checkpoint.load(path)), network)
    assert copy.read_bytes() == whole


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LATENTVJ_CACHE", str(tmp_path / "file" / "cache"))
    network = lively(PLAIN)
    assert_same(checkpoint.build(checkpoint.load(save(tmp_path, writers.nvidia(network)))), network)


def test_a_changed_file_is_not_taken_for_the_old_one(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "SETTLED", 0)
    one, two = lively(PLAIN, 1), lively(PLAIN, 2)
    path = save(tmp_path, writers.nvidia(one))
    first = checkpoint.load(path).sha256
    assert cache.known_sha256(path) == first
    path.write_bytes(writers.nvidia(two))
    assert cache.known_sha256(path) is None
    assert_same(checkpoint.build(checkpoint.load(path)), two)
    cache.note_of(path).write_text('{"stamp": []}')
    assert checkpoint.load(path).sha256 != first


def test_several_threads_may_load_at_once(tmp_path):
    network = lively(PLAIN)
    path = save(tmp_path, writers.nvidia(network))
    with ThreadPoolExecutor(4) as pool:
        for loaded in pool.map(checkpoint.load, [path] * 8):
            assert_same(checkpoint.build(loaded), network)


# The commands


def test_info_says_what_was_found_and_what_assumed(tmp_path, capsys):
    path = save(tmp_path, writers.rosinality(lively(PLAIN)), "x.pt")
    model_cli.info(path, json=True)
    facts = json.loads(capsys.readouterr().out)
    assert (facts["family"], facts["resolution"], facts["z_dim"], facts["w_dim"]) == ("stylegan2", 16, 8, 12)
    assert (facts["labels"], facts["channels"], facts["num_ws"]) == (0, 3, 6)
    how = {entry["setting"]: entry["how"] for entry in facts["settings"]}
    assert how["lr_multiplier"].startswith("assumed")
    assert how["widths"] == "read from the weights"
    model_cli.info(save(tmp_path, writers.nvidia(lively(PLAIN))))
    shown = capsys.readouterr().out
    assert "not run" in shown
    assert "sha256" in shown
    assert "stylegan2-ada-pytorch" in shown


def test_a_file_that_is_read_again_and_again_leaves_nothing_behind(tmp_path):
    """A show changes its model all night. The numbers are those that the safetensors package reads."""
    kinds = [torch.float32, torch.float16, torch.bfloat16, torch.float64]
    made = {f"t{i}": torch.rand(3, i).to(kinds[i % 4]) for i in range(40)}
    save_file(made, tmp_path / "x.safetensors")
    odd = (tmp_path / "x.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", odd[:8])
    odd = struct.pack("<Q", length + 1) + odd[8 : 8 + length] + b" " + odd[8 + length :]  # no tensor is aligned
    (tmp_path / "odd.safetensors").write_bytes(odd)
    for name in ("x", "odd"):
        state = safetensors_files.map_state(tmp_path / f"{name}.safetensors")
        assert all(torch.equal(state.pop(each), made[each].float()) for each in made)
        assert state == {}
    for _ in range(2):
        gc.collect()
        before = sys.getallocatedblocks()
        for _ in range(10):
            safetensors_files.map_state(tmp_path / "x.safetensors")
        gc.collect()
        left = sys.getallocatedblocks() - before
    assert left < 40  # objects; of 400 tensors


def test_convert_writes_safetensors_only(tmp_path, capsys):
    path = save(tmp_path, writers.nvidia(lively(PLAIN)))
    model_cli.convert(path, tmp_path / "new.safetensors")
    assert "new.safetensors" in capsys.readouterr().out
    with pytest.raises(UserError, match="safetensors"):
        model_cli.convert(path, tmp_path / "new.pkl")
    with pytest.raises(UserError, match="cannot write"):
        model_cli.convert(path, tmp_path / "nowhere" / "new.safetensors")


def test_stylegan3_is_known_by_its_weights(tmp_path):
    tensors = {"synthesis.input.freqs": torch.zeros(4, 2), "mapping.fc0.weight": torch.zeros(4, 4)}
    network = StyleGAN2(PLAIN)
    data = writers.nvidia(network, flat=True, state=tensors)
    found = checkpoint.find_generator(checkpoint.Span.of(data))
    assert found.family == "stylegan3"
    assert found.settings["channel_base"] == 4096
    assert set(found.weights) == set(tensors)
