"""How fast frames are: where their time goes, against the plain reference, at other sizes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from itertools import cycle

import numpy as np
import torch
import torch._dynamo.utils
import torch.nn.functional as F
from numpy.typing import NDArray
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu_check.device import (
    DEVICE,
    DRY,
    HALF,
    event,
    few,
    forget_peak,
    middle,
    peak_mb,
    record,
    reserved_mb,
    small,
)
from benchmarks.gpu_check.players import Path, frame_ms, open_player, paint, path_of
from benchmarks.gpu_check.report import Report
from engine.bench.rates import interleave, machine_rates, percentiles, signal_to_noise_db
from engine.generator.backends.cuda_graphs import GraphPlayer
from engine.generator.backends.prepare import prepare
from engine.generator.calibration.calibration import Calibration
from engine.generator.networks.modulated_cost import flops
from engine.generator.networks.modulated_textbook import reference_frame
from engine.generator.networks.stylegan2 import StyleGAN2

SHOWN = 22  # kernels that are named, those that take most of the time
PROFILED = 5  # frames
ROUNDS = 20  # of ours and the references, in turn


def speed(report: Report) -> None:
    """At 1024 px, with plain operators and as a show opens it, with our own kernels; then what takes the time."""
    for name, fused in (("plain operators", False), ("as a show opens it", True)):
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
        forget_peak()
        before = reserved_mb()
        opened = open_player(1024, fused=fused, recompile=None)
        path = path_of(opened.player)
        start = time.perf_counter()
        paint(opened.player, path[0])
        torch.cuda.synchronize()
        first = time.perf_counter() - start
        counters = torch._dynamo.utils.counters
        report.tell(
            what=name,
            size=1024,
            open_s=opened.seconds,
            kernels=getattr(opened.player.blocks, "kernels", ""),
            first_frame_s=round(first, 3),
            notes=[note[:200] for note in opened.player.take_notes()],
            graphs=counters["stats"].get("unique_graphs"),
            limit_hit=[str(key)[:60] for key in counters["unimplemented"]],
            reserved_mb=reserved_mb() - before,
            peak_memory_mb=peak_mb(),
            **frame_ms(opened.player, path),
        )
        report.tell(what=f"kernels, {name}", **kernels(opened.player, path))


def kernels(player: GraphPlayer, path: Path) -> dict[str, object]:
    """Return the microseconds a frame spends on the GPU, the launches, and the dearest kernels."""
    with profile(activities=[ProfilerActivity.CPU if DRY else ProfilerActivity.CUDA]) as seen:
        for index in range(PROFILED):
            paint(player, path[index % len(path)])
        torch.cuda.synchronize()
    rows = [(one.self_device_time_total / PROFILED, one.count // PROFILED, one.key[:90]) for one in seen.key_averages()]
    rows.sort(reverse=True)
    return {
        "us_per_frame": round(sum(row[0] for row in rows)),
        "launches": sum(row[1] for row in rows),
        "top": [(round(us, 1), count, key) for us, count, key in rows[:SHOWN]],
    }


def reference(report: Report) -> None:
    """Time ours and the plain references in turn, with TF32 and without."""
    report.tell(rates={} if DRY else machine_rates(DEVICE))
    for size in (1024, 256):
        opened = open_player(size)
        player, network = opened.player, opened.network
        path = path_of(player)
        ws = torch.from_numpy(path[:1]).to(DEVICE)
        half = StyleGAN2(network.config).to(DEVICE).eval().requires_grad_(False)
        half.load_state_dict(network.state_dict())
        half.synthesis.to(HALF)
        low, points = ws.to(HALF), cycle(path)
        for tf32 in (False, True):
            torch.backends.cudnn.allow_tf32 = tf32
            seconds = interleave(
                {
                    "ours": partial(paint_next, player, points),
                    "fp32": partial(reference_frame, network, ws),
                    "fp16": partial(reference_frame, half, low),
                },
                few(ROUNDS),
                DEVICE,
            )
            ours = middle(seconds["ours"])
            report.tell(
                size=size,
                tf32=tf32,
                frame_ms=percentiles(seconds["ours"]),
                frame_p50_ms=percentiles(seconds["ours"])["p50"],
                reference_ms={name: round(1e3 * middle(seconds[name]), 3) for name in ("fp32", "fp16")},
                ratio_to_fp32_reference=round(middle(seconds["fp32"]) / ours, 2),
                ratio_to_fp16_reference=round(middle(seconds["fp16"]) / ours, 2),
                tflops=round(flops(network.config) / ours / 1e12, 1),
            )
        torch.backends.cudnn.allow_tf32 = True


def paint_next(player: GraphPlayer, points: Iterator[NDArray[np.float32]]) -> None:
    """Paint the next of ``points``."""
    paint(player, next(points))


def sizes(report: Report) -> None:
    """Other sizes, reduced ones with the calibration inside the graph; and the FIR without fused kernels."""
    for size, resolution in ((512, None), (1024, 256), (1024, 512)):
        opened = open_player(size, resolution)
        player = opened.player
        if resolution is not None:
            player.calibrate(Calibration(prepare(opened.network)))
        path = path_of(player)
        figures = frame_ms(player, path, 60)
        if resolution is None:
            with torch.inference_mode():
                ws = torch.from_numpy(path[:1]).to(DEVICE)
                figures["snr_db"] = round(signal_to_noise_db(opened.network.synthesis(ws), player.image(ws)), 1)
        start = time.perf_counter()
        player.prepare_sizes(player.sizes[-3:])
        torch.cuda.synchronize()
        report.tell(
            size=size,
            resolution=resolution,
            open_s=opened.seconds,
            notes=player.take_notes(),
            prepare_sizes_s=round(time.perf_counter() - start, 3),
            reserved_mb=reserved_mb(),
            **figures,
        )
    for figures_of_one in filters():
        report.tell(**figures_of_one)


def filters() -> Iterator[dict[str, object]]:
    """Time the 4x4 FIR as a grouped convolution, in both layouts: what a machine without triton does."""
    torch.backends.cudnn.benchmark = True
    for channels, side in ((32, 1025), (128, 257), (512, 65)):
        side = small(side)
        weight = torch.rand(channels, 1, 4, 4, device=DEVICE, dtype=HALF)
        for layout in (torch.channels_last, torch.contiguous_format):
            x = torch.rand(1, channels, side, side, device=DEVICE, dtype=HALF)
            x = x.contiguous(memory_format=layout)
            ms = []
            for _ in range(few(12)):
                before, after = event(), event()
                record(before)
                F.conv2d(x, weight, padding=1, groups=channels)
                record(after)
                torch.cuda.synchronize()
                ms.append(before.elapsed_time(after))
            yield {"fir": (channels, side), "layout": str(layout), "ms": round(middle(ms[len(ms) // 4 :]), 4)}
