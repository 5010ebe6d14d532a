"""How much memory a network takes to be played at a size, estimated, and how much there is."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

import torch

from engine.generator.backends.prepare import padded
from engine.generator.networks.stylegan2 import Config, StyleGAN2

CGROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)
MB = 2**20


def frame_bytes(config: Config, resolution: int | None = None, itemsize: int = 4) -> int:
    """Return the bytes of a frame's intermediate maps, of ``itemsize``, up to ``resolution`` (None: the model's).

    Every block keeps its result for the next frame; the widest layer has its input, its output and, before the
    filter, its unfiltered output beside that.
    """
    kept, widest, (height, width) = 0, 0, config.const_shape
    for level, (r, channels) in enumerate(zip(config.resolutions, config.channels, strict=True)):
        pixels = (height << level) * (width << level)
        kept += pixels * (padded(channels) * itemsize + 4 * 4 + 4)  # its maps, the picture so far, and as bytes
        widest = max(widest, pixels * padded(channels) * itemsize * 3)
        if r == resolution:
            break
    return kept + widest


def weight_bytes(network: StyleGAN2) -> int:
    """Return the bytes of the weights, and of what the fast backends make of them."""
    own = sum(parameter.numel() * parameter.element_size() for parameter in network.parameters())
    made = 0
    for name, parameter in network.named_parameters():
        if name.endswith(".weight") and parameter.ndim == 4 and parameter.shape[-1] == 3:
            made += math.prod(parameter.shape[:2]) * 36 * 4  # Winograd's: 36 planes
    return own + made


def free_bytes(device: torch.device) -> int | None:
    """Return what can still be allocated: the least that the machine, a limit of the process or a container says."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    found: list[int] = []
    with contextlib.suppress(ImportError):
        import psutil

        found.append(int(psutil.virtual_memory().available))
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
            found.append(limit - pages * resource.getpagesize())
    for most, used in CGROUPS:
        with contextlib.suppress(OSError, ValueError):
            found.append(int(most.read_text(encoding="ascii")) - int(used.read_text(encoding="ascii")))
    return max(0, min(found)) if found else None


def fitting(network: Any, resolution: int | None, free: int) -> int | None:
    """Return the largest size below ``resolution`` whose maps fit in ``free`` bytes with some to spare, or None."""
    config = getattr(network, "config", None)
    if not isinstance(config, Config) or config.architecture != "skip":
        return None
    wanted = resolution or config.img_resolution
    smaller = [r for r in config.resolutions if 8 <= r < wanted and frame_bytes(config, r) * 1.25 <= free]
    return max(smaller, default=None)


def advice(network: Any, resolution: int | None, device: str) -> str:
    """Return what to do about a model that does not fit, in one line, after what it was given has been released."""
    where = torch.device(device)
    free = free_bytes(where)
    config = getattr(network, "config", None)
    wanted = resolution or getattr(config, "img_resolution", 0)
    need = f", about {frame_bytes(config, resolution) / MB:.0f} MB" if isinstance(config, Config) else ""
    line = f"out of memory: a frame of {wanted} pixels{need}, does not fit"
    line += "" if free is None else f" in the {free / MB:.0f} MB that are free"
    fits = None if free is None else fitting(network, resolution, free)
    if fits is not None:
        return f"{line}; try --resolution {fits}"
    return f"{line}; close other programs, or choose a smaller model"
