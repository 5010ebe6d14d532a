"""Projections measured: PSNR after a time, on the model's own pictures and on renders, and StyleGAN2's recipe beside.

    python -m benchmarks.inversion --out F.json --own 5 --renders 5 --answers 32 --against 1 --large 1024 --threads 2

Seconds are of the processor, over all threads: a busy machine measures the same as a free one. Targets are seeds that
no encoder has learnt from. `--answers` measures the encoder alone on so many of the model's own pictures and renders.
`--against` runs the recipe `stylegan2` with the same perceptual network for 1,000 steps, and says after which share of
its time our recipe has its error (of uint8 pictures). `--large` does the same on a config-F network of random weights
for 100 steps: at 1024 px half an hour of a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.bench.rates import config_f, lively
from engine.generator.backends.prepare import prepare
from engine.generator.calibration import files as calibrations
from engine.generator.checkpoints import checkpoint
from engine.generator.inversion import pictures
from engine.generator.inversion.answers import answers
from engine.generator.inversion.encoders import files, own
from engine.generator.inversion.projection import Projection, Seen, project
from engine.generator.networks.network import Network
from engine.generator.perceptual import recognised
from engine.generator.perceptual.distance import Perceptual
from engine.generator.points import seeds_to_z
from engine.show.opening import find_model

ADA_STEPS = 1000


class Bench:
    """The fruit, opened as `vj project` opens it."""

    def __init__(self) -> None:
        self.path = find_model("fruit")
        found = checkpoint.load(self.path)
        self.network = checkpoint.build(found)
        self.calibration = calibrations.find(self.path, found.sha256, prepare(self.network), print)
        beside = own.beside(self.path)
        self.encoder = files.load(beside, self.network, found.sha256) if beside.is_file() else None
        self.sees = recognised.shipped()

    def start(self, target: Tensor) -> Tensor | None:
        """Return the encoder's answer to a picture of the model's size."""
        if self.encoder is None:
            return None
        side = self.encoder.encoder.shape[0]
        return answers(self.encoder, torch.nn.functional.interpolate(target, size=(side, side), mode="area"))[-1]

    def run(self, target: Tensor, seconds: float, **more: Any) -> tuple[Projection, list[tuple[float, float]]]:
        """Project by our recipe; return the projection, and [CPU seconds, mse] whenever it was looked at."""
        return run(self.network, target, seconds, perceptual=self.sees, calibration=self.calibration, **more)

    @torch.no_grad()
    def distance(self, ws: np.ndarray, target: Tensor) -> float:
        """Return the perceptual distance of a point's picture."""
        return float(self.sees.distance(self.network.synthesize(torch.from_numpy(ws)[None]), target))


def run(network: Network, target: Tensor, seconds: float, **more: Any) -> tuple[Projection, list[tuple[float, float]]]:
    """Project by our recipe within ``seconds`` of the processor; see `Bench.run`."""
    curve, last, began = list[tuple[float, float]](), [float("nan")], time.process_time()

    def watch(seen: Seen) -> None:
        if seen.mse != last[0]:
            last[0] = seen.mse
            curve.append((time.process_time() - began, seen.mse))

    found = project(network, target, processor_seconds=seconds, watch=watch, **more)
    curve.append((time.process_time() - began, found.mse))
    return found, curve


def mse_of(image: Tensor, target: Tensor) -> float:
    """Return the error of uint8 pictures."""
    return pictures.mean_square(pictures.to_bytes(image), pictures.to_bytes(target))


@torch.no_grad()
def own_targets(bench: Bench, count: int) -> list[tuple[str, Tensor, float | None]]:
    """Return pictures of the model itself, psi 1."""
    net = bench.network
    seeds = range(20_000, 20_000 + count)
    return [(f"seed {s}", net.synthesize(net.map(torch.from_numpy(seeds_to_z([s], net.z_dim)))), None) for s in seeds]


@torch.no_grad()
def render_targets(bench: Bench, count: int) -> list[tuple[str, Tensor, float | None]]:
    """Return renders that no training saw, and the PSNR of the model's picture of the renderer's own parameters."""
    from tools.fruit.pairs import matrix, w_of
    from tools.fruit.render import Studio, sample

    theta, net = sample(np.random.default_rng(987_654), count), bench.network
    seen = Studio(net.resolution).render(theta)
    ws, found = w_of(theta, matrix()), list[tuple[str, Tensor, float | None]]()
    for i in range(count):
        target = torch.from_numpy(seen[i].transpose(2, 0, 1)[None].copy()).float() / 255.0 * 2.0 - 1.0
        known = net.synthesize(ws[i].expand(1, net.num_ws, -1))
        found.append((f"render {i}", target, pictures.psnr(mse_of(known, target))))
    return found


def measure(bench: Bench, targets: list[tuple[str, Tensor, float | None]], seconds: float) -> dict[str, Any]:
    """Return the PSNR of every target after a time, and of the encoder's answer alone."""
    rows: list[dict[str, Any]] = []
    for name, target, known in targets:
        start = bench.start(target)
        found, curve = bench.run(target, seconds, start=start, steps=500)
        row = {"target": name, "psnr": round(found.psnr, 2), "steps": found.steps, "cpu_s": round(curve[-1][0], 1)}
        if start is not None:
            with torch.no_grad():
                image = bench.network.synthesize(start)
            row["encoder_psnr"] = round(pictures.psnr(mse_of(image, target)), 2)
        if known is not None:
            row["own_parameters_psnr"] = round(known, 2)
        rows.append(row)
        print(row, flush=True)
    return {
        "limit_cpu_s": seconds,
        "median_psnr": statistics.median(row["psnr"] for row in rows) if rows else None,
        "median_encoder_psnr": statistics.median(r["encoder_psnr"] for r in rows if "encoder_psnr" in r)
        if any("encoder_psnr" in r for r in rows)
        else None,
        "targets": rows,
    }


