"""Time generators over sizes, backends and precisions against the textbook forward.

usage: python -m benchmarks.generator_sweep --help
"""

from __future__ import annotations

from engine.system.allocator import tune_allocator

tune_allocator()  # before torch is loaded

# ruff: noqa: E402
import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.bench.rates import (
    CONFIG_F,
    config_f,
    interleave,
    lively,
    machine_rates,
    peak_memory_mb,
    percentiles,
    processor,
    quality_db,
)
from engine.borders.params import Params
from engine.borders.tick import REST
from engine.generator.backends.processor import rendering_threads
from engine.generator.backends.select import open_generator
from engine.generator.networks.modulated_cost import flops
from engine.generator.networks.modulated_textbook import reference_frame
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from engine.show.table import standard


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
    path = generator.map(np.random.default_rng(0).standard_normal((rounds + 1, generator.z_dim)).astype(np.float32))
    params = Params({}, standard())
    generator(path[0], params, REST)
    first = time.perf_counter() - began
    generator.settle()
    ready = time.perf_counter() - began
    turn, ws = iter(path), torch.from_numpy(path[:1]).to(generator.device)
    stop = case.resolution if case.resolution != case.config.img_resolution else None
    tasks: dict[str, Callable[[], object]] = {
        "generator": lambda: generator(next(turn), params, REST),
        "reference": lambda: reference_frame(network, ws, stop),
    }
    seconds = interleave(tasks, rounds, generator.device, clock)
    mine, plain = (float(np.median(seconds[key])) for key in ("generator", "reference"))
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
        "snr_db": quality_db(generator),
        "first_frame_s": round(first, 3),
        "ready_s": round(ready, 3),
        "peak_memory_mb": round(peak_memory_mb(generator.device), 1),
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


def format_row(row: dict[str, Any]) -> str:
    """Return one line of the sweep's table."""
    return (
        f"{row['model']:>10} {row['render_resolution']:>5} px {row['backend']:>9} {row['precision']}: "
        f"{row['fps']:8.2f} fps, p95 {row['frame_ms']['p95']:8.1f} ms, x{row['reference']['ratio']:.2f} of the plain "
        f"reference, {row['gflops']:7.1f} GFLOP/s, {row['snr_db']:.1f} dB"
    )


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


def main(argv: list[str] | None = None) -> None:
    """Run the sweep, and write it to a JSON file that names its command."""
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
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    sizes = [int(size) for size in args.resolutions.split(",")]
    cases = standard_cases(sizes, args.backends.split(","), args.precisions.split(","), args.reduced)
    result = sweep(cases, args.device, args.rounds, time.process_time if args.clock == "cpu" else None)
    result = {"command": " ".join(["python", "-m", "benchmarks.generator_sweep", *sys.argv[1:]]), **result}
    result["clock"] = args.clock
    if args.json is not None:
        args.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
