"""``vj bench --sweep``: the loop with model after model, at every size, on every backend, in every precision.

A model is a shipped name, a checkpoint, or a random network of the published shapes: ``config-f-1024`` (the widths
of StyleGAN2's config F, 32768 channels over the resolution, at most 512) and ``half-1024`` (half as wide).
"""

from __future__ import annotations

import gc
import importlib.util
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.bench.memory import forget_peak
from engine.bench.opening import BenchOptions
from engine.bench.run import perform_once, write_json
from engine.bench.sweep_plot import draw
from engine.borders.errors import UserError, out_of_memory
from engine.show.opening import find_model, find_preset
from engine.show.table import table_of

MODELS = ("config-f-256", "config-f-512", "config-f-1024")  # beside the preset's own
SHAPE = re.compile(r"(config-f|half)-(\d+)")
FRAMES = 12


@dataclass(frozen=True, slots=True)
class Wanted:
    """The axes of a sweep; an empty one stands for everything that makes sense on this machine."""

    models: tuple[str, ...] = ()
    resolutions: tuple[int, ...] = ()
    backends: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()


def run(options: BenchOptions, wanted: Wanted, json_file: Path | None, plot: Path | None) -> int:
    """Measure case after case, printing a line each; write the JSON (after every case) and the plot."""
    options = replace(options, frames=options.frames or FRAMES, seconds=None)
    result: dict[str, Any] = {"command": " ".join(["vj", *sys.argv[1:]]), "rows": []}
    for row in rows(options, wanted):
        result["rows"].append(row)
        print(line(row), flush=True)
        if json_file is not None:
            write_json(result, json_file)
    measured = [row for row in result["rows"] if "error" not in row]
    if plot is not None and measured:
        draw(measured).save(plot)
    return 0


def rows(options: BenchOptions, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Yield the figures of every case; one that cannot be is a row with ``error``."""
    import torch

    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    backends = wanted.backends or available(device)
    precisions = wanted.precisions or (("fp16", "fp32") if device == "cuda" else ("bf16", "fp32"))
    for name in wanted.models or (options.model or find_preset(options, table_of(options.shaders)).model, *MODELS):
        network = open_network(name).eval().requires_grad_(False).to(device)
        full = network.config.img_resolution
        for size in wanted.resolutions or (full, full // 2, full // 4):
            if size > full:
                continue
            for backend in backends:
                for precision in precisions:
                    case = {"model": name, "render_resolution": size, "backend": backend, "precision": precision}
                    yield measure(options, network, device, case)
                    gc.collect()


def available(device: str) -> tuple[str, ...]:
    """Return the backends worth a look on this machine."""
    from engine.generator.backends.native import native_build

    if device == "cuda":
        return ("graph", "eager", *(("tensorrt",) if importlib.util.find_spec("tensorrt") else ()))
    found = ["native"] if native_build.compiler() else []
    return (*found, *(("openvino",) if importlib.util.find_spec("openvino") else ()), "eager")


def open_network(name: str) -> Any:
    """Return the network called ``name``: a random one of a published shape, or a checkpoint's."""
    from engine.bench.rates import CONFIG_F, config_f, lively
    from engine.generator.checkpoints import checkpoint

    if shape := SHAPE.fullmatch(name):
        size = int(shape[2])
        if size < 8 or size > 2048 or size & (size - 1):
            raise UserError(f"--models {name}: a size is a power of two from 8 to 2048")
        return lively(config_f(size, CONFIG_F if shape[1] == "config-f" else CONFIG_F // 2))
    return checkpoint.build(checkpoint.load(find_model(name)))


def measure(options: BenchOptions, network: Any, device: str, case: dict[str, Any]) -> dict[str, Any]:
    """Return one row: the bench's figures, and the generator's own of start, blocks and quality."""
    from engine.bench.rates import block_ms, quality_db
    from engine.generator.backends.select import open_generator

    import torch  # isort: skip

    forget_peak(torch.device(device))
    began = time.perf_counter()
    try:
        generator = open_generator(
            network, device=device, backend=case["backend"], precision=case["precision"],
            resolution=case["render_resolution"],
        )
        generator.map(generator.w_avg[None, : generator.z_dim] * 0.0)
        first = time.perf_counter()
        generator.settle()
        told = {"startup_s": round(time.perf_counter() - began, 3), "first_frame_s": 0.0}
        if (generator.backend, generator.precision) != (case["backend"], case["precision"]):
            return case | {"error": f"plays with {generator.backend}, {generator.precision}: {generator.take_notes()}"}
        block_ms(generator, 1)  # the first frame; allocates
        told["first_frame_s"] = round(time.perf_counter() - first + told["startup_s"], 3)
        figures = perform_once(options, generator)
        extra = {"blocks_ms": block_ms(generator, 3), "snr_db": quality_db(generator)}
        return figures | told | extra | {"model": case["model"]}
    except UserError as error:
        return case | {"error": str(error)}
    except (MemoryError, RuntimeError, OSError) as error:
        if not out_of_memory(error):
            raise
        return case | {"error": "out of memory"}


def line(row: dict[str, Any]) -> str:
    """Return one line of the sweep's table."""
    what = f"{row['model']:>14} at {row['render_resolution']:>4} px {row['backend']:>9} {row['precision']}"
    if "error" in row:
        return f"{what}: {row['error']}"
    plain, frame = row["reference"], row["frame_ms"]
    same = plain.get("same_resolution") or plain
    ratio = "" if plain["ratio"] is None else f", x{same['ratio']:.2f} the plain one"
    return (
        f"{what}: {1e3 / row['stages_ms']['generator']:7.2f} fps alone, {row['fps']['median']:6.2f} in the loop (p95 "
        f"{frame['p95']:.0f} ms, p99 {frame['p99']:.0f}){ratio}, {row['gflops']:.0f} GFLOP/s "
        f"({row['share_of_matmul']:.0%}), {row['snr_db']:.0f} dB, {row['peak_memory_mb']:.0f} MB"
    )


def parse(models: str | None, resolutions: str | None, backends: str | None, precisions: str | None) -> Wanted:
    """Read the axes of a sweep, words between commas; UserError for a size that is none."""

    def words(text: str | None) -> Sequence[str]:
        return [word.strip() for word in (text or "").split(",") if word.strip()]

    sizes = words(resolutions)
    if bad := [word for word in sizes if not word.isdecimal()]:
        raise UserError(f"--resolutions {bad[0]}: sizes are numbers of pixels such as 256,512")
    return Wanted(tuple(words(models)), tuple(map(int, sizes)), tuple(words(backends)), tuple(words(precisions)))
