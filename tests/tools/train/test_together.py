"""Processes that learn together: the step of many is the step of one, for every trainer, and in any pieces."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from engine.borders.errors import UserError
from engine.generator.checkpoints.style_files.reader import load
from engine.generator.perceptual.recogniser import Recogniser
from engine.stage.style.recognition import Vgg
from engine.system.compiled import CAPABILITY
from tests.builders import warm
from tests.builders.inversion import network
from tests.builders.style import VGG
from tools.fruit.render import sample
from tools.fruit.student import Plan as Distilled
from tools.fruit.student import to_tensor
from tools.fruit.training import Training
from tools.recognise.lessons import Lessons, draw
from tools.recognise.teach import Plan, Run
from tools.style.run import main as style_main
from tools.style.training import Recipe, StyleTraining, fresh
from tools.train.attributes import learn_mapper
from tools.train.attributes.directions import ridge
from tools.train.attributes.surrogate import Surrogate
from tools.train.encoder import lesson, pairs
from tools.train.sitting import Sitting
from tools.train.together import SharedNorm, Together, gathered, together

ROOT = Path(__file__).resolve().parents[3]
Taught = Callable[[Together, int], nn.Module]


def style(here: Together, accumulate: int) -> nn.Module:
    """A step of a style network, a batch of four, in double precision: an untaught one makes much of a rounding."""
    pictures = [torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(n)).double() for n in range(2)]
    recipe = Recipe(side=32, batch=4)
    training = StyleTraining(
        fresh(2, 0).double(), Vgg(load(VGG).tensors).double(), pictures, recipe, False, here, accumulate
    )
    training.step(torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(9)).double(), 0.0)
    return training.network


def recogniser(here: Together, _accumulate: int) -> nn.Module:
    """One step of a recogniser: it is normalised, and compared, over the whole batch."""
    pictures = np.random.default_rng(0).integers(0, 255, (64, 64, 64, 3), dtype=np.uint8)
    run = Run(Plan(Recogniser, (0, 1), 1, Path()), Path("none"), Lessons(draw(0, 64), pictures), here)
    run.step(10_000)
    return run.student


def encoder(here: Together, accumulate: int) -> nn.Module:
    """Three steps of an encoder's dense layers; the number of its own depends on a clock."""
    net = network("G_small_state.pt")
    ws = torch.randn(40, 24, generator=torch.Generator().manual_seed(0))
    shown = np.random.default_rng(1).integers(0, 256, (40, 3, 64, 64), dtype=np.uint8)
    taught, average = lesson.begun(net), net.w_avg.float()
    read = lesson.read_all(taught, pairs.Pairs(ws, shown))
    optimizer = torch.optim.SGD(taught.parameters(), 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        here.learn(
            taught.parameters(),
            40,
            lambda part: {"loss": (taught.tell(read[part].float()) - (ws[part] - average)).square().mean()},
            accumulate,
        )
        optimizer.step()
    return taught


def mapper(here: Together, accumulate: int) -> nn.Module:
    """A step of a mapper."""
    torch.manual_seed(0)
    ws = torch.randn(200, 6)
    surrogate = Surrogate(ws, 2, 4).eval().requires_grad_(False)
    scores, identity = surrogate(ws)
    known = learn_mapper.Known.of(ws, scores, identity)
    sitting = Sitting(here, accumulate)
    return learn_mapper.by_surrogate(("a", "b"), known, surrogate, ridge(ws, scores), 1, sitting)


def student(here: Together, _accumulate: int) -> nn.Module:
    """A step of a network that is distilled: each process draws on its own, here its part of four pictures."""
    plan = Distilled(resolution=16, channel_base=128, channel_max=8, w_dim=16, mapping_layers=2, batch=4)
    run, rng = Training(plan, Path("none"), here), np.random.default_rng(0)
    theta, pictures = sample(rng, 4), rng.integers(0, 255, (4, 16, 16, 3), np.uint8)
    part = here.mine(4)
    assert run.batch == part.stop - part.start
    drawn = run.student(torch.from_numpy(theta[part]), 16)
    run.learn((drawn - to_tensor(pictures[part], 16)).square().mean(), 1e-3, run.batch)
    assert run.images == 4
    return run.student


TRAINERS: dict[str, tuple[Taught, int]] = {"style": (style, 2), "recogniser": (recogniser, 1),
                                           "encoder": (encoder, 3), "mapper": (mapper, 2),
                                           "student": (student, 1)}  # fmt: skip


def gradients(network: nn.Module) -> dict[str, Tensor]:
    return {name: each.grad for name, each in network.named_parameters() if each.grad is not None}


def _taught(rank: int, meeting: str, names: list[str], out: str) -> None:
    torch.set_num_threads(1)
    os.environ[CAPABILITY] = "avx2"  # without bf16, whatever this processor is fast at: its roundings are no errors
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": meeting}
    with together() as here:
        assert (here.rank, here.of, here.writes) == (rank, 2, rank == 0)
        assert here.agree(rank == 1)
        assert here.first(float(rank)) == 0.0
        for name in names:
            taught, pieces = TRAINERS[name]
            network = taught(here, pieces)
            torch.save((network.state_dict(), gradients(network)), f"{out}/{name}.{rank}")


# Both are forks of one that has imported everything, also what torch imports with the first optimizer.
TWO = """
import importlib, sys, torch.multiprocessing
name, port, folder = sys.argv[1:]
here = importlib.import_module(name)
torch.optim.SGD([torch.zeros(1)])
torch.multiprocessing.start_processes(here._taught, (port, [*here.TRAINERS], folder), 2, start_method="fork")
"""


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what two processes have learnt."""
    folder = tmp_path_factory.mktemp("two")
    port = str(20000 + os.getpid() % 20000)
    done = warm.python("-c", TWO, __name__, port, folder, cwd=ROOT, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


@pytest.mark.parametrize("name", list(TRAINERS))
def test_two_processes_learn_what_one_does(two: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adam's first step is the sign of each gradient, so gradients are compared; both have the same weights."""
    monkeypatch.setenv(CAPABILITY, "avx2")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    alone = gradients(TRAINERS[name][0](Together(), 1))
    torch.set_num_threads(threads)
    (first, found), (second, _) = (torch.load(two / f"{name}.{rank}") for rank in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert alone.keys() == found.keys()
    near = 3e-2 if name == "recogniser" else 1e-4  # of the largest: its maps are in bf16
    largest = max(float(wanted.abs().max()) for wanted in alone.values())
    assert largest > 0.0
    for key, wanted in alone.items():
        torch.testing.assert_close(found[key], wanted, rtol=10 * near, atol=near * largest, msg=key)


def test_pieces_add_up_to_the_whole_gradient() -> None:
    layer, x = nn.Linear(5, 3), torch.randn(10, 5, generator=torch.Generator().manual_seed(0))
    found: list[Tensor] = []
    for pieces in (1, 3, 10):
        layer.zero_grad()
        told = Together().learn(layer.parameters(), 10, lambda part: {"a": layer(x[part]).square().mean()}, pieces)
        assert layer.weight.grad is not None
        found.append(layer.weight.grad.clone())
        assert told["a"] == pytest.approx(layer(x).square().mean().item(), rel=1e-5)
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found[0], found[2])


@pytest.mark.parametrize(("batch", "of"), [(8, 3), (7, 7), (160, 9)])
def test_every_sample_has_one_process_and_shared_work_is_done_once_around(batch: int, of: int) -> None:
    parts = [Together(rank, of).mine(batch) for rank in range(of)]
    assert [n for part in parts for n in range(batch)[part]] == [*range(batch)]
    rounds = [Together(rank, of).round(batch) for rank in range(of)]
    assert {tuple(sorted(each)) for each in rounds} == {tuple(range(batch))}
    assert [each[0] for each in rounds] == [part.start for part in parts]


def test_a_batch_that_is_too_small_to_share_is_refused() -> None:
    Together(0, 4).check(8, 2)
    with pytest.raises(UserError, match="4 processes in 3 pieces each need 12"):
        Together(0, 4).check(8, 3)


def test_alone_the_shared_norm_is_the_usual_one() -> None:
    x = torch.randn(4, 3, 5, 5)
    one, other = SharedNorm(3), nn.BatchNorm2d(3)
    torch.testing.assert_close(one(x), other(x))
    assert gathered(x, slice(0, 4), 4) is x


def test_a_lesson_goes_on_where_it_was_and_another_ones_snapshot_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.pt"
    layer = nn.Linear(2, 2)
    optimizer = torch.optim.Adam(layer.parameters())
    sitting = Sitting(path=path, of="a model")
    progress = sitting.begin("dense", layer, optimizer)
    assert (progress.steps, progress.spent) == (0, 0.0)
    progress.steps, progress.spent = 7, 1.5
    sitting.keep("dense", layer, optimizer, progress)
    assert not path.exists()  # it is not time yet
    sitting.keep("dense", layer, optimizer, progress, now=True)
    again = nn.Linear(2, 2)
    progress = Sitting(path=path, of="a model").begin("dense", again, torch.optim.Adam(again.parameters()))
    assert (progress.steps, progress.spent) == (7, 1.5)
    assert torch.equal(again.weight, layer.weight)
    with pytest.raises(UserError, match="of another training"):
        Sitting(path=path, of="another model")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match="no whole snapshot"):
        Sitting(path=path, of="a model")