@torch.no_grad()
def answered(bench: Bench, targets: list[tuple[str, Tensor, float | None]]) -> dict[str, Any]:
    """Return the PSNR of the encoder's own answers."""
    seen = []
    for _, target, _ in targets:
        start = bench.start(target)
        assert start is not None
        seen.append(pictures.psnr(mse_of(bench.network.synthesize(start), target)))
    known = [each for _, _, each in targets if each is not None]
    return {
        "targets": len(seen),
        "median_psnr": round(statistics.median(seen), 2),
        "least_psnr": round(min(seen), 2),
        "median_own_parameters_psnr": round(statistics.median(known), 2) if known else None,
    }


def race(
    network: Network, target: Tensor, sees: Perceptual, steps: int, share: float = 1.0, **ours: Any
) -> dict[str, Any]:
    """Return after which share of the time of `stylegan2` our recipe has its error; ours gets ``share`` of it."""
    began = time.process_time()
    theirs = project(network, target, recipe="stylegan2", steps=steps, perceptual=sees)
    whole = time.process_time() - began
    found, curve = run(network, target, whole * share, perceptual=sees, steps=5000, **ours)
    reached = next((seconds for seconds, mse in curve if mse <= theirs.mse), None)
    return {
        "stylegan2_psnr": round(theirs.psnr, 2),
        "stylegan2_steps": steps,
        "stylegan2_cpu_s": round(whole, 1),
        "ours_reaches_it_cpu_s": None if reached is None else round(reached, 1),
        "share": None if reached is None else round(reached / whole, 4),
        "ours_psnr_at_end": round(found.psnr, 2),
        "ours_cpu_s": round(curve[-1][0], 1),
    }


def large(resolution: int, steps: int, sees: Perceptual) -> dict[str, Any]:
    """Race on a network of config F's shape with random weights, for one of its own pictures."""
    network = lively(config_f(resolution)).eval().requires_grad_(False)
    with torch.no_grad():
        target = network.synthesize(network.map(torch.from_numpy(seeds_to_z([20_000], network.z_dim))))
    return {"model": f"config F, {resolution} px, random weights", **race(network, target, sees, steps, 0.4)}


def against(bench: Bench, targets: list[tuple[str, Tensor, float | None]]) -> list[dict[str, Any]]:
    """Return for every target the errors and times of both recipes."""
    rows = []
    for name, target, _ in targets:
        start, calibration = bench.start(target), bench.calibration
        row = {
            "target": name,
            **race(bench.network, target, bench.sees, ADA_STEPS, 0.4, start=start, calibration=calibration),
        }
        rows.append(row)
        print(row, flush=True)
    return rows


@torch.no_grad()
def timed(call: Callable[[], object], times: int = 5) -> float:
    """Return the CPU milliseconds of a call."""
    call()
    began = time.process_time()
    for _ in range(times):
        call()
    return 1e3 * (time.process_time() - began) / times


def main() -> None:
    """Measure and write; see the module."""
    parser = argparse.ArgumentParser(prog="benchmarks.inversion", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--own", type=int, default=5)
    parser.add_argument("--renders", type=int, default=3)
    parser.add_argument("--against", type=int, default=1)
    parser.add_argument("--own-seconds", type=float, default=60.0, help="of the processor")
    parser.add_argument("--render-seconds", type=float, default=90.0)
    parser.add_argument("--answers", type=int, default=0, help="pictures of each kind for the encoder alone")
    parser.add_argument("--large", type=int, default=0, metavar="PX", help="race on config F of that size")
    parser.add_argument("--large-steps", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    bench = Bench()
    own_ones = own_targets(bench, max(a.own, a.against))
    result: dict[str, Any] = {"model": "fruit", "threads": a.threads, "perceptual": bench.sees.name}
    if bench.encoder is not None:
        encoder, x = bench.encoder, torch.zeros(1, 3, *bench.encoder.encoder.shape)
        ws = answers(encoder, x)[0]
        result["encoder_cpu_ms"] = round(timed(lambda: answers(encoder, x)), 2)
        result["frame_cpu_ms"] = round(timed(lambda: bench.network.synthesize(ws)), 2)
    if a.answers and bench.encoder is not None:
        result["answers_own"] = answered(bench, own_targets(bench, a.answers))
        result["answers_renders"] = answered(bench, render_targets(bench, a.answers))
        print(result["answers_own"], result["answers_renders"], flush=True)
    if a.own:
        result["own"] = measure(bench, own_ones[: a.own], a.own_seconds)
    if a.renders:
        result["renders"] = measure(bench, render_targets(bench, a.renders), a.render_seconds)
    if a.against:
        result["against_stylegan2"] = against(bench, own_ones[: a.against])
    if a.large:
        result["large"] = large(a.large, a.large_steps, bench.sees)
        print(result["large"], flush=True)
    a.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
