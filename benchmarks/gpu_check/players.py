"""The generators that are checked: random networks of config-F's shape, opened as a show opens them."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.gpu_check.device import DEVICE, DRY, HALF, event, few, middle, record, sleep, small
from engine.bench.rates import CONFIG_F, config_f, lively
from engine.borders.params import Params
from engine.borders.tick import Tick
from engine.generator.backends import cuda_graphs
from engine.generator.backends.cuda_graphs import GraphPlayer
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.prepare import prepare
from engine.generator.backends.select import open_generator
from engine.generator.networks.stylegan2 import StyleGAN2
from engine.generator.player import Player
from engine.show.table import standard

PLAIN = Params({}, standard())
RECOMPILE = 256  # shapes that torch.compile may have of one function; its own limit of 8 leaves the largest unfused
LAUNCH = (
    0.001 if DRY else 0.009
)  # seconds; the GPU sleeps while a frame is launched, so that launching is not in the frame's own time
CHANNELS = 256 if DRY else CONFIG_F  # of a network, over the resolution
WARM_UP = few(5)  # frames that are not counted

Path = NDArray[np.float32]  # ws [n, num_ws, w_dim]


@dataclass(frozen=True, slots=True)
class Opened:
    """A network, the generator that plays it, and how long that took to open."""

    network: StyleGAN2
    player: GraphPlayer
    seconds: float


def random_network(size: int) -> StyleGAN2:
    """Return a network of config-F's shape; in a dry run a small one."""
    return lively(config_f(small(size), CHANNELS)).to(DEVICE)


def open_player(
    size: int, resolution: int | None = None, *, fused: bool = True, recompile: int | None = RECOMPILE
) -> Opened:
    """Open a model of ``size`` pixels. ``recompile`` None leaves torch.compile's limit as the engine sets it."""
    if recompile is not None:
        torch._dynamo.config.recompile_limit = recompile
    network, reduced = random_network(size), None if resolution is None else small(resolution)
    player: Player
    start = time.perf_counter()
    if not fused:
        torch.backends.cudnn.benchmark = True
        blocks = EagerBlocks(prepare(network, normalize=not DRY), HALF)
        player = GraphPlayer(network.eval().requires_grad_(False), blocks, reduced)
    elif DRY:
        player = cuda_graphs.open_player(network.eval().requires_grad_(False), "fp32", reduced)
    else:
        player = open_generator(network, device="cuda", resolution=reduced)
    assert isinstance(player, GraphPlayer)
    torch.cuda.synchronize()
    return Opened(network, player, round(time.perf_counter() - start, 2))


def path_of(player: GraphPlayer, points: int = 64) -> Path:
    """Return ws that are different from frame to frame."""
    return player.map(np.random.default_rng(0).standard_normal((few(points), player.z_dim)).astype(np.float32))


def paint(player: GraphPlayer, ws: NDArray[np.float32], params: Params = PLAIN, index: int = 0) -> Tensor:
    """Return frame ``index`` of a show at 60 frames a second."""
    return player(ws, params, Tick(index, index / 60, 1 / 60))


def frame_ms(player: GraphPlayer, path: Path, count: int = 100, params: Params = PLAIN) -> dict[str, float]:
    """Return what a frame takes on the GPU, by events, and what launching it takes on the host: medians."""
    gpu, host = [], []
    for index in range(few(count) + WARM_UP):
        before, after = event(), event()
        torch.cuda.synchronize()
        sleep(LAUNCH)
        start = record(before)
        paint(player, path[index % len(path)], params, index)
        host.append(time.perf_counter() - start)
        record(after)
        torch.cuda.synchronize()
        gpu.append(before.elapsed_time(after))
    return {"gpu_ms": round(middle(gpu[WARM_UP:]), 4), "host_ms": round(1e3 * middle(host[WARM_UP:]), 4)}
