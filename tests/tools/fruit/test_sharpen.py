"""Growing a run and sharpening it, on a network of a few channels."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tools.fruit.cpu_synthesis import draw, draw_window
from tools.fruit.grow import grow
from tools.fruit.render import sample
from tools.fruit.shards import Shards
from tools.fruit.sharpen import Critic, Sharpening, Weights, blurred
from tools.fruit.student import Plan, Student
from tools.fruit.training import Training

SMALL = Plan(resolution=128, channel_base=512, channel_max=8, w_dim=16, mapping_layers=2, batch=2)
LARGE = replace(SMALL, resolution=256)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def data(tmp_path: Path) -> Shards:
    rng = np.random.default_rng(0)
    folder = tmp_path / "data"
    folder.mkdir()
    np.savez(folder / "000000.npz", theta=sample(rng, 4), pictures=rng.integers(0, 255, (4, 256, 256, 3), np.uint8))
    return Shards(folder)


def test_growing_changes_no_picture() -> None:
    small, large = Student(SMALL), Student(LARGE)
    grow(large, LARGE, small.state_dict())
    theta = torch.from_numpy(sample(np.random.default_rng(1), 2))
    with torch.no_grad():
        before, after = small(theta, 128), large(theta, 256)
    torch.testing.assert_close(
        torch.nn.functional.avg_pool2d(after, 2)[..., 2:-2, 2:-2], before[..., 2:-2, 2:-2], atol=0.5, rtol=0
    )
    assert (after - torch.nn.functional.interpolate(before, scale_factor=2)).abs().mean() < before.std()
    with pytest.raises(ValueError, match="as large already"):
        grow(large, LARGE, large.state_dict())


def test_a_window_shows_what_the_whole_picture_shows_there() -> None:
    student = Student(LARGE)
    w = student.embedding(torch.from_numpy(sample(np.random.default_rng(2), 2)))
    with torch.no_grad():
        whole = draw(student.generator.synthesis, w, 256, torch.float32)
        window, coarse = draw_window(student.generator.synthesis, w, 64, (20, 10, 32), torch.float32)
        torch.testing.assert_close(coarse, draw(student.generator.synthesis, w, 64, torch.float32))
    torch.testing.assert_close(window[..., 12:-12, 12:-12], whole[..., 92:196, 52:156], atol=1e-4, rtol=1e-4)


def test_sharpening_teaches_both_and_goes_on(data: Shards, tmp_path: Path) -> None:
    work = Sharpening(Training(LARGE, tmp_path), Weights(), 1e-3, width=4)
    weights = work.run.student.generator.synthesis.get_parameter("b256.conv1.weight"), work.critic.verdict.weight
    before = [w.detach().clone() for w in weights]
    assert np.isfinite([work.step(data, 1e-3) for _ in range(9)]).all()  # R1 at the first and the ninth
    assert all(not torch.equal(old, new) for old, new in zip(before, weights, strict=True))
    work.save()
    again = Sharpening(Training(LARGE, tmp_path), Weights(), 1e-3, width=4)
    assert (again.steps, again.run.images) == (9, 18)
    torch.testing.assert_close(again.critic.state_dict(), work.critic.state_dict())


def test_the_critic_learns_to_tell_sharp_from_blurred() -> None:
    torch.manual_seed(0)
    critic = Critic(8)
    optimizer = torch.optim.Adam(critic.parameters(), 2e-3)
    sharp = torch.rand(8, 3, 32, 32) * 2 - 1
    soft = torch.nn.functional.avg_pool2d(sharp, 5, 1, 2)
    for _ in range(40):
        told = [critic(x, blurred(sharp))[0].mean() for x in (sharp, soft)]
        loss = torch.nn.functional.softplus(-told[0]) + torch.nn.functional.softplus(told[1])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert told[0] > 0 > told[1]
