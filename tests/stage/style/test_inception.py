"""Magenta's arbitrary network with its InceptionV3, small and random, beside TensorFlow's own output.

The files are TensorFlow 2.15's: a checkpoint V2, the same as V1, and a SavedModel's variables, as TF-Hub has them. The
references are what tf-slim's InceptionV3 with rectifiers cut at 6 and the transformer of the paper made of them there.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from engine.generator.checkpoints.style_files.reader import load
from engine.stage import style
from engine.stage.style.painter import open_painter
from tests.builders.show import vj_here
from tests.builders.style import DATA

V2, V1, HUB = DATA / "arbitrary.ckpt", DATA / "arbitrary_v1.ckpt", DATA / "hub"


def reference(name: str) -> NDArray[np.generic]:
    with np.load(DATA / "arbitrary.npz") as found:
        array: NDArray[np.generic] = found[name]
        return array


def rgb(name: str) -> Tensor:
    return torch.from_numpy(np.asarray(reference(name), np.float32).transpose(2, 0, 1)[None] / 255.0)


@torch.inference_mode()
@pytest.mark.parametrize("path", [V2, V1, HUB], ids=["V2", "V1", "TF-Hub"])
def test_a_picture_is_seen_and_painted_as_by_tensorflow(path: Path) -> None:
    painter = open_painter(load(path))
    vector, wanted = painter.pictured(rgb("style")), reference("vector")
    assert np.abs(vector[0].numpy() - wanted).max() < 1e-5 * np.abs(wanted).max()
    painted = painter.paint(rgb("content"), vector)
    assert np.abs(painted[0].numpy() - reference("out")).max() < 1e-3


def test_any_picture_is_a_style_by_the_command(tmp_path: Path) -> None:
    for name in ("content", "style"):
        Image.fromarray(np.asarray(reference(name), np.uint8)).save(tmp_path / f"{name}.png")
    np.save(tmp_path / "vector.npy", np.asarray(reference("vector"), np.float32))
    for chosen in ("style.png", "vector.npy"):
        words = ("--weights", V1, "--style", tmp_path / chosen)
        done = vj_here("stylize", tmp_path / "content.png", "-o", tmp_path / "out.npy", *words)
        assert done.returncode == 0, done.stderr
        assert np.abs(np.load(tmp_path / "out.npy") - reference("out")).max() < 1e-3


@torch.inference_mode()
def test_a_strength_goes_between_the_pictures_own_vector_and_the_styles() -> None:
    painter = open_painter(load(V2))
    content, code = rgb("content"), painter.pictured(rgb("style"))
    own = painter.pictured(content)
    assert torch.equal(painter.strengthened(content, code, 0.25), painter.paint(content, torch.lerp(own, code, 0.25)))


def test_a_predictor_that_lacks_a_branch_is_no_network() -> None:
    tensors = {name: t for name, t in load(V2).tensors.items() if "Mixed_6c/Branch_2" not in name}
    with pytest.raises(KeyError, match="Branch_2"):
        style.Arbitrary(tensors)


def test_a_saved_model_without_its_data_is_told(tmp_path: Path) -> None:
    shutil.copytree(HUB, tmp_path / "hub")
    (tmp_path / "hub" / "variables" / "variables.data-00000-of-00001").unlink()
    done = vj_here("stylize", "any.png", "-o", tmp_path / "out.png", "--weights", tmp_path / "hub")
    assert done.returncode == 2
    assert "variables.data-00000-of-00001" in done.stderr
