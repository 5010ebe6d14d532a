"""``vj bench --sweep``: the loop with model after model, at every size, on every backend, in every precision.

A model is a shipped name, a checkpoint, or a random network of the published shapes: ``config-f-1024`` (the widths
of StyleGAN2's config F, 32768 channels over the resolution, at most 512) and ``half-1024`` (half as wide).
"""

from __future__ import annotations

import gc
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.bench.memory import forget_peak
from engine.bench.opening import BenchOptions
from engine.bench.run import perform_once, write_json
from engine.bench.sweep_plot import draw
from engine.borders.errors import UserError, out_of_memory
from engine.generator.backends.table import BACKENDS, DEVICE_PRECISIONS, OTHER_DEVICES
from engine.show.opening import find_model, find_preset
from engine.show.table import table_of

if TYPE_CHECKING:
    from engine.generator.networks.network import Network

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
    """Yield the figures of every case; a case that fails is a row with ``error``."""
    from engine.generator.backends.devices import choose
    from engine.generator.backends.select import playable

    device = choose(options.device)
    for name in wanted.models or (options.model or find_preset(options, table_of(options.shaders)).model, *MODELS):
        network = open_network(name).eval().requires_grad_(False).to(device)
        full = network.resolution
        for size in wanted.resolutions or (full, full // 2, full // 4):
            if size > full:
                continue
            for backend in wanted.backends or playable(network):
                for precision in wanted.precisions or usual_precisions(backend, device):
                    case = {"model": name, "render_resolution": size, "backend": backend, "precision": precision}
                    yield measure(options, network, device, case)
                    gc.collect()


def usual_precisions(backend: str, device: str) -> tuple[str, ...]:
    """Return a backend's precisions on a device, best first; for an unknown backend, the device's precisions."""
    if backend not in BACKENDS:
        return DEVICE_PRECISIONS.get(device, OTHER_DEVICES)
    return BACKENDS[backend].precisions_on(device)


def open_network(name: str) -> Network:
    """Return the network called ``name``: a random one of a published shape, or a checkpoint's."""
    from engine.bench.rates import CONFIG_F, config_f, lively
    from engine.generator.checkpoints import checkpoint

    if shape := SHAPE.fullmatch(name):
        size = int(shape[2])
        if size < 8 or size > 2048 or size & (size - 1):
            raise UserError(f"--models {name}: a size is a power of two from 8 to 2048")
        return lively(config_f(size, CONFIG_F if shape[1] == "config-f" else CONFIG_F // 2))
    return checkpoint.build(checkpoint.load(find_model(name)))


def measure(options: BenchOptions, network: Network, device: str, case: dict[str, Any]) -> dict[str, Any]:
    """Return one row: the bench's figures, and the player's own of start, blocks and quality."""
    import torch

    from engine.bench.rates import block_ms, quality_db
    from engine.generator.backends.select import open_generator

    forget_peak(torch.device(device))
    began = time.perf_counter()
    try:
        player = open_generator(
            network,
            device=device,
            backend=case["backend"],
            precision=case["precision"],
            resolution=case["render_resolution"],
        )
        ws = player.map(player.w_avg[None, : player.z_dim] * 0.0)[0]
        first = time.perf_counter()
        player.settle()
        told = {"startup_s": round(time.perf_counter() - began, 3), "first_frame_s": 0.0}
        if (player.backend, player.precision) != (case["backend"], case["precision"]):
            notes = "; ".join(player.take_notes())
            return case | {"error": f"plays with {player.backend}, {player.precision}: {notes}"}
        player.image(torch.from_numpy(ws)[None].to(player.device))  # the first frame; allocates
        told["first_frame_s"] = round(time.perf_counter() - first + told["startup_s"], 3)
        figures = perform_once(options, player)
        extra = {"blocks_ms": block_ms(player, 3), "snr_db": quality_db(player)}
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
    rate = f", {row['gflops']:.0f} GFLOP/s ({row['share_of_matmul']:.0%})" if "gflops" in row else ""
    return (
        f"{what}: {1e3 / row['stages_ms']['generator']:7.2f} fps alone, {row['fps']['median']:6.2f} in the loop (p95 "
        f"{frame['p95']:.0f} ms, p99 {frame['p99']:.0f}){ratio}{rate}, {row['snr_db']:.0f} dB, "
        f"{row['peak_memory_mb']:.0f} MB"
    )


def parse(models: str | None, resolutions: str | None, backends: str | None, precisions: str | None) -> Wanted:
    """Read the axes of a sweep, words between commas; UserError for an invalid size."""

    def words(text: str | None) -> Sequence[str]:
        return [word.strip() for word in (text or "").split(",") if word.strip()]

    sizes = words(resolutions)
    if bad := [word for word in sizes if not word.isdecimal()]:
        raise UserError(f"--resolutions {bad[0]}: sizes are numbers of pixels such as 256,512")
    return Wanted(tuple(words(models)), tuple(map(int, sizes)), tuple(words(backends)), tuple(words(precisions)))
