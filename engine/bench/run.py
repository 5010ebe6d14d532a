"""``vj bench``: the very loop of the show on a fixed clock, and a plain reference timed in the same run.

The reference is a textbook forward pass of the same weights on the same device. One of its frames is
timed between every few of ours, so the ratio means something on a machine whose speed drifts: it is the
median of the ratios of neighbours.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.bench.bar import watched
from engine.bench.memory import peak_mb
from engine.bench.opening import BenchOptions, open_bench
from engine.bench.references import FRAMES, Interleaved, references
from engine.borders.tick import Tick
from engine.loop import perform
from engine.rig import Rig
from engine.show.clock import FixedClock
from engine.show.meter import Meter
from engine.show.opening import find_model
from engine.system.files import write_whole

if TYPE_CHECKING:
    import torch

    from engine.generator.player import Player

WARM_UP = 5  # frames not counted: lazy libraries, first allocations, autotuning
_RATES: dict[str, float] = {}  # of this machine, by the name that `machine_rates` gives them
FULL = "ours against a plain fp32 forward of the same weights at the model's full resolution"


def run(options: BenchOptions, json_file: Path | None, warps: bool = False) -> int:
    """Measure, print a table, write the JSON; return the exit code. ``warps``: also what each warp costs."""
    result = measure(options, warps)
    _print(result)
    if json_file is not None:
        write_json(result, json_file)
    return 0


def write_json(result: dict[str, Any], file: Path) -> None:
    """Write the figures, whole or not at all."""
    write_whole(file, Path.write_text, json.dumps(result, indent=2) + "\n", encoding="utf-8")


def measure(options: BenchOptions, warps: bool = False) -> dict[str, Any]:
    """Return the figures of one run, keys as docs/commands.md has them."""
    if options.frames is None and options.seconds is None:
        options = replace(options, frames=FRAMES)
    starting = _warm_up(options, since_start())
    return {**perform_once(options, warps=warps, bar=True), **starting}


def perform_once(
    options: BenchOptions, model: Player | None = None, warps: bool = False, bar: bool = False
) -> dict[str, Any]:
    """Run the loop with ``model``, or with the one that ``options`` name; return its figures.

    It ends after ``frames``, or after ``seconds`` of the wall's time, whichever comes first. ``bar``: draw one.
    """
    measured: list[tuple[Player, Interleaved]] = []

    def between(player: Player, clock: FixedClock) -> Iterable[Tick]:
        timed = Interleaved(clock, references(player), lambda: player.device_seconds, options.seconds)
        measured.append((player, timed))
        return watched(timed, options.frames, options.seconds) if bar else timed

    with open_bench(replace(options, seconds=None), between, model) as rig:
        perform(rig)
        figures = _figures(options, rig, *measured[0])
        if warps:
            from engine.bench import warps as warp_bench

            figures["warps"] = warp_bench.measure_model(measured[0][0])
        return figures


def since_start() -> Callable[[], float]:
    """Return a function that says how long this process has been running, interpreter and imports included."""
    import psutil

    passed, now = time.time() - psutil.Process().create_time(), time.perf_counter()
    return lambda: passed + time.perf_counter() - now


def _warm_up(options: BenchOptions, clock: Callable[[], float]) -> dict[str, Any]:
    """Run uncounted warm-up frames; return start-up and first-frame times."""
    told: dict[str, float] = {}

    def between(_: Player, ticks: FixedClock) -> Iterator[Tick]:
        told["startup_s"] = round(clock(), 3)
        for tick in ticks:
            if tick.index == 1:  # the first frame has just been presented
                told["first_frame_s"] = round(clock(), 3)
            yield tick

    with open_bench(replace(options, frames=WARM_UP, seconds=None, trace=None), between) as rig:
        perform(rig)
    return told


def _figures(options: BenchOptions, rig: Rig, player: Player, timed: Interleaved) -> dict[str, Any]:
    """Put the run's figures together."""
    import torch

    frame, ours = rig.meter.frame_ms(), generator_seconds(player, timed, rig.meter)
    stages = rig.meter.stages_ms()
    if player.device.type == "cuda":
        stages["generator"] = round(1e3 * float(np.median(ours)), 4)
    return {
        "device": _device_name(player.device),
        "torch": torch.__version__,
        "backend": player.backend,
        "precision": player.precision,
        "model": find_model(options.model or rig.parts.preset.model).name,
        "model_resolution": player.model_resolution,
        "render_resolution": player.resolution,
        "frames": rig.meter.frames,
        "fps": {"median": round(1e3 / frame["p50"], 2), "p1": round(1e3 / frame["p99"], 2)},
        "frame_ms": frame,
        "stages_ms": stages,
        "peak_memory_mb": round(peak_mb(player.device), 1),
        "memory_slope_mb_per_1000_frames": timed.residence.slope(),
        "reference": _reference(timed, ours),
        **efficiency(player, float(np.median(ours))),
    }


