"""The plain references that a bench times between its own frames, on the same weights and the same device."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from engine.bench.memory import Residence
from engine.borders.errors import out_of_memory
from engine.borders.tick import Tick
from engine.show.clock import FixedClock

if TYPE_CHECKING:
    from engine.generator.player import Player

FRAMES = 120  # frames; length of a run without --frames and --seconds
FEWEST = 2  # frames that are made whatever the limit
REFERENCE_FRAMES = 12  # frames that each reference renders, spread over the run


class Interleaved:
    """A fixed clock between whose ticks the references render now and then."""

    def __init__(
        self,
        clock: FixedClock,
        references: dict[str, Callable[[], float]],
        device_seconds: Callable[[], float | None] = lambda: None,
        limit: float | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Each of ``references`` renders one frame and returns its seconds.

        ``limit``: seconds of the wall's time from the first frame on, after which no frame begins; two are always made.
        ``device_seconds`` returns what a recent frame took on a GPU, where the host's clock knows only the launch.
        """
        self._device_seconds, self._limit, self._now = device_seconds, limit, now
        self.on_device: list[float] = []  # seconds, a frame each
        self._clock, self._references = clock, references
        frames = clock.frames or FRAMES
        self.every = max(1, frames // REFERENCE_FRAMES)
        self.seconds: dict[str, list[float]] = {name: [] for name in references}
        self.residence = Residence(frames)

    def __iter__(self) -> Iterator[Tick]:
        began = self._now()
        for tick in self._clock:
            if self._limit is not None and tick.index >= FEWEST and self._now() - began >= self._limit:
                return
            self.residence.look(tick.index)
            if tick.index % self.every == 0:
                for name, reference in self._references.items():
                    self.seconds[name].append(reference())
            yield tick
            if (seconds := self._device_seconds()) is not None:
                self.on_device.append(seconds)

    def ratio(self, name: str, ours: list[float]) -> float:
        """Return the reference's time divided by ours: median over neighbouring frames."""
        pairs = enumerate(self.seconds[name])
        groups = [(plain, ours[i * self.every : (i + 1) * self.every]) for i, plain in pairs]
        return float(np.median([plain / float(np.median(group)) for plain, group in groups if group]))


def references(player: Player) -> dict[str, Callable[[], float]]:
    """Return functions that render one frame with the plain network and return its seconds.

    "full" renders the model's own resolution, "same" the resolution that is shown; where the two are equal, "same"
    is missing. A reference that does not fit into memory is left out.
    """
    found: dict[str, Callable[[], float]] = {}
    wanted: dict[str, int | None] = {"full": None, "same": player.resolution}
    if player.resolution == player.model_resolution:
        del wanted["same"]
    for name, size in wanted.items():
        try:
            found[name] = reference(player, size)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
    return found


def reference(player: Player, size: int | None = None) -> Callable[[], float]:
    """Return a function that renders one frame of ``size`` (None: the model's) plainly and returns its seconds."""
    import torch

    ws = torch.from_numpy(player.map(np.zeros((1, player.z_dim), np.float32) + 0.5)).to(player.device)

    def wait() -> None:
        if player.device.type == "cuda":
            torch.cuda.synchronize()

    def once() -> float:
        wait()
        start = time.perf_counter()
        with torch.inference_mode():
            player.network.textbook(ws, size)
        wait()
        return time.perf_counter() - start

    once()  # not counted: the first call allocates
    return once
