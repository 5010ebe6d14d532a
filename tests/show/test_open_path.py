"""The path of a preset on a model: its seeds and files, its space, and directions only where a preset uses them."""

from pathlib import Path

import numpy as np
import pytest

from engine.borders.errors import UserError
from engine.borders.tick import REST
from engine.control.presets.preset import parse
from engine.generator import directions
from engine.generator import points as latents
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from engine.generator.plain import PlainPlayer
from engine.show.open_path import open_path
from tests.builders.params import TABLE, Params


@pytest.fixture(scope="module")
def model() -> PlainPlayer:
    config = Config(img_resolution=32, z_dim=16, w_dim=24, channels=(8, 8, 8, 8))
    return PlainPlayer(StyleGAN2.random(config))  # num_ws 8


def path_of(model: PlainPlayer, folder: Path, text: str, seed: int | None = None) -> np.ndarray:
    preset = parse(f'name = "x"\n[latent]\n{text}', folder / "x.toml", TABLE)
    path = open_path(model, preset, seed)
    return path(Params({"truncation_psi": 1.0, **preset.params}), REST)


def test_a_preset_mixes_seeds_and_files_beside_it(model: PlainPlayer, tmp_path: Path) -> None:
    w = np.random.default_rng(1).standard_normal((2, 8, 24)).astype(np.float32)
    np.save(tmp_path / "mine.npy", w)
    np.testing.assert_allclose(path_of(model, tmp_path, 'seeds = ["mine.npy", 4]\nspace = "w+"'), w[0], rtol=1e-6)
    np.testing.assert_allclose(
        path_of(model, tmp_path, "seeds = [4]"), model.map(latents.seeds_to_z([4], 16))[0], rtol=1e-6
    )
    with pytest.raises(UserError, match=r"gone\.npy"):
        path_of(model, tmp_path, 'seeds = ["gone.npy"]')


def test_space_z_is_mapped_and_starts_at_the_same_w(model: PlainPlayer, tmp_path: Path) -> None:
    text = 'seeds = [4, 5, 6]\nconstant_speed = true\nspline = "centripetal"\n'
    z, w = (path_of(model, tmp_path, text + f'space = "{space}"') for space in ("z", "w"))
    np.testing.assert_allclose(z, w, atol=1e-4)


def test_a_seed_draws_other_points_and_always_the_same(model: PlainPlayer, tmp_path: Path) -> None:
    a, b, c = (path_of(model, tmp_path, "seeds = [4, 5]\nmix_seeds = [6]", seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_directions_move_the_picture_only_when_a_preset_uses_them(model: PlainPlayer, tmp_path: Path) -> None:
    plain = path_of(model, tmp_path, "seeds = [4]")
    moved = path_of(model, tmp_path, "seeds = [4]\n[params.direction]\n1 = 2.0")
    first = directions.find("sefa", model.network)[0]
    np.testing.assert_allclose(moved - plain, np.tile(2 * first, (8, 1)), atol=1e-5)
