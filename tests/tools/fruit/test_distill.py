"""A dozen steps of the trainer on a network small enough for a test."""

import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.generator.checkpoints import checkpoint
from engine.generator.networks.stylegan2 import StyleGAN2
from tools.fruit.cpu_synthesis import draw
from tools.fruit.distill import Drawing
from tools.fruit.losses import pyramid_loss
from tools.fruit.mapping import build, parameters_of, write_model
from tools.fruit.muon import orthogonalize
from tools.fruit.render import KINDS, POSE, THETA, sample
from tools.fruit.shards import Shards
from tools.fruit.student import Plan, Student, lift
from tools.fruit.timed_run import arguments, sit
from tools.fruit.training import Training

TINY = Plan(resolution=16, channel_base=128, channel_max=8, w_dim=16, mapping_layers=2, batch=4)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Maps this small are not worth two threads waiting for each other on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def learn(run: Training, steps: int) -> list[tuple[float, float]]:
    """Take some steps on noise."""
    rng = np.random.default_rng(run.images)
    return [run.step(sample(rng, 4), rng.integers(0, 255, (4, 32, 32, 3), np.uint8), 16, 1e-3) for _ in range(steps)]


def test_training_moves_saves_and_goes_on(tmp_path: Path) -> None:
    run = Training(TINY, tmp_path)
    weight = run.average.generator.synthesis.get_parameter("b8.conv0.weight")
    before = weight.clone()
    assert np.isfinite(learn(run, 12)).all()
    assert not torch.equal(before, weight)
    run.save()
    again = Training(Plan(batch=4), tmp_path)  # the snapshot's network wins
    assert again.plan == TINY
    assert again.images == run.images == 48
    assert learn(again, 3) == learn(run, 3)


def test_a_sitting_logs_saves_and_ends_at_ctrl_c(tmp_path: Path) -> None:
    rng, data = np.random.default_rng(0), tmp_path / "data"
    data.mkdir()
    np.savez(data / "000000.npz", theta=sample(rng, 40), pictures=rng.integers(0, 255, (40, 16, 16, 3), np.uint8))
    told = [str(data), "--run", str(tmp_path), "--threads", "1", "--report", "0"]
    before = signal.getsignal(signal.SIGINT)

    class Interrupted(Drawing):
        def step(self, data: Shards, rate: float) -> tuple[float, float]:
            if len(rates) == 5:
                signal.raise_signal(signal.SIGINT)
            rates.append(rate)
            return super().step(data, rate)

    rates: list[float] = []
    wished = arguments(None, batch=4, rate=3e-3, settle=0.0).parse_args(told)
    sit(Interrupted(Training(TINY, tmp_path), 16), Shards(data), wished)
    assert len(rates) == 6
    assert rates == sorted(rates), "the rate does not warm up"
    assert max(rates) < 0.2 * TINY.rate
    assert signal.getsignal(signal.SIGINT) is before
    rows = [line.split(",") for line in (tmp_path / "log.csv").read_text().splitlines()]
    assert [int(row[0]) for row in rows] == [4, 8, 12, 16, 20, 24]
    assert {len(row) for row in rows} == {8}
    assert Training(TINY, tmp_path).images == 24
    assert (tmp_path / "samples-00000k.png").exists()
    assert {path.suffix for path in tmp_path.iterdir()} <= {".csv", ".png", ".pt", ""}, "something half written stays"


@pytest.mark.parametrize("resolution", [8, 16, 32])
def test_the_fast_forward_is_the_network(resolution: int) -> None:
    plan = Plan(resolution=32, channel_base=256, channel_max=12, w_dim=16)
    network = StyleGAN2.random(plan.config()).synthesis
    w = torch.randn(3, 16, generator=torch.Generator().manual_seed(1))
    target = torch.randn(3, 3, resolution, resolution, generator=torch.Generator().manual_seed(2))

    def gradients(img: torch.Tensor) -> list[torch.Tensor]:
        network.zero_grad()
        (img * target).sum().backward()  # type: ignore[no-untyped-call]
        return [p.grad.clone() for p in network.parameters() if p.grad is not None]

    ws = w.unsqueeze(1).expand(-1, network.config.num_ws, -1)
    plain = network(ws, noise_mode="none", stop_at=resolution)
    fast = draw(network, w, resolution, torch.float32)
    torch.testing.assert_close(fast, plain, rtol=1e-4, atol=1e-4)
    for ours, theirs in zip(gradients(fast), gradients(plain), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_lifting_w_leaves_the_picture_alone() -> None:
    student = Student(TINY)
    theta = torch.from_numpy(sample(np.random.default_rng(1), 16))
    synthesis = student.generator.synthesis
    with torch.no_grad():
        before = draw(synthesis, student.embedding(theta), 16, torch.float32)
        lift(student.embedding, synthesis)
        assert student.embedding(theta).min() > -0.2
        torch.testing.assert_close(draw(synthesis, student.embedding(theta), 16, torch.float32), before)


def test_the_loss_is_zero_only_for_the_picture_itself() -> None:
    target = torch.rand(2, 3, 32, 32) * 2 - 1
    assert float(pyramid_loss(target, target)[0]) == 0
    assert float(pyramid_loss(target + 0.1, target)[1]) == pytest.approx(0.1, rel=1e-4)


def test_z_gives_parameters_like_the_renderers() -> None:
    theta = parameters_of(torch.randn(4096, THETA, generator=torch.Generator().manual_seed(0)))
    kinds, knobs = theta[:, : len(KINDS)], theta[:, len(KINDS) :]
    assert torch.allclose(kinds.sum(1), torch.ones(4096))
    assert (kinds.max(1).values > 0.7).float().mean() > 0.6
    assert knobs.abs().max() <= 1
    assert float(knobs[:, len(POSE) :].std()) == pytest.approx(3**-0.5, rel=0.03)  # uniform


def test_the_written_model_is_the_model(tmp_path: Path) -> None:
    model = build(Student(TINY), TINY, minutes=0.01)
    write_model(model, TINY, tmp_path / "tiny.safetensors")
    loaded = checkpoint.build(checkpoint.load(tmp_path / "tiny.safetensors", cache=False))
    z = torch.randn(2, THETA, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        torch.testing.assert_close(loaded(z), model(z), rtol=0.05, atol=0.05)


def test_a_failed_training_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(b"the last good one")
    model = build(Student(TINY), TINY, 0.0)
    with torch.no_grad():
        model.synthesis.get_parameter("b16.conv1.weight").fill_(1e5)  # fp16 ends at 65504
    with pytest.raises(ValueError, match=r"not written: synthesis\.b16\.conv1\.weight"):
        write_model(model, TINY, path)
    assert path.read_bytes() == b"the last good one"


@pytest.mark.parametrize("rank", [1, 4, 16])
def test_directions_without_a_gradient_stay_at_rest(rank: int) -> None:
    """A gradient of few directions, as late in a training: rounded as bf16 does, the others grew to any size."""
    generator = torch.Generator().manual_seed(rank)
    left, right = (torch.randn(shape, generator=generator) for shape in ((32, rank), (rank, 288)))
    values = torch.linalg.svdvals(orthogonalize(left * 10.0 ** -torch.linspace(0, 3, rank) @ right))
    assert 0.6 < values[0] < 1.3


def test_orthogonalize_evens_out_the_singular_values() -> None:
    generator = torch.Generator().manual_seed(4)
    for shape in ((8, 40), (40, 8)):
        values = torch.linalg.svdvals(orthogonalize(torch.randn(shape, generator=generator)))
        assert 0.5 < values.min() <= values.max() < 1.4
