"""``vj bench``: the very loop of the show on a fixed clock, and a plain reference timed in the same run.

The reference is a textbook forward pass of the same weights on the same device. One of its frames is
timed between every few of ours, so the ratio means something on a machine whose speed drifts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.clock import FixedClock, Tick
from engine.files import write_whole
from engine.loop import perform
from engine.opening import find_model
from engine.options import Options
from engine.rig import Rig, open_bench

FRAMES = 120
REFERENCE_FRAMES = 12
WARM_UP = 5  # frames not counted: lazy libraries, first allocations, autotuning


class Interleaved:
    """A fixed clock between whose ticks the reference renders now and then."""

    def __init__(self, clock: FixedClock, reference: Callable[[], float]) -> None:
        """``reference`` renders one frame and returns its seconds."""
        self._clock = clock
        self._reference = reference
        self.seconds: list[float] = []

    def __iter__(self) -> Iterator[Tick]:
        every = max(1, (self._clock.frames or FRAMES) // REFERENCE_FRAMES)
        for tick in self._clock:
            if tick.index % every == 0:
                self.seconds.append(self._reference())
            yield tick


def run(options: Options, json_file: Path | None) -> int:
    """Measure, print a table, write the JSON; returns the exit code."""
    began = time.perf_counter()
    result = measure(options, began)
    _print(result)
    if json_file is not None:
        write_whole(json_file, lambda path: path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8"))
    return 0


def measure(options: Options, began: float) -> dict[str, Any]:
    """Return the figures of one run, keys as the README documents them."""
    if options.frames is None and options.seconds is None:
        options = replace(options, frames=FRAMES)
    _warm_up(options)
    interleaved: list[Interleaved] = []

    def between(model: Any, clock: FixedClock) -> Interleaved:
        interleaved.append(Interleaved(clock, reference(model)))
        return interleaved[0]

    with open_bench(options, between) as rig:
        startup = time.perf_counter() - began
        perform(rig)
        return _figures(options, rig, interleaved[0].seconds, startup)


def _warm_up(options: Options) -> None:
    """Run the loop for a few frames that nobody counts."""
    with open_bench(replace(options, frames=WARM_UP, seconds=None, trace=None), lambda _, clock: clock) as rig:
        perform(rig)


def reference(model: Any) -> Callable[[], float]:
    """Return a function that renders one frame with the plain network and returns its seconds."""
    import torch

    from engine.generator.network import StyleGAN2
    from engine.generator.reference import reference_image

    def plain(ws: Any) -> Any:  # StyleGAN3 has no other textbook form than its own network
        is_2 = isinstance(model.network, StyleGAN2)
        return reference_image(model.network, ws) if is_2 else model.network.synthesis(ws)

    ws = torch.from_numpy(model.map(np.zeros((1, model.z_dim), np.float32) + 0.5)).to(model.device)

    def wait() -> None:
        if model.device.type == "cuda":
            torch.cuda.synchronize()

    def once() -> float:
        wait()
        start = time.perf_counter()
        with torch.inference_mode():
            plain(ws)
        wait()
        return time.perf_counter() - start

    once()  # not counted: the first call allocates
    return once


def _figures(options: Options, rig: Rig, reference_seconds: list[float], startup: float) -> dict[str, Any]:
    """Put the run's figures together."""
    import torch

    frame = rig.meter.frame_ms()
    plain_fps = 1.0 / float(np.median(reference_seconds))
    generator_ms = rig.meter.stages_ms()["generator"]
    return {
        "device": _device_name(rig.model.device),
        "torch": torch.__version__,
        "backend": rig.model.backend,
        "precision": rig.model.precision,
        "model": str(find_model(options.model or rig.preset.model).name),
        "model_resolution": rig.model.model_resolution,
        "render_resolution": rig.model.resolution,
        "frames": rig.meter.frames,
        "fps": {"median": round(1e3 / frame["p50"], 2), "p1": round(1e3 / frame["p99"], 2)},
        "frame_ms": frame,
        "stages_ms": rig.meter.stages_ms(),
        "startup_s": round(startup, 3),
        "peak_memory_mb": round(_peak_memory_mb(rig.model.device), 1),
        "reference": {
            "fps": round(plain_fps, 3),
            "ratio": round(1e3 / generator_ms / plain_fps, 3),
            "frames": len(reference_seconds),
            "what": "generator against a plain fp32 forward of the same weights at the model's full resolution",
        },
    }


def _device_name(device: Any) -> str:
    """Return the GPU's name, or the CPU's with its thread count."""
    import platform

    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass  # not Linux: the platform's own name will do
    return f"{model}, {torch.get_num_threads()} threads"


def _peak_memory_mb(device: Any) -> float:
    """Return the peak memory: the GPU's allocator's on CUDA, else the process's resident peak."""
    import torch

    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource
    except ImportError:  # Windows has no rusage
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / 2**20
    import sys

    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


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
    table.add_row("plain reference", f"{plain['fps']:.2f} fps: ours is {plain['ratio']:.2f}x")
    table.add_row("start-up", f"{result['startup_s']:.1f} s")
    table.add_row("peak memory", f"{result['peak_memory_mb']:.0f} MB")
    Console().print(table)
