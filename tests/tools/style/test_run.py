"""The training of style networks: what it leaves, that it goes on as if never stopped, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.generator.checkpoints.style_files.reader import load
from engine.stage.style.painter import open_painter
from engine.stage.style.recognition import Vgg
from tests.builders.style import VGG
from tools.style.run import main
from tools.style.training import Recipe, StyleTraining, fresh


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with content, three styles and a network that was trained for two steps."""
    folder = tmp_path_factory.mktemp("style")
    random = np.random.default_rng(0)
    for name in ("content/a", "content/b", "dots", "lines", "waves"):
        path = folder / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (64, 64, 3), np.uint8)).resize((256, 256)).save(path)
    assert train(folder, "first", "dots", "lines") == 0
    return folder


def train(folder: Path, out: str, *styles: str, words: tuple[str, ...] = ()) -> int:
    """Train a network for two steps more than nothing, small."""
    pictures = [str(folder / f"{style}.png") for style in styles]
    asked = ["--content", str(folder / "content"), "--styles", *pictures, "--out", str(folder / out)]
    return main([*asked, "--vgg", str(VGG), "--steps", "2", "--side", "32", "--batch", "1", *words])


def test_a_trained_network_paints_in_its_styles_by_name(folder: Path) -> None:
    weights = load(folder / "first" / "weights.safetensors")
    painter = open_painter(weights)
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    dots, lines = (painter.strengthened(picture, painter.named(number), 1.0) for number in range(2))
    assert weights.styles == ("dots", "lines")
    assert dots.shape == picture.shape
    assert not torch.equal(dots, lines)
    with Image.open(folder / "first" / "samples.png") as sheet:
        assert sheet.size == (4 * 32, 3 * 32)


def test_a_new_style_leaves_the_old_ones_as_they_were(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = folder / "first" / "weights.safetensors"
    assert train(folder, "more", "waves", words=("--into", str(old))) == 0
    before, after = load(old), load(folder / "more" / "weights.safetensors")
    assert after.styles == ("dots", "lines", "waves")
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    for number in range(2):
        first, second = (open_painter(weights) for weights in (before, after))
        assert torch.equal(*(p.strengthened(picture, p.named(number), 1.0) for p in (first, second)))


def test_a_training_that_was_stopped_goes_on_bit_exact() -> None:
    pictures = [torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(n)) for n in range(2)]
    batches = [torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(9 + n)) for n in range(3)]
    recognition = Vgg(load(VGG).tensors)

    def training() -> StyleTraining:
        return StyleTraining(fresh(2, 0), recognition, pictures, Recipe(side=32, batch=1))

    whole, stopped, resumed = training(), training(), training()
    for number, batch in enumerate(batches):
        whole.step(batch, number / 3)
        if number < 2:
            stopped.step(batch, number / 3)
    resumed.resume(stopped.state())
    losses = resumed.step(batches[2], 2 / 3)
    assert set(losses) == {"content", "style", "flicker", "variation"}
    wanted, made = whole.network.state_dict(), resumed.network.state_dict()
    assert all(torch.equal(wanted[name], made[name]) for name in wanted)


def test_the_marks_of_a_style_are_learnt() -> None:
    """Of one picture and one style the style's loss falls to half in a few steps."""
    recognition = Vgg(load(VGG).tensors)
    content = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    stripes = (torch.arange(32) % 4 < 2).float().expand(1, 3, 32, 32)
    training = StyleTraining(fresh(1, 0), recognition, [stripes], Recipe(side=32, batch=1))
    losses = [training.step(content, 0.0)["style"] for _ in range(25)]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("out", "styles", "words", "reason"),
    [
        ("first", ("dots",), (), "is of another training"),
        ("new", ("none",), (), "none.png"),
        ("new", ("dots",), ("--into", str(VGG)), "is no network of many styles"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    out: str,
    styles: tuple[str, ...],
    words: tuple[str, ...],
    reason: str,
) -> None:
    before = (folder / "first" / "snapshot.pt").read_bytes()
    assert train(folder, out, *styles, words=words) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert reason in line
    assert (folder / "first" / "snapshot.pt").read_bytes() == before
