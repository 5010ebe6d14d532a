"""LPIPS is Zhang et al.'s own, on a VGG16 that the test draws as they did."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.borders.errors import UserError
from engine.generator.perceptual import vgg
from engine.generator.perceptual.distance import CaffeLayer, Lpips
from tests.builders.inversion import DATA, reference, seen


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> vgg.Vgg16:
    recipe = json.loads((DATA / "lpips_vgg_recipe.recipe.json").read_text())
    state = {}
    for name, row in recipe.items():
        random = np.random.RandomState(zlib.crc32(row["key"].encode()) & 0x7FFFFFFF)
        values = random.standard_normal(row["shape"]) * row["scale"] + row["shift"]
        state[f"features.{name}"] = torch.from_numpy(values.astype(np.float32))
    state["classifier.0.weight"] = torch.zeros(4, 4)  # torchvision's file has more behind the convolutions
    path = tmp_path_factory.mktemp("vgg") / "vgg16.pth"
    torch.save(state, path)
    return vgg.load(path)


def test_lpips_is_the_original(drawn: vgg.Vgg16) -> None:
    case, sees = reference("lpips_vgg_recipe"), Lpips(drawn)
    a, b = seen(case["a_u8"]), seen(case["b_u8"])
    assert sees.distance(a, b).item() == pytest.approx(float(case["lpips"]), abs=2e-6)
    assert [part.item() for part in sees.layers(a, b)] == pytest.approx(case["per_layer"], abs=2e-6)
    assert (sees.vector(a) - sees.vector(b)).square().sum().item() == pytest.approx(float(case["lpips"]), abs=2e-6)


def test_the_in_domain_feature_is_the_original() -> None:
    case = reference("idinvert")
    found = CaffeLayer(vgg.load(DATA / "vgg16_small.pth")).feature(seen(case["image_u8"]))
    assert np.abs(found.numpy() - case["vgg_feat"]).max() < 1e-5


def test_a_vgg_of_other_widths_has_no_heads(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="other widths"):
        Lpips(vgg.load(DATA / "vgg16_small.pth"))
    torch.save({"fc.weight": torch.ones(3)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match="holds no VGG16"):
        vgg.load(tmp_path / "other.pth")
