"""How much there is to do for one frame: multiplications and bytes, counted from a network's shape alone."""

from __future__ import annotations

from engine.generator.networks.stylegan2 import Config


def flops(config: Config, resolution: int | None = None) -> int:
    """Return the arithmetic of one frame, two operations per multiplication, counted as the textbook's convolutions.

    A transposed convolution counts its own multiplications at the low resolution, filters and styles not at all.
    """
    total, (height, width) = 0, config.const_shape
    for level, (r, out) in enumerate(zip(config.resolutions, config.channels, strict=True)):
        pixels = (height << level) * (width << level)
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


def traffic(config: Config, resolution: int | None = None, itemsize: int = 2) -> int:
    """Return the bytes that one frame moves at least: every weight, and every layer's maps once in and once out.

    ``itemsize`` is that of maps and weights; the picture so far is fp32 and the finished one a byte a channel.
    """
    total, (height, width) = 0, config.const_shape
    for level, (r, out) in enumerate(zip(config.resolutions, config.channels, strict=True)):
        pixels = (height << level) * (width << level)
        fan_in = config.channels[max(level - 1, 0)]
        if level:
            total += itemsize * (pixels // 4 * fan_in + pixels * out + 9 * fan_in * out)
        total += itemsize * (2 * pixels * out + 9 * out * out)
        if config.architecture == "skip" or level == len(config.channels) - 1:
            total += itemsize * pixels * out + 4 * config.img_channels * pixels * 5 // 4
        if r == resolution:
            return total + 4 * pixels
    return total + 4 * pixels


def steps(config: Config) -> list[dict[str, float]]:
    """Return what stopping at each size costs: GFLOP and MB a frame (2 bytes an item), and shares of the whole."""
    sizes = config.resolutions if config.architecture == "skip" else config.resolutions[-1:]
    work, moved = flops(config), traffic(config)
    return [
        {
            "resolution": r,
            "gflop": round(flops(config, r) / 1e9, 2),
            "gflop_share": round(flops(config, r) / work, 3),
            "mb": round(traffic(config, r) / 1e6, 1),
            "mb_share": round(traffic(config, r) / moved, 3),
        }
        for r in sizes
        if r >= 8
    ]
