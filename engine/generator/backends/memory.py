"""Memory: what a network needs at a resolution, and what is free."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import torch

from engine.generator.backends.prepare import padded
from engine.generator.networks.network import Network

CGROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)
MB = 2**20
SPARE = 1.25  # times a frame's maps; free memory that a recommended size needs


def frame_bytes(network: Network, resolution: int | None = None, itemsize: int = 4) -> int | None:
    """Return the bytes of a frame's intermediate maps, of ``itemsize``, up to ``resolution`` (None: the model's).

    Every modulated block keeps its result for the next frame; the widest layer has its input, its output and, before
    the filter, its unfiltered output beside that. None for a network without such blocks: it is not known.
    """
    kept, widest = 0, 0
    for block in network.blocks:
        pixels, channels = math.prod(block.shape), block.conv1.weight.shape[0]
        kept += pixels * (padded(channels) * itemsize + 4 * 4 + 4)  # its maps, the picture so far, and as bytes
        widest = max(widest, pixels * padded(channels) * itemsize * 3)
        if block.resolution == resolution:
            break
    return kept + widest or None


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


def fitting(network: Network, resolution: int | None, free: int) -> int | None:
    """Return the largest size below ``resolution`` whose maps fit in ``free`` bytes with some to spare, or None."""
    wanted = resolution or network.resolution
    needs = {r: frame_bytes(network, r) for r in network.stops if 8 <= r < wanted}
    return max((r for r, need in needs.items() if need is not None and need * SPARE <= free), default=None)


def advice(network: Network, resolution: int | None, device: str) -> str:
    """Return what to do about a model that does not fit, in one line, after what it was given has been released."""
    free, need = free_bytes(torch.device(device)), frame_bytes(network, resolution)
    size = f"{resolution or network.resolution} pixels"
    if need is not None and free is not None and need <= free:  # the frame is not what did not fit
        line = f"out of memory beside frames of {size}, about {need / MB:.0f} MB each; {free / MB:.0f} MB are free"
        free = min(free, need // 2)
    else:
        about = "" if need is None else f", about {need / MB:.0f} MB"
        line = f"out of memory: a frame of {size}{about}, does not fit"
        line += "" if free is None else f" in the {free / MB:.0f} MB that are free"
    fits = None if free is None else fitting(network, resolution, free)
    if fits is not None:
        return f"{line}; try --resolution {fits}"
    return f"{line}; close other programs, or choose a smaller model"
