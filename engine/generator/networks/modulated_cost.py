"""What a frame of modulated blocks costs: multiplications and bytes, counted from their shapes alone."""

from __future__ import annotations

import math

from engine.generator.networks.modulated import BlockSettings


def flops(config: BlockSettings, resolution: int | None = None) -> int:
    """Return the arithmetic of one frame, two operations per multiplication, counted as the textbook's convolutions.

    A transposed convolution counts its own multiplications at the low resolution, filters and styles not at all.
    """
    total = pixels = 0
    for level, (r, out) in enumerate(zip(config.resolutions, config.channels, strict=True)):
        pixels = math.prod(config.block_shape(level))
        fan_in = config.channels[max(level - 1, 0)]
        total += 2 * pixels * out * out * 9
        if level:
            total += 2 * (pixels // 4) * fan_in * out * 9
            total += 2 * (pixels // 4) * fan_in * out * (config.architecture == "resnet")
        if config.architecture == "skip" or level == len(config.channels) - 1:
            total += 2 * pixels * out * config.img_channels
        if r == resolution:
            break
    return total


def traffic(config: BlockSettings, resolution: int | None = None, itemsize: int = 2) -> int:
    """Return the bytes that one frame moves at least: every weight, and every layer's maps once in and once out.

    ``itemsize`` is that of maps and weights; the picture so far is fp32 and the finished one a byte a channel.
    """
    total = pixels = 0
    for level, (r, out) in enumerate(zip(config.resolutions, config.channels, strict=True)):
        pixels = math.prod(config.block_shape(level))
        fan_in = config.channels[max(level - 1, 0)]
        if level:
            total += itemsize * (pixels // 4 * fan_in + pixels * out + 9 * fan_in * out)
        total += itemsize * (2 * pixels * out + 9 * out * out)
        if config.architecture == "skip" or level == len(config.channels) - 1:
            total += itemsize * pixels * out + 4 * config.img_channels * pixels * 5 // 4
        if r == resolution:
            return total + 4 * pixels
    return total + 4 * pixels
