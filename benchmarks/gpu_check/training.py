"""Training on a GPU: its pace, its losses, and what bf16 does to augmentation."""

from __future__ import annotations

import time

import torch

from benchmarks.gpu_check.device import DEVICE, DRY, middle, peak_mb
from benchmarks.gpu_check.report import Report
from engine.generator.networks.stylegan2 import Config, StyleGAN2
from tools.train import discriminator
from tools.train.augment import augment
from tools.train.losses import Recipe
from tools.train.training import Training

SIZE = 16 if DRY else 256
WIDEST = 8 if DRY else 512
FEATURES = 16 if DRY else 512  # of the mapping network
BATCH = 4 if DRY else 32
VARIANTS = ("as it is", "channels last", "channels last, cudnn.benchmark")
STEPS = 17  # every fourth has path-length regularisation, the first and the seventeenth R1
SETTLED = (5, 6, 7, 9, 10, 11, 13, 14, 15)  # the steps that have neither


def training(report: Report) -> None:
    """Steps at 256 px, batch 32: as the engine does them, with the channels last, and with cuDNN's search."""
    report.tell(**augmentation())
    sizes = tuple(2**k for k in range(2, SIZE.bit_length()))
    config = Config(
        img_resolution=SIZE,
        w_dim=FEATURES,
        mapping_features=(FEATURES,) * 8,
        channels=tuple(min(16384 // r, WIDEST) for r in sizes),
    )
    real = torch.rand(BATCH, 3, SIZE, SIZE) * 2 - 1
    for name in VARIANTS[-1:] if DRY else VARIANTS:
        torch.backends.cudnn.benchmark = "benchmark" in name
        recipe = Recipe(batch=BATCH, augment="0.5", r1=0.4)
        critic = discriminator.make(config.channels, 3, 1)
        run = Training(
            StyleGAN2.random(config, 0), critic, recipe, device=DEVICE.type, precision="fp32" if DRY else "bf16"
        )
        if "last" in name:
            run.generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            run.critic.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        torch.cuda.reset_peak_memory_stats()
        report.tell(what=name, **steps(run, real), peak_memory_mb=peak_mb())
        del run


def steps(run: Training, real: torch.Tensor) -> dict[str, object]:
    """Return what steps take, of each kind, and the last losses; a loss that is not finite is an error."""
    took, told = [], dict[str, float]()
    for _ in range(STEPS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        told = run.step(real)
        torch.cuda.synchronize()
        took.append(time.perf_counter() - start)
    return {
        "plain_ms": round(1e3 * middle([took[index] for index in SETTLED]), 1),
        "with_path_ms": round(1e3 * took[12], 1),
        "with_r1_ms": round(1e3 * took[16], 1),
        "told": {name: round(value, 4) for name, value in told.items()},
    }


def augmentation() -> dict[str, object]:
    """Compare augmentation under bf16 autocast with the same in fp32."""
    images = torch.rand(8, 3, SIZE, SIZE, device=DEVICE) * 2 - 1

    def augmented() -> torch.Tensor:
        return augment(images, 0.8, torch.Generator().manual_seed(5), 8, slice(0, 8))

    exact = augmented()
    with torch.autocast(DEVICE.type, torch.bfloat16):
        low = augmented()
    ratio = exact.square().mean() / (exact - low.float()).square().mean().clamp_min(1e-20)
    return {"augmentation_bf16_to_fp32_db": round(float(10 * torch.log10(ratio)), 1), "dtype": str(low.dtype)}
