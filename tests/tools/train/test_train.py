"""Training: steps that learn, go on to the bit, agree between processes, and lose nothing when stopped."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from engine.borders.errors import UserError
from engine.generator.checkpoints import checkpoint
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from tests.builders import checkpoints as writers
from tests.builders import warm
from tools.train import discriminator, snapshot
from tools.train import run as train
from tools.train.losses import Recipe, Share
from tools.train.opening import check_share
from tools.train.training import Training

ROOT = Path(__file__).resolve().parents[3]
TINY = ["--latent", "8", "--mapping-layers", "2", "--channel-base", "64", "--channel-max", "8", "--resolution", "16",
        "--batch", "8", "--device", "cpu", "--threads", "1"]  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Forty coloured discs."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    y, x = np.mgrid[:16, :16]
    for i in range(40):
        inside = (x - rng.uniform(4, 12)) ** 2 + (y - rng.uniform(4, 12)) ** 2 < rng.uniform(6, 30)
        picture = np.where(inside[..., None], rng.integers(0, 200, 3), 255).astype(np.uint8)
        Image.fromarray(picture).save(folder / f"{i:03d}.png")
    return folder


def run(data: Path, out: Path, steps: int, *more: str) -> int:
    return train.main(["--data", str(data), "--out", str(out), "--kimg", str(steps * 8 / 1000), *TINY, *more])


@pytest.fixture(scope="module")
def twenty(pictures, tmp_path_factory) -> Path:
    """A run of twenty steps: two with R1, five with path-length regularisation, five changes of augmentation."""
    out = tmp_path_factory.mktemp("twenty")
    assert run(pictures, out, 20) == 0
    return out


def flat(value, name=""):
    """Every number and tensor of a snapshot by its path."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from flat(item, f"{name}/{key}")
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from flat(item, f"{name}/{i}")
    else:
        yield name, value


def test_twenty_steps_move_every_network(twenty):
    state = snapshot.load(twenty / "snapshot.pt")
    assert (state["steps"], state["images"]) == (20, 160)
    fresh = StyleGAN2.random(snapshot.settings_of(state["config"]), 0).state_dict()
    for name, tensor in state["average"].items():
        assert torch.isfinite(tensor).all()
        if name.endswith("weight"):
            assert not torch.equal(tensor, fresh[name]), name
            assert not torch.equal(tensor, state["generator"][name]), name
    rows = snapshot.Log(twenty, 20).rows
    assert rows
    assert np.isfinite(rows).all()
    assert 0 < state["ada"]["p"] < 0.01 or state["ada"]["last"] < 0.6


def test_it_leaves_what_an_artist_needs(twenty):
    found = checkpoint.load(twenty / "model.safetensors", cache=False)
    network = checkpoint.build(found)
    z = torch.zeros(1, 8)
    average = StyleGAN2(found.config, initialize=False)
    average.load_state_dict(snapshot.load(twenty / "snapshot.pt")["average"])
    assert torch.equal(network(z), average(z))
    for name, size in (("log.png", (640, 900)), (next(twenty.glob("samples-*.png")), (8 * 16, 4 * 16))):
        with Image.open(twenty / name) as image:
            assert image.size == size


def test_going_on_is_bit_exact(twenty, pictures, tmp_path):
    assert run(pictures, tmp_path, 10) == 0
    assert run(pictures, tmp_path, 20) == 0
    whole, parts = (dict(flat(snapshot.load(path / "snapshot.pt"))) for path in (twenty, tmp_path))
    assert whole.keys() == parts.keys()
    for name, value in whole.items():
        if name != "/seconds":
            assert torch.equal(value, parts[name]) if isinstance(value, torch.Tensor) else value == parts[name], name


