"""Blocks of a generator that fail: for want of memory, or as a driver does."""

from __future__ import annotations

from typing import Any

import torch

from engine.generator.backends.blocks import Blocks, Given, Images
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.prepare import Prepared


class Full(Blocks):
    """Blocks of a generator that run out of memory at the larger sizes, as PyTorch does."""

    def __init__(self, blocks: Any, largest: int) -> None:
        self._blocks, self._largest = blocks, largest
        self.backend, self.precision, self.prepared = blocks.backend, blocks.precision, blocks.prepared

    def run(self, level: int, x: Any, img: Any, given: Given) -> Images:
        if 4 << level > self._largest:
            torch.empty(2**55, dtype=torch.uint8)  # the CPU allocator's own error
        return self._blocks.run(level, x, img, given)  # type: ignore[no-any-return]


class Broken(Full):
    """Blocks of a generator whose larger sizes a driver fails at."""

    def run(self, level: int, x: Any, img: Any, given: Given) -> Images:
        if 4 << level > self._largest:
            raise RuntimeError("the driver is gone\nand says so at length")
        return super().run(level, x, img, given)


class Failing(Blocks):
    """A backend that plays ``healthy`` blocks and then raises ``error``."""

    backend, precision = "failing", "fp32"

    def __init__(self, prepared: Prepared, healthy: int, error: Exception) -> None:
        self.prepared, self.healthy, self.error = prepared, healthy, error
        self.blocks = EagerBlocks(prepared, torch.float32)

    def run(self, level: int, x: Any, img: Any, given: Given) -> Images:
        self.healthy -= 1
        if self.healthy < 0:
            raise self.error
        return self.blocks.run(level, x, img, given)
