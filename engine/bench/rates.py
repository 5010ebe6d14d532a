"""What the bench measures about a generator: interleaved times, the machine's own rates, arithmetic, memory.

Machines drift and are shared, so nothing is timed alone: the generator and the textbook reference take turns,
and what counts is the median of each and the ratio.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from engine.generator.networks.stylegan2 import Config, StyleGAN2
from engine.generator.player import Player

SLOW_SECONDS = 0.5  # seconds of a matrix product; a precision that takes longer is measured on a small one
CONFIG_F = 32768  # channels times resolution, at most 512; half widths: 16384


def config_f(resolution: int, base: int = CONFIG_F) -> Config:
    """Return the shape of a config-F network of that size, or of one half as wide."""
    channels = tuple(min(base >> k, 512) for k in range(2, resolution.bit_length()))
    return Config(img_resolution=resolution, channels=channels)


def synchronize(device: torch.device) -> None:
    """Wait for the GPU, where there is one."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


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
            rate = _matmul_gflops(size // 4, dtype, device, clock)
            if 2 * size**3 / 1e9 / rate < SLOW_SECONDS:
                rate = _matmul_gflops(size, dtype, device, clock)
            rates[f"matmul_{name}_gflops"] = round(rate, 1)
        a = torch.empty(2**28 if device.type == "cuda" else 2**26, dtype=torch.uint8, device=device)
        b = torch.empty_like(a)
        best = min(interleave({"copy": lambda: b.copy_(a)}, 5, device, clock)["copy"])
        rates["copy_gb_s"] = round(2 * a.numel() / best / 1e9, 1)
    return rates


def _matmul_gflops(size: int, dtype: torch.dtype, device: torch.device, clock: Callable[[], float] | None) -> float:
    a = torch.randn(size, size, device=device).to(dtype)
    return 2 * size**3 / min(interleave({"mm": lambda: a @ a}, 5, device, clock)["mm"]) / 1e9


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
def quality_db(player: Player) -> float:
    """Return the signal-to-noise ratio of a player's picture against the readable network's in fp32."""
    draw = np.random.default_rng(0).standard_normal((1, player.z_dim)).astype(np.float32)
    ws = torch.from_numpy(player.map(draw)).to(player.device)
    stop = None if player.resolution == player.model_resolution else player.resolution
    return round(signal_to_noise_db(player.network.synthesize(ws, stop_at=stop), player.image(ws)), 1)


@torch.inference_mode()
def block_ms(player: Player, rounds: int = 3) -> dict[str, float]:
    """Return the milliseconds of every block, the styles' ("styles") included: medians of whole frames.

    Empty for a player that does not make its frames block by block.
    """
    blocks, device = player.blocks, player.device
    if blocks is None:
        return {}
    draw = np.random.default_rng(0).standard_normal((rounds, player.z_dim)).astype(np.float32)
    path = torch.from_numpy(player.map(draw)).to(device)
    names = [str(r) for r in player.network.resolutions if r <= player.resolution]
    seconds: dict[str, list[float]] = {name: [] for name in ("styles", *names)}
    for ws in path:
        start = _now(device)
        given = blocks.given(ws)
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


def lively(config: Config) -> StyleGAN2:
    """Return a random network whose noise is heard and whose colours fill the range, as after training."""
    network = StyleGAN2.random(config).eval().requires_grad_(False)
    for name, parameter in network.named_parameters():
        if name.endswith("noise_strength"):
            parameter.fill_(0.1)
        elif name.endswith("torgb.weight"):
            parameter.mul_(0.5)
    return network


def processor() -> str:
    """Return this machine's CPU by name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
