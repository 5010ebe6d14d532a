"""Augmentation, the discriminator, and the controller between them."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from tools.train import discriminator
from tools.train.augment import Controller, Draw, augment, blit, colour, geometry, rotation, scaling, translation, warp
from tools.train.losses import Share, Step


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def smooth(n: int = 4, side: int = 32) -> torch.Tensor:
    """Pictures without detail that sampling would change."""
    coarse = torch.rand(n, 3, 4, 4, generator=source(9)) * 2 - 1
    return F.interpolate(coarse, size=(side, side), mode="bicubic")


def test_no_probability_changes_nothing():
    img = torch.rand(4, 3, 16, 16)
    assert augment(img, 0.0, source(), 4, slice(0, 4)) is img
    assert torch.equal(augment(img, 1e-12, source(), 4, slice(0, 4)), img)


def test_a_share_is_a_slice_of_the_whole():
    img = smooth(8)
    whole = augment(img, 0.8, source(3), 8, slice(0, 8))
    parts = [augment(img[part], 0.8, source(3), 8, part) for part in (Share(0, 2).slice(8), Share(1, 2).slice(8))]
    assert torch.allclose(whole, torch.cat(parts), atol=1e-6)
    assert (whole != img).any(dim=(1, 2, 3)).all()


def test_a_warp_puts_things_where_they_belong():
    img, inside = smooth(), (..., slice(8, -8), slice(8, -8))
    n = len(img)
    assert (warp(img, torch.eye(3).repeat(n, 1, 1)) - img)[inside].abs().max() < 0.05
    quarter = warp(img, rotation(torch.full((n,), math.pi / 2)))
    assert (quarter - img.rot90(1, (2, 3)))[inside].abs().max() < 0.05 or (quarter - img.rot90(-1, (2, 3)))[
        inside
    ].abs().max() < 0.05
    flipped = warp(img, scaling(torch.full((n,), -1.0), torch.ones(n)))
    assert (flipped - img.flip(3))[inside].abs().max() < 0.05
    shifted = warp(img, translation(torch.full((n,), 2 * 4 / 32), torch.zeros(n)))
    assert (shifted[..., :-4] - img[..., 4:])[..., 8:-8, 8:-8].abs().max() < 0.05


def test_probabilities_are_as_asked():
    draw = Draw(source(), 4000, slice(0, 4000), torch.device("cpu"))
    moved = (blit(draw, 0.3, 32) != torch.eye(3)).any(dim=(1, 2)).float().mean()
    assert 0.3 < float(moved) < 1 - 0.7**3 + 0.03  # three chances, and each may draw "as it was"
    moved = (geometry(draw, 0.3) != torch.eye(3)).any(dim=(1, 2)).float().mean()
    assert float(moved) == pytest.approx(1 - 0.7**4, abs=0.04)


def test_colours_keep_what_they_should():
    draw = Draw(source(), 500, slice(0, 500), torch.device("cpu"))
    gray = torch.tensor([0.3, 0.3, 0.3, 1.0])
    seen = (colour(draw, 1.0) @ gray)[:, :3]
    assert (seen - seen.mean(dim=1, keepdim=True)).abs().max() < 1e-5  # gray stays gray
    draw = Draw(source(), 500, slice(0, 500), torch.device("cpu"))
    assert torch.equal(colour(draw, 0.0), torch.eye(4).repeat(500, 1, 1))


def test_gradients_pass_through():
    img = smooth().requires_grad_()
    augment(img, 0.9, source(), 4, slice(0, 4)).square().sum().backward()
    assert img.grad is not None
    assert (img.grad.abs().sum(dim=(1, 2, 3)) > 0).all()


def test_the_controller_follows_the_sign():
    ada = Controller(images=1000)
    ada.see(90, 100)
    ada.adjust(100)
    assert (ada.p, ada.last, ada.count) == (0.1, 0.9, 0)
    ada.see(10, 100)
    ada.adjust(300)
    assert ada.p == 0
    ada.adjust(100)  # nothing seen, nothing done
    for _ in range(20):
        ada.see(1, 1)
        ada.adjust(100)
    assert ada.p == 1


def test_the_critic_differentiates_twice():
    critic = discriminator.make((8, 8, 4), 3, 0)
    img = torch.randn(4, 3, 16, 16, generator=source(), requires_grad=True)
    (gradient,) = torch.autograd.grad(critic(img).sum(), img, create_graph=True)
    gradient.square().sum().backward()
    grads = [parameter.grad for name, parameter in critic.named_parameters() if "out.bias" not in name]
    assert all(grad is not None and torch.isfinite(grad).all() for grad in grads)
    assert sum(float(grad.abs().sum()) > 0 for grad in grads) > len(grads) // 2


@torch.no_grad()
def test_layers_keep_variance_and_halving_keeps_what_is_smooth():
    layer = discriminator.Convolution(64, 64, 3)
    x = torch.randn(4, 64, 16, 16, generator=source())
    assert float(layer(x)[..., 1:-1, 1:-1].square().mean()) == pytest.approx(1.0, abs=0.2)
    half = discriminator.Convolution(64, 64, 3, down=True)
    half.load_state_dict(layer.state_dict())
    flat = torch.randn(4, 64, 1, 1, generator=source()).expand(-1, -1, 16, 16)
    assert half(flat).shape[2:] == (8, 8)
    assert torch.allclose(half(flat)[..., 2:-2, 2:-2], layer(flat)[..., 2:10:2, 2:10:2][..., :4, :4], atol=1e-5)


def test_minibatch_statistics_see_neighbours_only():
    x = torch.randn(8, 5, 4, 4, generator=source())
    whole = discriminator.spread(x)
    assert torch.allclose(whole, torch.cat([discriminator.spread(half) for half in x.split(4)]))
    assert (whole[0] == whole[3]).all()
    assert not torch.allclose(whole[3], whole[4])
    assert discriminator.spread(torch.ones(4, 5, 4, 4)).max() < 1e-3


def test_random_numbers_do_not_depend_on_who_draws():
    steps = [Step(7, 3, Share(rank, 2), 8, torch.device("cpu")) for rank in range(2)]
    alone = Step(7, 3, Share(), 8, torch.device("cpu"))
    assert torch.equal(torch.cat([step.normal(1, 5) for step in steps]), alone.normal(1, 5))
    assert not torch.equal(alone.normal(1, 5), alone.normal(2, 5))
    assert not torch.equal(alone.normal(1, 5), Step(7, 4, Share(), 8, torch.device("cpu")).normal(1, 5))


def test_augmentation_is_fp32_whatever_the_training_is_in():
    """In bf16 the places that are sampled are off by pixels, and the pictures 17 to 34 dB away."""
    step = Step(seed=1, number=2, share=Share(), batch=4, device=torch.device("cpu"))
    img = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    plain = step.augmented(img, 1.0, 15)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = step.augmented(img, 1.0, 15)
    assert mixed.dtype == torch.float32
    assert torch.equal(plain, mixed)
