"""Blocks by OpenVINO on Intel's GPU, also one that torch's XPU build is not for, such as a laptop's UHD or Iris.

NOT YET RUN ON A GPU: here it ran on OpenVINO's own processor device. Maps cross between host and GPU with every block,
so it is asked for by name and "auto" leaves it out. Its picture is compared with plain PyTorch's before it plays.
"""

from __future__ import annotations

import importlib.util

import torch

from engine.generator.backends.agreement import compare
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.openvino import MISSING, OpenVinoBlocks
from engine.generator.backends.prepare import Prepared

DEVICE = "GPU"
NO_GPU = "OpenVINO finds no GPU of Intel's with its driver here"


def refusal(prepared: Prepared, precision: str) -> str | None:
    """Say why this backend cannot play a network on this machine, or None."""
    if importlib.util.find_spec("openvino") is None:
        return MISSING
    import openvino

    kinds = {name.partition(".")[0] for name in openvino.Core().available_devices}
    return None if DEVICE in kinds else NO_GPU


def open_blocks(prepared: Prepared, precision: str) -> OpenVinoGpuBlocks:
    """Convert, compile and compare; Unavailable where the pictures differ."""
    blocks = OpenVinoGpuBlocks(prepared, precision, torch.get_num_threads(), DEVICE)
    with torch.inference_mode():
        compare(blocks, EagerBlocks(prepared, torch.float32), "OpenVINO")
    return blocks


class OpenVinoGpuBlocks(OpenVinoBlocks):
    """Every block compiled by OpenVINO for a GPU."""

    backend = "openvino-gpu"
