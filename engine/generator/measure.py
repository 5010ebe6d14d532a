"""What the bench measures about a generator: interleaved times, the machine's own rates, arithmetic, memory.

Machines drift and are shared, so nothing is timed alone: the generator and the textbook reference take turns,
and what counts is the median of each and the ratio.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.control.params import Params
from engine.generator.blocks import Given
from engine.generator.network import Config, StyleGAN2
from engine.generator.reference import reference_frame
from engine.generator.select import open_generator, rendering_threads
from engine.generator.work import flops

CONFIG_F = 32768  # channels times resolution, at most 512; half widths: 16384


def config_f(resolution: int, base: int = CONFIG_F) -> Config:
    """Return the shape of a config-F network of that size, or of one half as wide."""
    channels = tuple(min(base >> k, 512) for k in range(2, resolution.bit_length()))
    return Config(img_resolution=resolution, channels=channels)


def synchronize(device: torch.device) -> None:
    """Wait for the GPU, where there is one."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def interleave(
    tasks: dict[str, Callable[[], object]], rounds: int, device: torch.device, clock: Callable[[], float] | None = None
) -> dict[str, list[float]]:
    """Run every task once per round, in turn; return the seconds of each run. The first round is not counted."""
    clock = clock or time.perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for round_ in range(rounds + 1):
        for name, task in tasks.items():
            synchronize(device)
            start = clock()
            task()
            synchronize(device)
            if round_:
                seconds[name].append(clock() - start)
    return seconds


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return p50, p95, p99 and max in milliseconds."""
    ms = np.asarray(seconds) * 1e3
    found = {f"p{p}": round(float(np.percentile(ms, p)), 3) for p in (50, 95, 99)}
    return {**found, "max": round(float(ms.max()), 3)}


def machine_rates(device: torch.device, clock: Callable[[], float] | None = None) -> dict[str, float]:
    """Return what the machine can do at best: matrix products in GFLOP/s per precision, copies in GB/s."""
    size = 8192 if device.type == "cuda" else 1024
    rates: dict[str, float] = {}
    dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16}
    if device.type == "cuda":
        dtypes["fp16"] = torch.float16
    with torch.inference_mode():
        for name, dtype in dtypes.items():
            a = torch.randn(size, size, device=device).to(dtype)
            best = min(interleave({"mm": lambda a=a: a @ a}, 5, device, clock)["mm"])  # type: ignore[misc]
            rates[f"matmul_{name}_gflops"] = round(2 * size**3 / best / 1e9, 1)
        a = torch.empty(2**28 if device.type == "cuda" else 2**26, dtype=torch.uint8, device=device)
        b = torch.empty_like(a)
        best = min(interleave({"copy": lambda: b.copy_(a)}, 5, device, clock)["copy"])
        rates["copy_gb_s"] = round(2 * a.numel() / best / 1e9, 1)
    return rates


def peak_memory_mb(device: torch.device) -> float:
    """Return the most memory so far: the allocator's on a GPU, else the whole process's, where the system says it."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def signal_to_noise_db(wanted: torch.Tensor, got: torch.Tensor) -> float:
    """Return the ratio of powers between a picture and what it differs by."""
    noise = (wanted.float() - got.float()).square().mean().clamp_min(1e-20)
    return float(10 * torch.log10(wanted.float().square().mean() / noise))


@torch.inference_mode()
def quality_db(generator: Any) -> float:
    """Return the signal-to-noise ratio of a generator's picture against the readable network's in fp32."""
    draw = np.random.default_rng(0).standard_normal((1, generator.z_dim)).astype(np.float32)
    ws = torch.from_numpy(generator.map(draw)).to(generator.device)
    stop = None if generator.resolution == generator.model_resolution else generator.resolution
    return round(signal_to_noise_db(generator.network.synthesis(ws, stop_at=stop), generator.image(ws)), 1)


@torch.inference_mode()
def block_ms(generator: Any, rounds: int = 3) -> dict[str, float]:
    """Return the milliseconds of every block, the styles' ("styles") included: medians of whole frames."""
    blocks, device = generator.blocks, generator.device
    draw = np.random.default_rng(0).standard_normal((rounds, generator.z_dim)).astype(np.float32)
    path = torch.from_numpy(generator.map(draw)).to(device)
    names = [str(r) for r in generator.network.config.resolutions if r <= generator.resolution]
    seconds: dict[str, list[float]] = {name: [] for name in ("styles", *names)}
    for ws in path:
        start = _now(device)
        given = Given(*blocks.prepared.modulation(ws))
        x = img = None
        seconds["styles"].append(_now(device) - start)
        for level, name in enumerate(names):
            start = _now(device)
            x, img = blocks.run(level, x, img, given)
            seconds[name].append(_now(device) - start)
    return {name: round(float(np.median(found)) * 1e3, 3) for name, found in seconds.items()}


def _now(device: torch.device) -> float:
    synchronize(device)
    return time.perf_counter()


@dataclass(frozen=True, slots=True)
class Case:
    """One row of a sweep; ``resolution`` is what is rendered, of a network of ``config``'s size."""

    name: str
    config: Config
    resolution: int
    backend: str
    precision: str


