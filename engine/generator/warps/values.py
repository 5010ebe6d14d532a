"""This frame's numbers, handed to the device in one copy.

Where a CUDA graph is captured every number has to live in device memory at a fixed address; elsewhere
plain floats are quicker. `Values.scalars` gives whichever it is under the same names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from engine.generator.warps.warp import Scalar, Scalars

MATRIX = ("a", "b", "c", "d", "e", "f", "spread")  # of a layer: its `warp.Matrix`, and the spread of samples
LEVELS = 9  # layers 4 .. 1024


class Values:
    """The numbers that all layers share, and those of each layer."""

    def __init__(self, device: torch.device, graphs: bool) -> None:
        """``graphs``: in device memory, at addresses that stay from the first `load` on."""
        self._device, self._graphs = device, graphs
        self._shared: Mapping[str, float] = {}
        self._layers: Mapping[int, Sequence[float]] = {}
        self._names: tuple[str, ...] = ()
        self._numbers: Tensor | None = None
        self._views: dict[int, dict[str, Scalar]] = {}

    def load(self, shared: Mapping[str, float], layers: Mapping[int, Sequence[float]]) -> None:
        """Take the frame's numbers, ``shared`` under the same names every time; ``layers`` in the order of MATRIX."""
        self._shared, self._layers = shared, layers
        if not self._graphs:
            return
        if self._numbers is None:
            self._numbers = self._lay_out(tuple(shared))
        flat = [shared[name] for name in self._names]
        for level in range(LEVELS):
            flat += layers.get(4 << level, (0.0,) * len(MATRIX))
        send(flat, self._numbers)

    def scalars(self, layer: int) -> Scalars:
        """Return the numbers for ``layer`` by name."""
        if self._graphs:
            return self._views[layer]
        return {**self._shared, **dict(zip(MATRIX, self._layers[layer], strict=True))}

    def _lay_out(self, names: tuple[str, ...]) -> Tensor:
        """Return room for the numbers of ``names`` and of every layer, and keep a view of each."""
        self._names, width = names, len(names)
        numbers = torch.zeros(width + LEVELS * len(MATRIX), device=self._device)
        shared = dict(zip(names, numbers.unbind()[:width], strict=True))
        for level, row in enumerate(numbers[width:].view(LEVELS, len(MATRIX)).unbind()):
            self._views[4 << level] = {**shared, **dict(zip(MATRIX, row.unbind(), strict=True))}
        return numbers


def send(values: Sequence[float], into: Tensor) -> None:
    """Copy numbers to the device without waiting for it."""
    pinned = into.device.type == "cuda"
    into.copy_(torch.tensor(values, dtype=torch.float32, pin_memory=pinned), non_blocking=pinned)
