"""What each feature warp costs, as a share of the frame it is in: the rows that ``vj bench --warps`` prints."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from itertools import cycle
from statistics import median

import numpy as np
from torch import Tensor

from engine.borders.errors import UserError
from engine.borders.params import Params
from engine.borders.tick import Tick
from engine.generator.player import Player
from engine.generator.warps.feature_warps import FeatureWarps
from engine.generator.warps.geometry import NAMES
from engine.generator.warps.order import WARPS
from engine.show.table import standard

LAYER = 32
ROUNDS = 40  # frames a row
WARM_UP = 10  # frames before them: allocations, and something of a past for the slit-scan

SETTINGS: Mapping[str, Mapping[str, float]] = {warp.name: warp.example for warp in WARPS}
GEOMETRY = tuple(warp.name for warp in WARPS if warp.name in NAMES)
ALL_GEOMETRY = "all geometry"


def settings(layer: int) -> dict[str, Params]:
    """Return the parameters of every row: each warp alone at ``layer`` px, then all geometry together."""
    places = {f"{warp.name}.layer": float(layer) for warp in WARPS}
    rows = {name: Params({**places, **values}, standard()) for name, values in SETTINGS.items()}
    together = {k: v for name in GEOMETRY for k, v in SETTINGS[name].items()}
    return {**rows, ALL_GEOMETRY: Params({**places, **together}, standard())}


class Timed(FeatureWarps):
    """Warps that stand in for a generator's own and add up the seconds that they take."""

    def __init__(self, own: FeatureWarps, wait: Callable[[], None]) -> None:
        """For the layers and the device of ``own``; ``wait`` returns when the device has caught up."""
        super().__init__(own.resolutions, own.device)
        self._wait = wait
        self.seconds = 0.0

    @property
    def plan(self) -> Hashable:
        """UserError: what asks for the plan records a frame, and a recorded frame calls no warps."""
        raise UserError("--warps: a frame that is replayed as one graph cannot be timed inside; choose --backend eager")

    def begin(self, params: Params, time: float, dt: float) -> None:
        """Start a frame, against the clock."""
        self.seconds = _seconds(partial(super().begin, params, time, dt), self._wait)

    def __call__(self, resolution: int, x: Tensor, img: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Warp, against the clock."""
        if not self.active(resolution):
            return x, img
        self._wait()
        start = time.perf_counter()
        seen = super().__call__(resolution, x, img)
        self._wait()
        self.seconds += time.perf_counter() - start
        return seen


def measure(
    frame: Callable[[Timed, Params, Tick], object],
    warps: FeatureWarps,
    layer: int = LAYER,
    rounds: int = ROUNDS,
    wait: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Return each row's cost as a share of the rest of its frame (0.05 is 5 %).

    ``frame(hook, params, tick)`` begins the hook's frame and renders it, bent by the hook that stands in for ``warps``.
    ``wait`` waits for the device (CUDA's synchronize).
    What the warps take is timed inside the very frames that they are compared with, so that what else the
    machine does falls on both.
    """
    costs, hook = {}, Timed(warps, wait)
    for name, params in settings(layer).items():
        hook.reset()
        shares = []
        for i in range(rounds + WARM_UP):
            whole = _seconds(partial(frame, hook, params, Tick(i, i / 30, 1 / 30)), wait)
            shares.append(hook.seconds / (whole - hook.seconds))
        costs[name] = median(shares[WARM_UP:])
    return costs


def _seconds(run: Callable[[], object], wait: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    wait()
    return time.perf_counter() - start


def measure_model(model: Player, layer: int = LAYER, rounds: int = ROUNDS) -> dict[str, float]:
    """Return `measure` of a generator, every frame from another w so that none is skipped."""
    import torch

    seeds = np.random.RandomState(0).randn(8, model.z_dim)
    endless = cycle(model.map(seeds))

    def frame(hook: Timed, params: Params, tick: Tick) -> None:
        with model.bent_by(hook):
            model(next(endless), params, tick)

    cuda = model.device.type == "cuda"
    return measure(frame, model.warps, layer, rounds, torch.cuda.synchronize if cuda else lambda: None)
