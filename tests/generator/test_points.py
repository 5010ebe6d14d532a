"""Points from seeds and files, refusals that name the fix, points kept, and directions found in seconds."""

import pickle
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from engine.borders.errors import UserError
from engine.control.presets.preset import parse
from engine.generator import directions
from engine.generator import points as latents
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from engine.generator.plain import PlainPlayer
from tests.builders.params import TABLE


@pytest.fixture(scope="module")
def model() -> PlainPlayer:
    config = Config(img_resolution=32, z_dim=16, w_dim=24, channels=(8, 8, 8, 8))
    return PlainPlayer(StyleGAN2.random(config))  # num_ws 8


def save(path: Path, array: np.ndarray) -> None:
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".npz":
        np.savez(path, w=array)  # what NVIDIA's projector writes
    elif path.suffix == ".pt":
        torch.save({"face.png": {"latent": torch.from_numpy(array), "noise": 1}}, path)  # rosinality's
    else:
        safetensors.torch.save_file({"w": torch.from_numpy(array)}, path)


@pytest.mark.parametrize("suffix", latents.SUFFIXES)
@pytest.mark.parametrize("shape", [(24,), (1, 24), (8, 24), (1, 8, 24), (5, 8, 24)])
def test_every_kind_and_shape_of_file(tmp_path: Path, suffix: str, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    save(tmp_path / f"w{suffix}", array)
    points = latents.load(tmp_path / f"w{suffix}", (8, 24))
    expected = (
        array
        if array.ndim == 3
        else np.broadcast_to(array if shape == (8, 24) else array.reshape(1, 24), (8, 24))[None]
    )
    np.testing.assert_array_equal(points, expected)
    assert points.dtype == np.float32


@pytest.mark.parametrize("suffix", latents.SUFFIXES)
def test_a_wrong_shape_is_refused_with_the_right_one(tmp_path: Path, suffix: str) -> None:
    for shape in ((18, 512), (7, 24), (3, 8, 25), (0, 8, 24), ()):
        save(tmp_path / f"w{suffix}", np.zeros(shape, np.float32))
        with pytest.raises(UserError, match=r"w\..*has shape .*wants w as \[24\], \[8, 24\] or \[n, 8, 24\]") as error:
            latents.load(tmp_path / f"w{suffix}", (8, 24))
        assert "\n" not in str(error.value)
    assert "w_dim 512" in str(_error(tmp_path, np.zeros((18, 512), np.float32)))


def _error(folder: Path, array: np.ndarray) -> UserError:
    np.save(folder / "x.npy", array)
    with pytest.raises(UserError) as error:
        latents.load(folder / "x.npy", (8, 24))
    return error.value


def test_other_wrong_files_are_refused(tmp_path: Path) -> None:
    assert "float32" in str(_error(tmp_path, np.zeros((8, 24), np.int64)))
    assert "finite" in str(_error(tmp_path, np.full((8, 24), np.nan, np.float32)))
    for name in ("w.txt", "w.pkl", "missing.npy", "missing.pt"):
        with pytest.raises(UserError, match=name.replace(".", r"\.")):
            latents.load(tmp_path / name, (8, 24))
    for suffix in latents.SUFFIXES:
        for content in (b"", b"PK\x03\x04 not really", b"<html>", b"\x93NUMPY\x01\x00\xff\xff"):
            (tmp_path / f"bad{suffix}").write_bytes(content)
            with pytest.raises(UserError, match=r"bad\."):
                latents.load(tmp_path / f"bad{suffix}", (8, 24))
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(UserError, match="folder"):
        latents.load(tmp_path / "folder.npy", (8, 24))
    np.savez(tmp_path / "two.npz", a=np.zeros(24, np.float32), b=np.zeros(24, np.float32))
    with pytest.raises(UserError, match="holds a, b"):
        latents.load(tmp_path / "two.npz", (8, 24))


class Boom:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('ran code from a file of w')",)


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([Boom()], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", w=np.array([Boom()], dtype=object))
    torch.save({"w": Boom()}, tmp_path / "a.pt")
    (tmp_path / "a.safetensors").write_bytes(pickle.dumps(Boom()))
    for suffix in latents.SUFFIXES:
        with pytest.raises(UserError):
            latents.load(tmp_path / f"a{suffix}", (8, 24))


def test_the_latent_table_refuses_what_it_does_not_know() -> None:
    for text, culprit in (
        ('spline = "cubic"', "spline"), ("ping_pong = 1", "ping_pong"), ("mix_seeds = []", "mix_seeds"),
        ('space = "y"', "space"), ('directions = "pca"', "directions"), ("constant_sped = true", "constant_speed"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=culprit):
            parse(f"[latent]\n{text}", Path("x.toml"), TABLE)


def test_keep_saves_a_point_that_loads_again_with_a_thumbnail(tmp_path: Path) -> None:
    point = np.random.default_rng(0).standard_normal((8, 24)).astype(np.float32)
    frame = np.full((512, 256, 4), 200, np.uint8)
    kept = [latents.keep(tmp_path / "kept", point, frame), latents.keep(tmp_path / "kept", point)]
    assert [p.name for p in kept] == ["keep-001.npy", "keep-002.npy"]
    np.testing.assert_array_equal(latents.load(kept[0], (8, 24))[0], point)
    with Image.open(kept[0].with_suffix(".png")) as thumbnail:
        assert thumbnail.size == (128, 256)
    assert len(list((tmp_path / "kept").iterdir())) == 3  # nothing left aside
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file"):
        latents.keep(tmp_path / "file", point)


# -- directions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sefa", "ganspace"])
def test_directions_are_a_standard_deviation_long_and_square_to_each_other(model: PlainPlayer, kind: str) -> None:
    found = directions.find(kind, model.network)
    assert found.shape == (8, 24)
    np.testing.assert_array_equal(found, directions.find(kind, model.network))
    lengths = np.linalg.norm(found, axis=1)
    unit = found / lengths[:, None]
    np.testing.assert_allclose(unit @ unit.T, np.eye(8), atol=1e-3)
    w = directions.sample_w(model.network, 5000, seed=9).numpy()
    np.testing.assert_allclose((w @ unit.T).std(axis=0), lengths, rtol=0.1)


def test_sefa_finds_the_direction_the_weights_listen_to() -> None:
    network = StyleGAN2.random(Config(img_resolution=16, z_dim=16, w_dim=24, channels=(8, 8, 8)))
    axis = torch.zeros(24)
    axis[7] = 1.0
    for name, weight in network.synthesis.named_parameters():
        if name.endswith("affine.weight"):
            weight.data = 0.1 * weight.data + torch.randn(len(weight), 1) * axis
    first = directions.sefa(network)[0]
    assert abs(first[7]) / np.linalg.norm(first) > 0.99


def test_ganspace_finds_the_axis_along_which_w_varies() -> None:
    network = StyleGAN2.random(Config(img_resolution=16, z_dim=16, w_dim=24, channels=(8, 8, 8)))
    last = network.mapping.get_submodule("fc7")
    last.weight.data[5] *= 20  # type: ignore[index, union-attr]
    first = directions.ganspace(network, samples=2000)[0]
    assert abs(first[5]) / np.linalg.norm(first) > 0.99


def test_a_1024_px_model_takes_seconds() -> None:
    config = Config(img_resolution=1024, channels=(512, 512, 512, 512, 512, 256, 128, 64, 32))
    with torch.device("meta"):
        network = StyleGAN2(config)
    for module in (network.mapping, *(m for n, m in network.synthesis.named_modules() if n.endswith("affine"))):
        module.to_empty(device="cpu")
        for p in module.parameters():
            torch.nn.init.normal_(p)
        for name, b in module.named_buffers():
            assert name == "w_avg"
            b.zero_()
    start = time.process_time()  # of the processor, whoever else is using it
    assert directions.sefa(network).shape == (8, 512)
    middle = time.process_time()
    assert directions.ganspace(network).shape == (8, 512)
    took = middle - start, time.process_time() - middle
    assert took[0] < 2, took
    assert took[1] < 10, took