def generator_seconds(player: Player, timed: Interleaved, meter: Meter) -> list[float]:
    """Return the generator's seconds of every frame: on a GPU by its own clock, for launching a frame says nothing.

    Where the device has no clock of its own, the whole frame counts, whose end has waited for it.
    """
    if player.device.type != "cuda":
        return meter.seconds_of("generator")
    return timed.on_device or meter.frame_seconds()


def _reference(timed: Interleaved, ours: list[float]) -> dict[str, Any]:
    """Return the references' figures: at full resolution, and at the rendered resolution where it is smaller."""
    told = {
        name: {
            "fps": round(1.0 / float(np.median(seconds)), 3),
            "ratio": round(timed.ratio(name, ours), 3),
            "frames": len(seconds),
        }
        for name, seconds in timed.seconds.items()
    }
    same = told.pop("same", None)
    result: dict[str, Any] = {**told.get("full", {"fps": None, "ratio": None, "frames": 0}), "what": FULL}
    return result | ({"same_resolution": same} if same else {})


def efficiency(player: Player, seconds: float) -> dict[str, Any]:
    """Return what the generator achieved against what this machine can do: arithmetic, traffic, and the steps' worth.

    Arithmetic counts as the textbook's convolutions: what a clever algorithm saves counts as done. Empty where the
    network does not know what it costs.
    """
    from engine.bench.rates import machine_rates
    from engine.generator.backends.cost import steps

    cost = player.network.cost(player.resolution, 4 if player.precision == "fp32" else 2)
    if cost is None:
        return {}
    for name, rate in machine_rates(player.device).items():  # the best rate so far: other programs use the machine
        _RATES[name] = max(rate, _RATES.get(name, 0.0))
    rates, gflop, megabytes = dict(_RATES), cost.flops / 1e9, cost.traffic / 1e6
    best = rates.get(f"matmul_{player.precision}_gflops", rates["matmul_fp32_gflops"])
    return {
        "machine": rates,
        "gflop_per_frame": round(gflop, 2),
        "gflops": round(gflop / seconds, 1),
        "share_of_matmul": round(gflop / seconds / best, 3),
        "mb_per_frame": round(megabytes, 1),
        "gb_s": round(megabytes / 1e3 / seconds, 2),
        "share_of_copy": round(megabytes / 1e3 / seconds / rates["copy_gb_s"], 3),
        "steps": steps(player.network),
    }


def _device_name(device: torch.device) -> str:
    """Return the GPU's name, or the CPU's with its thread count."""
    import torch

    from engine.bench.rates import processor

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{processor()}, {torch.get_num_threads()} threads"


def _print(result: dict[str, Any]) -> None:
    """Print the figures as a table."""
    from rich.console import Console
    from rich.table import Table

    title = f"{result['model']} at {result['render_resolution']} px on {result['device']}"
    table = Table(title=title, show_header=False)
    fps, frame, plain = result["fps"], result["frame_ms"], result["reference"]
    table.add_row("frames per second", f"{fps['median']:.1f} (slowest 1 %: {fps['p1']:.1f})")
    table.add_row("frame", " · ".join(f"{k} {v:.1f} ms" for k, v in frame.items()))
    for stage, ms in result["stages_ms"].items():
        table.add_row(f"  {stage}", f"{ms:.2f} ms")
    table.add_row("backend", f"{result['backend']}, {result['precision']}, torch {result['torch']}")
    if plain["fps"] is not None:
        table.add_row("plain reference", f"{plain['fps']:.2f} fps: ours is {plain['ratio']:.2f}x")
    if same := plain.get("same_resolution"):
        table.add_row("  at the same size", f"{same['fps']:.2f} fps: ours is {same['ratio']:.2f}x")
    if "gflops" in result:
        share, copies = result["share_of_matmul"], result["share_of_copy"]
        table.add_row("arithmetic", f"{result['gflops']:.0f} GFLOP/s, {share:.0%} of this machine's matmul rate")
        table.add_row("traffic", f"{result['gb_s']:.1f} GB/s at least, {copies:.0%} of its copy rate")
        for step in result["steps"]:
            arithmetic = f"{step['gflop']:.1f} GFLOP ({step['gflop_share']:.0%})"
            traffic = f"{step['mb']:.0f} MB ({step['mb_share']:.0%})"
            table.add_row(f"  a frame of {step['resolution']} px", f"{arithmetic}, {traffic}")
    table.add_row("start-up", f"{result['startup_s']:.1f} s, first frame after {result['first_frame_s']:.1f} s")
    for name, share in result.get("warps", {}).items():
        table.add_row(f"  warp {name}", f"{share:+.1%} of the rest of its frame")
    growth = result["memory_slope_mb_per_1000_frames"]
    grows = "" if growth is None else f", {growth:+.2f} MB per 1,000 frames"
    table.add_row("peak memory", f"{result['peak_memory_mb']:.0f} MB{grows}")
    Console().print(table)
