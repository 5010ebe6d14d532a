"""StyleGAN, PGGAN and DCGAN: the fast blocks beside the plain network, in turns in one process, medians.

Usage: python -m benchmarks.families [--rounds 9] [--clock cpu] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.bench.rates import signal_to_noise_db
from engine.generator.backends.native import native
from engine.generator.backends.native.native_staged import NativeStagedBlocks
from engine.generator.backends.prepare import bare
from engine.generator.backends.processor import has_fast_bf16
from engine.generator.backends.staged import StagedBlocks
from engine.generator.networks.dcgan import DCGAN
from engine.generator.networks.dcgan import Settings as DCGANSettings
from engine.generator.networks.pggan import PGGAN
from engine.generator.networks.pggan import Settings as PGGANSettings
from engine.generator.networks.staged import Staged
from engine.generator.networks.stylegan import Settings as StyleGANSettings
from engine.generator.networks.stylegan import StyleGAN
from tests.builders.families import dcgan_layers

WIDTHS = (512, 512, 512, 512, 256, 128, 64)  # from 4 to 256 px, as the papers have them


def networks() -> Iterator[tuple[str, Staged]]:
    """Yield each family at its usual size: its name, and a random network."""
    count = len(WIDTHS)
    yield (
        "StyleGAN 256",
        StyleGAN(
            StyleGANSettings(
                z_dim=512,
                w_dim=512,
                channels=WIDTHS,
                mapping_features=(512,) * 8,
                fused=tuple(4 << level >= 128 for level in range(count)),
                painted=(True,) * count,
            )
        ),
    )
    yield "PGGAN 256", PGGAN(PGGANSettings(z_dim=512, channels=WIDTHS, fused=(False,) * count))
    yield "DCGAN 64", DCGAN(DCGANSettings(layers=dcgan_layers((100, 512, 256, 128, 64, 3))))


@torch.no_grad()
def filled(network: Staged) -> Staged:
    """Return the network with random weights that keep its maps near 1."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        tensor.copy_(torch.randn(tensor.shape, generator=generator) * (0.1 if tensor.ndim < 2 else 1.0))
        if tensor.ndim > 1 and "noise" not in name and "w_avg" not in name:
            fan_in = tensor.shape[0] * 4 if isinstance(network, DCGAN) else tensor[0].numel()
            tensor.mul_((2.0 / fan_in) ** 0.5)
        if name.endswith(("variance", "scale")):
            tensor.fill_(1.0)
    return network.eval().requires_grad_(False)


def painted(blocks: StagedBlocks, ws: Tensor) -> Tensor:
    """Return the picture of ws [num_ws, w_dim], block by block."""
    given, x, img = blocks.given(ws), None, None
    levels = len(blocks.network.resolutions)
    for level in range(levels):
        x, img = blocks.run(level, x, img, given)
    assert x is not None
    return blocks.picture(levels - 1, x, img)


def main() -> None:
    """Measure and print."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=9)
    p.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: processor time, one thread, crowds")
    p.add_argument("--json", type=Path)
    a = p.parse_args()
    now = time.process_time if a.clock == "cpu" else time.perf_counter
    rows = []
    for name, random in networks():
        network = filled(random)
        with torch.inference_mode():
            ws = network.map(torch.randn(1, network.z_dim, generator=torch.Generator().manual_seed(1)))
            precisions = ("fp32", *(("bf16",) if has_fast_bf16() else ()))
            fast: dict[str, StagedBlocks] = {precision: StagedBlocks(network, precision) for precision in precisions}
            if native.refusal(bare(network), "fp32") is None:
                fast |= {f"native {p}": NativeStagedBlocks(bare(network), p) for p in precisions}
            seconds: dict[str, list[float]] = {key: [] for key in ("plain", *fast)}
            for _ in range(a.rounds + 1):
                for key, measured in seconds.items():
                    start = now()
                    network.textbook(ws) if key == "plain" else painted(fast[key], ws[0])
                    measured.append(now() - start)
            wanted = network.textbook(ws)
            row: dict[str, object] = {"model": name, "plain_ms": round(float(np.median(seconds["plain"][1:])) * 1e3, 1)}
            for key, blocks in fast.items():
                ratios = np.array(seconds["plain"][1:]) / np.array(seconds[key][1:])
                row[key] = {
                    "ms": round(float(np.median(seconds[key][1:])) * 1e3, 1),
                    "ratio": round(float(np.median(ratios)), 2),
                    "snr_db": round(signal_to_noise_db(wanted, painted(blocks, ws[0])), 1),
                }
        rows.append(row)
        print(row, flush=True)
    if a.json is not None:
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        found = {
            "clock": a.clock,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "load": load,
            "rows": rows,
        }
        a.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
