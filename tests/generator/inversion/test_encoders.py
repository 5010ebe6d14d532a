"""Encoders answer as their authors' programs do, are told apart by their opts, and are refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from engine.borders.errors import UserError
from engine.generator.inversion.answers import answers
from engine.generator.inversion.encoders import files, psp
from tests.builders.inversion import DATA, flavour, network, reference, seen


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    return seen(reference("psp_small")["image_u8"])


@pytest.fixture(scope="module")
def psp_answer(x: torch.Tensor) -> torch.Tensor:
    return answers(files.load(DATA / "psp_small.pt"), x)[0]


def test_psp_answers_and_paints_as_its_program(psp_answer: torch.Tensor) -> None:
    case = reference("psp_small")
    assert np.abs(psp_answer.numpy() - case["w_plus"]).max() < 1e-5
    decoder = files.load(DATA / "psp_small.pt").network
    assert decoder is not None
    assert np.abs(decoder.synthesize(psp_answer).numpy() - case["img"]).max() < 1e-4


def test_restyle_steps_as_its_program() -> None:
    case = reference("restyle_psp_small")
    found = answers(files.load(DATA / "restyle_psp_small.pt"), seen(case["image_u8"]), 3)
    assert np.abs(np.stack([ws[0].numpy() for ws in found]) - case["latents"]).max() < 1e-4


@pytest.mark.parametrize("namespace", [False, True])
def test_e4e_is_told_from_psp_by_its_opts_alone(
    tmp_path: Path, x: torch.Tensor, psp_answer: torch.Tensor, namespace: bool
) -> None:
    file = files.load(flavour(tmp_path / "e4e.pt", encoder_type="Encoder4Editing", namespace=namespace))
    assert file.average is not None
    heads = psp_answer[0] - file.average  # the same weights: pSp's answers are e4e's first w and its deltas
    wanted = torch.cat((heads[:1], heads[:1] + heads[1:])) + file.average
    assert torch.allclose(answers(file, x)[0][0], wanted, atol=1e-5)
    for stage in (0, 3):
        file.encoder.stage = stage
        some = torch.cat((wanted[: stage + 1], heads[:1].expand(9 - stage, -1) + file.average[stage + 1 :]))
        assert torch.allclose(answers(file, x)[0][0], some, atol=1e-5)


def test_without_its_average_an_encoder_takes_the_mean_of_its_decoder(tmp_path: Path, x: torch.Tensor) -> None:
    whole, bare = files.load(DATA / "psp_small.pt"), files.load(flavour(tmp_path / "a.pt", drop=("latent_avg",)))
    assert bare.network is not None
    assert bare.average is not None
    assert whole.average is not None
    z = torch.randn(10_000, 32, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(bare.average[0], bare.network.map(z)[:, 0].mean(dim=0), atol=1e-5)
    moved = answers(bare, x)[0] - answers(whole, x)[0]
    assert torch.allclose(moved[0], bare.average - whole.average, atol=1e-5)


@pytest.mark.parametrize("learn_in_w", [True, False])
def test_an_encoder_into_w_answers_for_every_layer(tmp_path: Path, x: torch.Tensor, learn_in_w: bool) -> None:
    held = torch.load(flavour(tmp_path / "w.pt", encoder_type="BackboneEncoderUsingLastLayerIntoW"), weights_only=True)
    state = {k: v for k, v in held["state_dict"].items() if not k.startswith(("encoder.styles", "encoder.lat"))}
    weight, bias = torch.randn(32, 32), torch.randn(32)
    held["state_dict"] = {**state, "encoder.linear.weight": weight, "encoder.linear.bias": bias}
    held["opts"]["learn_in_w"] = learn_in_w
    held["latent_avg"] = held["latent_avg"][:1]
    torch.save(held, tmp_path / "w.pt")
    file = files.load(tmp_path / "w.pt")
    assert isinstance(file.encoder, psp.SingleEncoder)
    pooled = file.encoder.maps(x)[-1].mean(dim=(2, 3))
    wanted = pooled @ weight.T / 32**0.5 + bias + held["latent_avg"]
    found = answers(file, x)[0]
    assert found.shape == (1, 10, 32)
    assert torch.allclose(found, wanted[:, None].expand(-1, 10, -1), atol=1e-5)


def test_resnet34_halves_where_torchvision_does(tmp_path: Path) -> None:
    shapes: dict[str, tuple[int, ...]] = {"conv1.weight": (4, 6, 7, 7)}
    width = 4
    for i, stage in enumerate((0,) * 3 + (1,) * 4 + (2,) * 6 + (3,) * 3):
        out = 4 << stage
        shapes[f"body.{i}.conv1.weight"] = (out, width, 3, 3)
        if out != width:
            shapes[f"body.{i}.downsample.0.weight"] = (out, width, 1, 1)
        width = out
    for i in range(4):
        for j in range(4):
            shapes[f"styles.{i}.convs.{2 * j}.weight"] = (width, width, 3, 3)
        shapes[f"styles.{i}.linear.weight"] = (width, width)
    encoder = psp.build("ResNetProgressiveBackboneEncoder", shapes).eval()
    with torch.no_grad():
        for name, tensor in encoder.state_dict().items():
            if "num_batches" not in name:
                tensor.copy_(torch.rand_like(tensor) * 0.3 + (0.5 if "running_var" in name else -0.1))
    x = torch.randn(1, 6, 256, 256)
    y = F.prelu(encoder.bn1(F.conv2d(x, encoder.conv1.weight, stride=2, padding=3)), encoder.relu.weight)
    for i, block in enumerate(encoder.body):
        stride = 2 if i in (3, 7, 13) else 1
        z = F.relu(block.bn1(F.conv2d(y, block.conv1.weight, stride=stride, padding=1)))
        z = block.bn2(F.conv2d(z, block.conv2.weight, padding=1))
        down = block.downsample
        short = y if down is None else down[1](F.conv2d(y, down[0].weight, stride=stride))
        y = F.relu(z + short)
    assert y.shape == (1, 32, 16, 16)
    found = encoder(x)[0]
    assert encoder.iterative
    assert found.shape == (4, 32)
    assert torch.allclose(encoder.maps(x)[-1], y, atol=1e-4)
    first = encoder.styles[0](y)[0]
    assert torch.allclose(found[0], first, atol=1e-4)
    assert torch.allclose(found[2], first + encoder.styles[2](y)[0], atol=1e-4)


def test_the_in_domain_encoder_and_its_generator_are_their_programs() -> None:
    case, net = reference("idinvert"), network("generator_small.pth")
    file = files.load(DATA / "encoder_small.pth", net)
    code = answers(file, seen(case["image_u8"]))[0]
    assert file.encoder.shape == (32, 32)
    assert np.abs(code.numpy() - case["code_init"]).max() < 1e-5
    assert np.abs(net.synthesize(code).numpy() - case["img_init"]).max() < 1e-4
    assert net.map(torch.randn(2, net.z_dim)).shape == (2, 8, 48)  # a w of its own for every layer


REFUSED = [
    ({"encoder_type": "HyperEncoder"}, "encoder_type is 'HyperEncoder'"),
    ({"drop": ("opts",)}, "no opts"),
    ({"drop": ("encoder.",)}, "holds no encoder"),
    ({"drop": ("encoder.styles.4.linear",)}, "encoder"),
    ({"drop": ("encoder.latlayer1",)}, "make no GradualStyleEncoder"),
]


@pytest.mark.parametrize(("change", "said"), REFUSED)
def test_what_is_no_encoder_is_refused_by_its_name(tmp_path: Path, change: dict[str, object], said: str) -> None:
    path = flavour(tmp_path / "it.pt", **change)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=said) as told:
        files.load(path)
    assert str(path) in str(told.value)


def test_an_encoder_of_another_model_is_refused_with_both_sizes() -> None:
    with pytest.raises(UserError, match="10 w of 32 numbers, and the model wants 8 of 24"):
        files.load(DATA / "psp_small.pt", network("G_small_state.pt"))
    with pytest.raises(UserError, match=r"384 numbers, and the model wants 8 w of 24"):
        files.load(DATA / "encoder_small.pth", network("G_small_state.pt"))


def test_nothing_in_an_encoders_file_runs(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (print, ("ran",))

    torch.save({"state_dict": {"encoder.x": nn.Parameter(torch.ones(1))}, "opts": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(UserError, match=r"builtin\w*\.print"):
        files.load(tmp_path / "evil.pt")