def test_two_processes_take_the_step_of_one(pictures, tmp_path):
    """Adam's very first step is the sign of each gradient, so what is compared is its average of their squares."""
    one, two = tmp_path / "one", tmp_path / "two"
    more = ["--augment", "0.7"]
    assert run(pictures, one, 1, *more) == 0
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "tools.train"]
    arguments = ["--data", pictures, "--out", two, "--kimg", "0.008", *TINY, *more]
    done = warm.python(*command, *arguments, cwd=ROOT, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    wanted, got = (snapshot.load(folder / "snapshot.pt") for folder in (one, two))
    assert torch.allclose(wanted["path_mean"], got["path_mean"], rtol=1e-5)
    assert torch.allclose(wanted["generator"]["mapping.w_avg"], got["generator"]["mapping.w_avg"], atol=1e-6)
    assert wanted["ada"] == got["ada"]
    for mine, theirs in zip(wanted["optimizers"], got["optimizers"], strict=True):
        for number, moments in mine["state"].items():
            expected, found = (state["exp_avg_sq"].sqrt() for state in (moments, theirs["state"][number]))
            assert torch.allclose(expected, found, rtol=1e-3, atol=1e-4 * float(expected.max()) + 1e-9), number


@pytest.mark.skipif(not os.environ.get("LATENTVJ_LONG"), reason="a minute: LATENTVJ_LONG=1 runs it")
def test_a_killed_process_takes_nothing_with_it(pictures, tmp_path):
    """Two processes under torchrun, one killed: both begin again from the last snapshot; then one process goes on."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command += ["--max-restarts", "3", "--monitor-interval", "0.5", "-m", "tools.train"]
    command += ["--data", str(pictures), "--out", str(tmp_path), "--kimg", "0.48", "--snapshot-kimg", "0.016", *TINY]
    with (tmp_path / "said").open("w") as said:
        launched = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=said)
    until = time.monotonic() + 240
    while not (tmp_path / "snapshot.pt").exists() and time.monotonic() < until:
        time.sleep(0.05)
    workers = psutil.Process(launched.pid).children()
    assert len(workers) == 2
    workers[-1].kill()
    assert launched.wait(480) == 0, (tmp_path / "said").read_text()[-2000:]
    assert "goes on after" in (tmp_path / "said").read_text()
    assert "connectFullMesh" not in (tmp_path / "said").read_text()
    assert snapshot.load(tmp_path / "snapshot.pt")["images"] == 480
    assert run(pictures, tmp_path, 62) == 0  # on one process now
    assert snapshot.load(tmp_path / "snapshot.pt")["images"] == 62 * 8


def test_a_batch_that_cannot_be_shared_is_refused():
    check_share(8, 2)
    check_share(2, 1)
    for batch, of in ((8, 4), (9, 1), (4, 2)):
        with pytest.raises(UserError, match="--batch"):
            check_share(batch, of)


def test_ctrl_c_leaves_a_snapshot_to_go_on_from(pictures, tmp_path):
    arguments = ["--data", str(pictures), "--out", str(tmp_path), "--kimg", "1000", "--snapshot-kimg", "0.008", *TINY]
    command = [sys.executable, "-m", "tools.train", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    while not (tmp_path / "snapshot.pt").exists() and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "the same command goes on" in said
    assert "Traceback" not in said
    steps = snapshot.load(tmp_path / "snapshot.pt")["steps"]
    assert run(pictures, tmp_path, steps + 2) == 0
    assert snapshot.load(tmp_path / "snapshot.pt")["steps"] == steps + 2


def test_a_full_disk_is_reported_and_loses_nothing(pictures, tmp_path, capsys):
    assert run(pictures, tmp_path, 2) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before["snapshot.pt"]) // 2, limits[1]))
    try:
        assert run(pictures, tmp_path, 4) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "snapshot.pt: cannot write it" in capsys.readouterr().err
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert after.keys() == before.keys()
    assert all(after[name] == before[name] for name in before if name != "log.csv")
    assert run(pictures, tmp_path, 4) == 0
    assert [int(row[0]) for row in snapshot.Log(tmp_path, 4).rows] == [2, 4]


def test_a_damaged_snapshot_is_named(pictures, tmp_path, capsys):
    (tmp_path / "snapshot.pt").write_bytes(b"PK\x03\x04 and nothing more")
    assert run(pictures, tmp_path, 1) == 2
    assert "snapshot.pt: no whole snapshot" in capsys.readouterr().err


def test_transfer_learning_begins_from_any_known_checkpoint(twenty, pictures, tmp_path, capsys):
    """A snapshot of ours and a pickle bring their critic; safetensors bring none."""
    z = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    model = checkpoint.build(checkpoint.load(twenty / "model.safetensors", cache=False))
    rest = [argument for argument in TINY if argument not in ("--resolution", "16")]
    for name, critic in (("snapshot.pt", "with its"), ("model.safetensors", "a fresh")):
        out = tmp_path / name
        command = ["--data", str(pictures), "--out", str(out), "--kimg", "0.008", "--rate", "1e-9"]
        assert train.main([*command, *rest, "--from", str(twenty / name)]) == 0
        assert critic in capsys.readouterr().err
        state = snapshot.load(out / "snapshot.pt")
        again = StyleGAN2(snapshot.settings_of(state["config"]), initialize=False)
        again.load_state_dict(state["average"])
        assert torch.allclose(again(z), model(z), atol=1e-3)
    command[3] = str(tmp_path / "other")
    assert train.main([*command, *rest, "--resolution", "32", "--from", str(twenty / "model.safetensors")]) == 2
    assert "paints 16 px" in capsys.readouterr().err


def rosinality_critic(critic: discriminator.Discriminator) -> dict[str, torch.Tensor]:
    """The critic under rosinality's names; blocks are counted from the picture."""
    state, own = critic.state_dict(), {"x.kernel": torch.zeros(4, 4)}
    blocks = [name for name, _ in critic.named_children() if name != "b4"]
    for i, block in enumerate(blocks, 1):
        for ours, theirs in (("conv0.weight", "conv1.0.weight"), ("conv0.bias", "conv1.1.bias"),
                             ("conv1.weight", "conv2.1.weight"), ("conv1.bias", "conv2.2.bias"),
                             ("skip.weight", "skip.1.weight")):  # fmt: skip
            own[f"convs.{i}.{theirs}"] = state[f"{block}.{ours}"]
    own |= {f"convs.0.{i}.{what}": state[f"{blocks[0]}.fromrgb.{what}"] for i, what in enumerate(("weight", "bias"))}
    own |= {"final_conv.0.weight": state["b4.conv.weight"], "final_conv.1.bias": state["b4.conv.bias"]}
    for i, layer in enumerate(("fc", "out")):
        own |= {f"final_linear.{i}.{what}": state[f"b4.{layer}.{what}"] for what in ("weight", "bias")}
    return own


@pytest.mark.parametrize("program", ["nvidia", "rosinality"])
def test_a_critic_in_a_strangers_file_is_found(tmp_path, program):
    config = Config(img_resolution=16, z_dim=8, w_dim=8, channels=(8, 8, 4), mapping_features=(8, 8))
    critic = discriminator.make(config.channels, 3, 5)
    path = tmp_path / "both"
    if program == "nvidia":
        with writers.named(writers._reconstruct_persistent_obj, writers.EasyDict):
            path.write_bytes(pickle.dumps({"D": writers.module_tree(critic.state_dict(), {})}, protocol=4))
    else:
        torch.save({"d": rosinality_critic(critic)}, path)
    found = snapshot.find_critic(path)
    assert found is not None
    assert found.keys() == critic.state_dict().keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in critic.state_dict().items())