@pytest.mark.parametrize("what", ["generator", "encoder", "mapper", "style", "recogniser"])
def test_the_launcher_knows_every_trainer(what: str) -> None:
    from tools.train.__main__ import TAUGHT

    assert what in TAUGHT
    if what in ("style", "generator"):
        done = warm.python("-m", "tools.train", what, "--help", cwd=ROOT)
        assert (done.returncode, "--accumulate" in done.stdout) == (0, True)


def launched(machines: int, said: Path, *words: object) -> list[subprocess.Popen[bytes]]:
    """Begin a training of two processes with torchrun, which begins it again where one dies; one torchrun a machine."""
    run = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(2 // machines)]
    run += ["--max-restarts", "3", "--monitor-interval", "0.5"]
    if machines == 1:
        run += ["--standalone"]
    else:
        port = 20000 + os.getpid() % 20000
        run += ["--nnodes", str(machines), "--rdzv-backend", "c10d", "--rdzv-endpoint", f"localhost:{port}"]
    with said.open("ab") as out:
        command = [*run, "-m", "tools.train", *map(str, words)]
        return [subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out) for _ in range(machines)]


@pytest.mark.skipif(not os.environ.get("LATENTVJ_LONG"), reason="minutes: LATENTVJ_LONG=1 runs it")
@pytest.mark.parametrize("machines", [1, 2])
def test_a_style_training_survives_a_killed_process_and_goes_on_alone(tmp_path: Path, machines: int) -> None:
    random = np.random.default_rng(0)
    with tarfile.open(tmp_path / "content.tar", "w") as tar:  # a WebDataset's shard
        for name in ("a", "b", "style"):
            picture = Image.fromarray(random.integers(0, 256, (256, 256, 3), np.uint8))
            picture.save(tmp_path / f"{name}.png")
            tar.add(tmp_path / f"{name}.png", f"{name}.png")
    asked = ["style", "--content", tmp_path / "content.tar", "--styles", tmp_path / "style.png", "--vgg", VGG]
    asked += ["--out", tmp_path / "run", "--side", "32", "--batch", "4", "--save-every", "0", "--threads", "1"]
    training = launched(machines, tmp_path / "said", *asked, "--steps", 12)
    until = time.monotonic() + 400
    while not (tmp_path / "run/snapshot.pt").exists() and time.monotonic() < until:
        time.sleep(0.05)
    workers = [each for agent in training for each in psutil.Process(agent.pid).children()]
    assert len(workers) == 2
    workers[-1].kill()
    ended = [agent.wait(600) for agent in training]
    said = (tmp_path / "said").read_text()
    assert ended == [0] * machines, said[-2000:]
    assert "goes on from step" in said
    assert "connectFullMesh" not in said  # one beginning was enough: nobody called those who died
    assert torch.load(tmp_path / "run/snapshot.pt", weights_only=True)["steps"] == 12
    assert style_main([str(word) for word in (*asked[1:], "--steps", 14, "--accumulate", 2)]) == 0  # on one process
    assert torch.load(tmp_path / "run/snapshot.pt", weights_only=True)["steps"] == 14
