"""TensorRT's engines, where it is installed."""

from __future__ import annotations

import importlib.util
import time
from itertools import cycle

import torch

from benchmarks.gpu_check.device import DEVICE, few
from benchmarks.gpu_check.players import paint, path_of, random_network
from benchmarks.gpu_check.report import Report
from engine.bench.rates import interleave, percentiles, signal_to_noise_db
from engine.generator.backends.cuda_graphs import GraphPlayer
from engine.generator.backends.select import open_generator

PACKAGES = ("tensorrt", "tensorrt_rtx")
SIZE = 512


def tensorrt(report: Report) -> None:
    """Build the engines, which may take minutes, and compare them with the network in quality and pace."""
    if not any(importlib.util.find_spec(name) for name in PACKAGES):
        return report.tell(skipped="TensorRT is not installed")
    network, start = random_network(SIZE), time.perf_counter()
    player = open_generator(network, device="cuda", backend="tensorrt")
    assert isinstance(player, GraphPlayer)
    player.settle()
    ready = time.perf_counter() - start
    path = path_of(player)
    ws, points = torch.from_numpy(path[:1]).to(DEVICE), cycle(path)
    with torch.inference_mode():
        quality = signal_to_noise_db(network.synthesis(ws), player.image(ws))
    seconds = interleave({"tensorrt": lambda: paint(player, next(points))}, few(30), DEVICE)["tensorrt"]
    return report.tell(
        size=SIZE,
        backend=player.backend,
        notes=player.take_notes(),
        ready_s=round(ready, 1),
        snr_db=round(quality, 1),
        frame_ms=percentiles(seconds),
    )