def test_a_benchmark_says_how_fast_and_what_it_goes_into_and_saves_nothing(pictures, tmp_path, capsys):
    out = tmp_path / "none"
    assert run(pictures, out, 20, "--benchmark", "4") == 0
    said = capsys.readouterr().err.splitlines()
    at = next(i for i, line in enumerate(said) if "pictures a second" in line)
    rate, step = float(said[at].split()[0]), float(said[at].split(", ")[1].split()[0])
    assert rate * step / 1e3 == pytest.approx(8, rel=0.1), "pictures of a step"
    parts = {line[:12].strip(): float(line[12:].split()[0]) for line in said[at + 1 :]}
    assert parts.keys() == {"read", "upload", "generator", "path length", "critic", "averages"}, "R1 comes every 16th"
    assert sum(parts.values()) == pytest.approx(step, abs=0.5)
    assert min(parts["generator"], parts["critic"]) > max(parts["upload"], parts["averages"])
    assert not out.exists()
    assert run(pictures, out, 20, "--benchmark", "0") == 2


def test_bf16_and_fp32_take_about_the_same_step():
    def step(precision: str) -> dict[str, float]:
        config = Config(img_resolution=16, z_dim=8, w_dim=8, channels=(8, 8, 4), mapping_features=(8, 8))
        networks = StyleGAN2.random(config, 1), discriminator.make(config.channels, 3, 2)
        training = Training(*networks, Recipe(batch=8, augment="0.5"), precision=precision)
        real = torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(3)) * 2 - 1
        return training.step(real)

    exact, rough = step("fp32"), step("bf16")
    assert exact == pytest.approx(rough, rel=0.1)
    assert np.isfinite(list(exact.values())).all()
    assert exact["generator"] != rough["generator"]


def test_an_astray_training_says_so():
    config = Config(img_resolution=8, z_dim=8, w_dim=8, channels=(4, 4), mapping_features=(8, 8))
    training = Training(StyleGAN2.random(config), discriminator.make(config.channels, 3, 2), Recipe(batch=4))
    with pytest.raises(UserError, match="astray at step 0"):
        training.step(torch.full((4, 3, 8, 8), float("nan")))


def test_shares_are_slices_of_the_whole():
    assert [Share(rank, 4).slice(8) for rank in range(4)] == [slice(i, i + 2) for i in (0, 2, 4, 6)]
