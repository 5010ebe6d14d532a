"""The bench: what it writes, what its figures are made of, and that memory stays flat."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.bench import bar
from engine.bench import sweep as bench_sweep
from engine.bench.memory import slope
from engine.bench.opening import BenchOptions, open_bench
from engine.bench.rates import config_f
from engine.bench.references import Interleaved
from engine.bench.run import generator_seconds, perform_once
from engine.borders.controls import Controls
from engine.borders.errors import UserError
from engine.borders.features import AudioFeatures
from engine.borders.tick import Tick
from engine.generator.backends.cost import steps
from engine.generator.networks.modulated_cost import flops
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from engine.loop import perform
from engine.show.clock import FixedClock
from engine.show.meter import Meter
from engine.stage.passes.compositor import Compositor
from engine.stage.windows.headless import HeadlessWindow
from tests.builders.model_file import save
from tests.builders.params import Params
from tests.builders.show import vj_here
from tests.parts import need

SMALL = Config(img_resolution=32, z_dim=16, w_dim=16, channels=(16,) * 4, mapping_features=(16,) * 2)
CONTRACT = {
    "device",
    "torch",
    "backend",
    "precision",
    "model",
    "model_resolution",
    "render_resolution",
    "frames",
    "fps",
    "frame_ms",
    "stages_ms",
    "startup_s",
    "peak_memory_mb",
    "reference",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("EGL")
    return save(tmp_path_factory.mktemp("model") / "small.safetensors", SMALL)


@pytest.mark.alone
def test_the_json_has_every_key_of_the_contract(model: Path, tmp_path: Path) -> None:
    done = vj_here(
        "bench", "--model", model, "--resolution", 16, "--frames", 24, "--size", "64x64", "--json", tmp_path / "b.json"
    )
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "b.json").read_text())
    assert told.keys() >= CONTRACT
    assert told["fps"].keys() == {"median", "p1"}
    assert told["frame_ms"].keys() == {"p50", "p95", "p99", "max"}
    assert (told["model_resolution"], told["render_resolution"], told["frames"]) == (32, 16, 24)
    assert 0 < told["startup_s"] <= told["first_frame_s"]
    plain = told["reference"]
    assert plain["ratio"] > 0
    assert plain["same_resolution"]["fps"] > plain["fps"], "less to do at half the size, and yet slower"
    assert told["gflops"] > 0
    assert told["machine"]["copy_gb_s"] > 0
    assert [step["resolution"] for step in told["steps"]] == [8, 16, 32]


def test_ratios_are_of_neighbours_so_that_drift_cancels() -> None:
    speed = iter(np.linspace(1.0, 9.0, 12))  # the machine slows down ninefold
    timed = Interleaved(FixedClock(60, 1.0), {"full": lambda: 4.0 * next(speed)})
    ours = list(np.repeat(np.linspace(1.0, 9.0, 12), timed.every))
    for _ in timed:
        pass
    assert len(timed.seconds["full"]) == 12
    assert timed.ratio("full", ours) == pytest.approx(4.0)


def test_a_sweep_measures_every_case_and_draws_it(model: Path, tmp_path: Path) -> None:
    json_file, plot = tmp_path / "s.json", tmp_path / "s.png"
    done = vj_here(
        "bench",
        "--sweep",
        "--models",
        f"{model},half-16",
        "--resolutions",
        "16",
        "--backends",
        "eager,graph",
        "--precisions",
        "fp32",
        "--frames",
        2,
        "--size",
        "32x32",
        "--device",
        "cpu",
        "--json",
        json_file,
        "--plot",
        plot,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(json_file.read_text())["rows"]
    assert [(row["model"], row["backend"]) for row in rows] == [
        (str(model), "eager"),
        (str(model), "graph"),
        ("half-16", "eager"),
        ("half-16", "graph"),
    ]
    assert all("graph" in row["error"] for row in rows[1::2])
    for row in rows[::2]:
        assert row.keys() >= CONTRACT | {"first_frame_s", "blocks_ms", "snr_db", "gflops", "share_of_matmul"}
        assert list(row["blocks_ms"]) == ["styles", "4", "8", "16"]
        assert row["snr_db"] > 80
    with Image.open(plot) as picture:
        assert picture.size[0] == 1500
        assert len(picture.getcolors(2**20) or []) > 10
    assert done.stdout.count(" at   16 px") == 4


def test_a_sweep_knows_every_backend_and_plain_by_its_name(model: Path) -> None:
    """Without axes it takes what the table of backends says of this machine and this network."""
    assert bench_sweep.usual_precisions("plain", "cpu") == ("fp32",)
    assert bench_sweep.usual_precisions("native", "cpu") == ("bf16", "fp32")
    options = BenchOptions(frames=2, size=(32, 32), model=str(model), device="cpu")
    wanted = bench_sweep.Wanted((str(model),), (16,), ("plain",))
    (row,) = bench_sweep.rows(options, wanted)
    assert "error" not in row, row
    assert (row["backend"], row["precision"], row["blocks_ms"]) == ("plain", "fp32", {})
    assert row["snr_db"] > 150  # it is the network itself
    assert "plain fp32" in bench_sweep.line(row)


def test_a_sweep_of_what_is_not_there_is_refused(tmp_path: Path) -> None:
    for words in (("--models", "config-f-100"), ("--models", "nothing"), ("--resolutions", "big")):
        done = vj_here("bench", "--sweep", *words)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    with pytest.raises(UserError):
        bench_sweep.parse(None, "1,x", None, None)


def test_arithmetic_and_traffic_are_the_published_shapes() -> None:
    told = {size: flops(config_f(size)) / 1e9 for size in (256, 512, 1024)}
    assert told == pytest.approx({256: 90, 512: 119, 1024: 148.5}, rel=0.01)  # orientation figures of StyleGAN2
    half = {size: flops(config_f(size, 16384)) / 1e9 for size in (256, 512, 1024)}
    assert half == pytest.approx({256: 30, 512: 37, 1024: 44}, rel=0.03)
    told_steps = steps(StyleGAN2(config_f(1024), initialize=False))
    step = next(step for step in told_steps if step["resolution"] == 256)
    assert 1 - step["gflop_share"] == pytest.approx(0.39, abs=0.01)
    assert 1 - step["mb_share"] > 0.6, "traffic falls far more than arithmetic"
    shares = [step["mb_share"] for step in told_steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_the_slope_is_that_of_the_settled_part() -> None:
    filling = [(i, 100.0 + min(i, 100)) for i in range(0, 1000, 5)]
    assert slope(filling) == pytest.approx(0.0, abs=1e-6)
    leaking = [(i, mb + 0.01 * i) for i, mb in filling]
    assert slope(leaking) == pytest.approx(10.0)
    assert slope(filling[:10]) is None


def test_memory_is_flat(model: Path) -> None:
    """A leak of one 32-px frame (4 kB) a frame would be 4 MB per 1,000 frames; 10,000 frames are in benchmarks/."""
    options = BenchOptions(model=str(model), frames=1000, size=(32, 32), backend="eager")
    grown = []
    while len(grown) < 3 and (not grown or min(grown) >= 2.5):  # a leak grows every time, an allocator's step once
        grown.append(perform_once(options)["memory_slope_mb_per_1000_frames"])
    assert min(grown) < 2.5, grown


class OnCard:
    """A player whose frames are launched, and whose device tells what they took."""

    device = torch.device("cuda")


def test_a_gpus_frame_is_timed_by_its_own_clock_and_not_by_what_launching_takes():
    meter = Meter()
    for index in range(4):
        meter.begin()
        meter.lap("generator", 0.0001)
        meter.mark(Tick(index, index / 60, 1 / 60), AudioFeatures(), Controls(), Params(), np.zeros((2, 2), np.float32))
    seconds = iter([None, 0.009, 0.010, 0.011])
    timed = Interleaved(FixedClock(60, 4 / 60), {}, lambda: next(seconds))
    assert len(list(timed)) == 4
    assert generator_seconds(OnCard(), timed, meter) == [0.009, 0.010, 0.011]
    blind = Interleaved(FixedClock(60, 4 / 60), {})
    assert len(list(blind)) == 4
    assert generator_seconds(OnCard(), blind, meter) == meter.frame_seconds()


def test_a_rig_releases_what_it_drew_with_before_its_window(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA must let go of OpenGL's buffers while their context is there."""
    order: list[str] = []
    for kind, name in ((Compositor, "picture"), (HeadlessWindow, "window")):
        close = kind.close
        monkeypatch.setattr(kind, "close", lambda self, close=close, name=name: (order.append(name), close(self))[1])
    with open_bench(BenchOptions(model=str(model), frames=1, size=(32, 32)), lambda _, clock: clock) as rig:
        perform(rig)
    assert order[:2] == ["picture", "window"]


def test_seconds_limit_the_wall_and_frames_decide() -> None:
    """A model of which a frame takes seconds ran for the length of the song that was asked for."""
    walls = iter(range(100))  # a second a frame
    slow = Interleaved(FixedClock(60), {}, limit=25.0, now=lambda: float(next(walls)))
    assert len(list(slow)) == 26
    assert len(list(Interleaved(FixedClock(60, 10 / 60), {}, limit=25.0, now=lambda: 0.0))) == 10
    late = iter([0.0, *[99.0] * 9])
    assert len(list(Interleaved(FixedClock(60), {}, limit=25.0, now=lambda: next(late)))) == 2, "too few for a figure"


def test_the_bar_passes_every_frame_on(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bar, "EVERY_SECONDS", 0.0)
    assert [tick.index for tick in bar.watched(FixedClock(60, 0.1), 6, 30.0)] == list(range(6))
    assert "bench" not in capfd.readouterr().out, "standard output is the table's"