def measure_case(
    case: Case, network: StyleGAN2, device: str, rounds: int, clock: Callable[[], float] | None = None
) -> dict[str, Any]:
    """Time a generator against the textbook forward of the same network at the same resolution, in turns."""
    began = time.perf_counter()
    generator = open_generator(
        network, device=device, backend=case.backend, precision=case.precision, resolution=case.resolution
    )
    where = generator.device
    draw = np.random.default_rng(0)
    path = generator.map(draw.standard_normal((rounds + 1, generator.z_dim)).astype(np.float32))
    turn, knobs = iter(range(rounds + 1)), Params()
    generator(path[0], knobs)
    first = time.perf_counter() - began
    generator.settle()
    ready = time.perf_counter() - began
    ws = torch.from_numpy(path[:1]).to(where)
    stop = case.resolution if case.resolution != case.config.img_resolution else None
    tasks = {
        "generator": lambda: generator(path[next(turn)], knobs),
        "reference": lambda: reference_frame(network, ws, stop),
    }
    seconds = interleave(tasks, rounds, where, clock)
    mine, plain = (float(np.median(seconds[key])) for key in ("generator", "reference"))
    with torch.inference_mode():
        wanted = network.synthesis(ws, stop_at=stop)
        quality = signal_to_noise_db(wanted, generator.image(ws))
    work = flops(case.config, case.resolution)
    return {
        "model": case.name,
        "model_resolution": case.config.img_resolution,
        "render_resolution": case.resolution,
        "backend": generator.backend,
        "precision": generator.precision,
        "fps": round(1 / mine, 3),
        "frame_ms": percentiles(seconds["generator"]),
        "reference": {"fps": round(1 / plain, 3), "ratio": round(plain / mine, 3), "rounds": rounds},
        "gflop_per_frame": round(work / 1e9, 2),
        "gflops": round(work / mine / 1e9, 1),
        "snr_db": round(quality, 1),
        "first_frame_s": round(first, 3),
        "ready_s": round(ready, 3),
        "peak_memory_mb": round(peak_memory_mb(where), 1),
    }


def sweep(
    cases: Iterable[Case],
    device: str = "cpu",
    rounds: int = 7,
    clock: Callable[[], float] | None = None,
    tell: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Measure every case on random networks; return {"machine", "rates", "rows"}, ready for JSON."""
    rows: list[dict[str, Any]] = []
    made: dict[Config, StyleGAN2] = {}
    for case in cases:
        if case.config not in made:
            made = {case.config: lively(case.config).to(device)}
        rows.append(measure_case(case, made[case.config], device, rounds, clock))
        tell(format_row(rows[-1]))
    where = torch.device(device)
    name = torch.cuda.get_device_name(where) if where.type == "cuda" else processor()
    machine = {"device": name, "threads": torch.get_num_threads(), "torch": torch.__version__}
    return {"machine": machine, "rates": machine_rates(where, clock), "rows": rows}


def lively(config: Config) -> StyleGAN2:
    """Return a random network whose noise is heard and whose colours fill the range, as after training."""
    network = StyleGAN2.random(config).eval().requires_grad_(False)
    for name, parameter in network.named_parameters():
        if name.endswith("noise_strength"):
            parameter.fill_(0.1)
        elif name.endswith("torgb.weight"):
            parameter.mul_(0.5)
    return network


def format_row(row: dict[str, Any]) -> str:
    """Return one line of the sweep's table."""
    return (
        f"{row['model']:>10} {row['render_resolution']:>5} px {row['backend']:>9} {row['precision']}: "
        f"{row['fps']:8.2f} fps, p95 {row['frame_ms']['p95']:8.1f} ms, x{row['reference']['ratio']:.2f} of the plain "
        f"reference, {row['gflops']:7.1f} GFLOP/s, {row['snr_db']:.1f} dB"
    )


def processor() -> str:
    """Return this machine's CPU by name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def standard_cases(
    resolutions: Sequence[int], backends: Sequence[str], precisions: Sequence[str], reduced: bool = False
) -> list[Case]:
    """Return config-F networks of the sizes by backends by precisions; ``reduced`` adds each stopped half-way."""
    cases = []
    for size in resolutions:
        shapes = [size, size // 2, size // 4] if reduced else [size]
        name = "config-F" if size > 128 else "half"
        config = config_f(size, CONFIG_F if size > 128 else CONFIG_F // 2)
        cases += [Case(name, config, r, b, p) for r in shapes for b in backends for p in precisions]
    return cases


def main() -> None:
    """The command line of tools/sweep.py: the sweep, to a JSON file that names its command."""
    parser = argparse.ArgumentParser(description="Time generators against the textbook forward, interleaved.")
    parser.add_argument("--resolutions", default="128,256,512,1024")
    parser.add_argument("--backends", default="native,eager")
    parser.add_argument("--precisions", default="bf16,fp32")
    parser.add_argument("--reduced", action="store_true", help="also stop each model at a half and a quarter")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=rendering_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: for crowded machines")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    sizes = [int(size) for size in args.resolutions.split(",")]
    cases = standard_cases(sizes, args.backends.split(","), args.precisions.split(","), args.reduced)
    result = sweep(cases, args.device, args.rounds, time.process_time if args.clock == "cpu" else None)
    result = {"command": " ".join(["python", "-m", "tools.sweep", *sys.argv[1:]]), **result}
    result["clock"] = args.clock
    if args.json is not None:
        args.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
