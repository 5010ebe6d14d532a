"""What each feature warp costs, as a share of the frame it is in: the rows that ``vj bench --warps`` prints."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import cycle
from statistics import median
from typing import Any

import numpy as np
from torch import Tensor

from engine.borders.params import Params
from engine.borders.tick import Tick
from engine.generator.warps.values import WARPS
from engine.generator.warps.warps import FeatureWarps

LAYER = 32
ROUNDS = 40  # frames a row
WARM_UP = 10  # frames before them: allocations, and something of a past for the slit-scan

# One setting per warp that surely does something; every warp that moves pixels is in GEOMETRY.
SETTINGS: Mapping[str, Mapping[str, float]] = {
    "slitscan": {"slitscan.strength": 1.0},
    "freeze": {"freeze.strength": 0.7},
    "translate": {"translate.x": 0.13},
    "zoom": {"zoom.octaves": 0.4},
    "rotate": {"rotate.turns": 0.13},
    "shear": {"shear.x": 0.05},
    "swirl": {"swirl.turns": 0.02},
    "ripple": {"ripple.amplitude": 0.003},
    "slice": {"slice.offset": 0.1},
    "kaleidoscope": {"kaleidoscope.strength": 1.0, "kaleidoscope.segments": 6.0},
    "pixelate": {"pixelate.strength": 0.3},
    "channels": {"channels.gain": 0.0},
    "inject": {"inject.strength": 0.5},
}
GEOMETRY = ("translate", "zoom", "rotate", "shear", "swirl", "ripple", "slice", "kaleidoscope", "pixelate")
ALL_GEOMETRY = "all geometry"


def settings(layer: int) -> dict[str, Params]:
    """Return the parameters of every row: each warp alone at ``layer`` px, then all geometry together."""
    places = {f"{name}.layer": float(layer) for name in WARPS}
    rows = {name: Params({**places, **values}) for name, values in SETTINGS.items()}
    together = {k: v for name in GEOMETRY for k, v in SETTINGS[name].items()}
    return {**rows, ALL_GEOMETRY: Params({**places, **together})}


class Timed:
    """Stands in for a generator's warps and adds up the seconds that they take."""

    def __init__(self, warps: FeatureWarps, wait: Callable[[], None]) -> None:
        """``wait`` returns when the device has caught up."""
        self._warps, self._wait = warps, wait
        self.seconds = 0.0

    def begin(self, params: Params, time: float, dt: float) -> None:
        """Start a frame."""
        self.seconds = _seconds(lambda: self._warps.begin(params, time, dt), self._wait)

    @property
    def snapped(self) -> dict[str, int]:
        """The warps that play on another block than asked for."""
        return self._warps.snapped

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The warps' layers."""
        return self._warps.resolutions

    def active(self, resolution: int) -> bool:
        """Ask the warps."""
        return self._warps.active(resolution)

    def __call__(self, resolution: int, x: Tensor, img: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Warp, against the clock."""
        if not self._warps.active(resolution):
            return x, img
        self._wait()
        start = time.perf_counter()
        seen = self._warps(resolution, x, img)
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

    ``frame(hook, params, tick)`` begins the hook's frame and renders it, bent by the hook; ``wait`` waits for the
    device (CUDA's synchronize).
    What the warps take is timed inside the very frames that they are compared with, so that what else the
    machine does falls on both.
    """
    costs = {}
    for name, params in settings(layer).items():
        warps.reset()
        hook, shares = Timed(warps, wait), []
        for i in range(rounds + WARM_UP):
            whole = _seconds(partial(frame, hook, params, Tick(i, i / 30, 1 / 30)), wait)
            shares.append(hook.seconds / (whole - hook.seconds))
        costs[name] = median(shares[WARM_UP:])
    warps.reset()
    return costs


def _seconds(run: Callable[[], object], wait: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    wait()
    return time.perf_counter() - start


def measure_model(model: Any, layer: int = LAYER, rounds: int = ROUNDS) -> dict[str, float]:
    """Return `measure` of a generator with ``warps``, every frame from another w so that none is skipped."""
    import torch

    own = model.warps
    seeds = np.random.RandomState(0).randn(8, model.z_dim)
    endless = cycle(model.map(seeds))

    def frame(hook: Timed, params: Params, tick: Tick) -> None:
        model.warps = hook
        model(next(endless), params, tick)

    cuda = model.device.type == "cuda"
    try:
        return measure(frame, own, layer, rounds, torch.cuda.synchronize if cuda else lambda: None)
    finally:
        model.warps = own
