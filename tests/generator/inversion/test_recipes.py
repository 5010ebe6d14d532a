"""The recipes are their programs, step by step, and leave the network as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from engine.generator.inversion.encoders import files
from engine.generator.inversion.losses import noise_correlation
from engine.generator.inversion.problem import Draws, Problem
from engine.generator.inversion.projection import RECIPES, Seen, project
from engine.generator.inversion.recipes.indomain import InDomain
from engine.generator.inversion.tuning import tune
from engine.generator.perceptual import vgg
from engine.generator.perceptual.distance import CaffeLayer, Given
from tests.builders.inversion import DATA, network, reference, seen


def stub(x: torch.Tensor) -> torch.Tensor:
    return F.avg_pool2d(x / 255, 4)


@pytest.mark.parametrize("drawn", [False, True])
def test_the_projector_of_stylegan2_is_its_program(drawn: bool) -> None:
    case, net = reference("projector_ada"), network("G_small_state.pt")
    before = [layer.const.clone() for layer in net.noises()]
    noise = [torch.from_numpy(case[f"noise_init_{i}"]) for i in range(7)]
    draws = None if drawn else Draws(noise, torch.from_numpy(case["w_noise_draws"]))
    steps: list[np.ndarray] = []

    def watch(now: Seen) -> None:
        steps.append(now.descent.ws[0, 0].numpy())

    found = project(
        net,
        seen(case["target_u8"][None]),
        recipe="stylegan2",
        steps=40,
        w_samples=500,
        perceptual=Given(stub),
        draws=draws,
        watch=watch,
    )
    spread = np.abs(case["w_steps"]).max(axis=1, keepdims=True)
    assert (np.abs(np.stack(steps) - case["w_steps"]) / spread).max() < 1e-5
    assert np.allclose([s.loss for s in found.history], case["loss_printed"], rtol=1e-3, atol=0.01)
    assert np.allclose([s.distance for s in found.history], case["dist_printed"], rtol=1e-3, atol=0.01)
    assert np.array_equal(found.ws[3], steps[-1])
    assert float(noise_correlation(noise)) == pytest.approx(float(case["noise_reg_init"]), rel=1e-5)
    assert all(torch.equal(a, layer.const) for a, layer in zip(before, net.noises(), strict=True))
    assert not any(layer.const.requires_grad for layer in net.noises())


def test_in_domain_inversion_is_its_program() -> None:
    case, net = reference("idinvert"), network("generator_small.pth")
    x, start = seen(case["image_u8"]), torch.from_numpy(case["code_init"])
    encoder = files.load(DATA / "encoder_small.pth", net).encoder
    sees = CaffeLayer(vgg.load(DATA / "vgg16_small.pth"))
    found = project(net, x, recipe="indomain", steps=20, perceptual=sees, encoder=encoder, start=start)
    assert np.abs(found.ws - case["code_after20"][0]).max() < 1e-4
    descent = InDomain(Problem(network=net, target=x, perceptual=sees, encoder=encoder))
    for point, wanted in ((case["code_init"], case["terms_init"]), (found.ws[None], case["terms_after20"])):
        terms = descent.terms(torch.from_numpy(point))
        assert [float(terms.pixels), float(terms.features), float(terms.regulariser)] == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("space", ["w", "w+"])
def test_every_recipe_comes_nearer_and_stays_in_its_space(recipe: str, space: str) -> None:
    net, generator = network("G_small_state.pt"), torch.Generator().manual_seed(3)
    target = net.synthesize(net.map(torch.randn(1, 24, generator=generator)))
    found = project(net, target, recipe=recipe, steps=30, space=space, perceptual=Given(stub), w_samples=200)  # type: ignore[arg-type]
    assert found.ws.shape == (8, 24)
    assert found.ws.dtype == np.float32
    assert found.mse < found.curve[0][1]
    if space == "w" and recipe != "indomain":
        assert np.abs(found.ws - found.ws[0]).max() < 1e-6


def test_a_mask_takes_what_is_black_out_of_the_error() -> None:
    net = network("G_small_state.pt")
    target = net.synthesize(net.map(torch.randn(1, 24, generator=torch.Generator().manual_seed(3))))
    spoilt, mask = target.clone(), torch.ones(1, 1, 32, 32)
    spoilt[..., 16:], mask[..., 16:] = 1.0, 0.0
    free = project(net, spoilt, steps=30, w_samples=200)
    held = project(net, spoilt, steps=30, w_samples=200, mask=mask)
    assert held.mse < free.mse / 2


def test_noise_maps_are_found_and_given_back() -> None:
    net = network("G_small_state.pt")
    target = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = project(net, target, steps=10, noise_maps=True, w_samples=200)
    assert [n.shape for n in found.noises] == [tuple(layer.const.shape) for layer in net.noises()]
    assert all(abs(float(n.mean())) < 1e-5 and abs(float(n.std()) - 1) < 0.1 for n in found.noises)


def test_an_interrupted_projection_gives_the_best_so_far() -> None:
    net = network("G_small_state.pt")
    target = net.synthesize(net.map(torch.randn(1, 24, generator=torch.Generator().manual_seed(3))))

    def watch(now: Seen) -> None:
        if now.step == 10:
            raise KeyboardInterrupt

    found = project(net, target, steps=1000, w_samples=200, watch=watch)
    assert found.interrupted
    assert found.steps == 10
    assert found.mse < found.curve[0][1]


def test_tuning_brings_the_picture_nearer_and_leaves_the_network() -> None:
    net = network("G_small_state.pt")
    target = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = project(net, target, steps=10, w_samples=200)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    _, mse = tune(net, target, found.ws, steps=20)
    assert mse < 0.9 * found.mse
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
