"""Feature warps: changes of the network's intermediate maps between two blocks.

Network bending (Broad, Leymarie and Grierson, "Network Bending: Expressive Manipulation of Deep
Generative Models", 2021) played live: a block's output is delayed, cut, turned or held, and the rest
of the network carries on as if it had painted that itself.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import torch
from torch import Tensor

from engine.borders.params import Params
from engine.generator.warps import geometry
from engine.generator.warps.geometry import Geometry, Sampling
from engine.generator.warps.host import Motion, shared_scalars, switched_on
from engine.generator.warps.layers import snap
from engine.generator.warps.order import WARPS
from engine.generator.warps.state import Setup, State
from engine.generator.warps.values import Values
from engine.generator.warps.warp import MapWarp
from engine.system import allocator

LINGER = 2.0  # seconds a warp stays in a captured graph after its last use, so that music does not recapture

LARGE = 2**24  # bytes; memory of a warp from this size on is given back to the system when the warp is over
PAUSE = 5.0  # s; it is given back at most once in that time, for what the next frames need comes anew then

# Elements of a map; a CPU bends a map up to this size with one thread. More threads wait longer for each other at every
# small operation than the work takes.
ALONE = 2**19

_MAPS = tuple(warp for warp in WARPS if isinstance(warp, MapWarp))
_BEFORE = tuple(warp.name for warp in takewhile(lambda warp: isinstance(warp, MapWarp), WARPS))  # the geometry
_AFTER = tuple(warp.name for warp in _MAPS if warp.name not in _BEFORE)
_LINGERING = {warp.name: warp.lingers for warp in WARPS if warp.lingers is not None}


@dataclass(frozen=True, slots=True)
class WarpPlan:
    """The work at one layer: its warps, its sampling, its operations, and whether the RGB follows."""

    before: tuple[str, ...]  # the geometry
    geometry: frozenset[str]
    after: tuple[str, ...]
    sampling: Sampling
    image: bool
    variants: tuple[Hashable, ...]  # of the warps before and after


class FeatureWarps:
    """Every warp of the picture, on every layer; one object per generator.

    The contract with a runtime, fast or plain:

    - Once a frame, before the first block and outside any graph capture: ``begin(params, time, dt)``.
      It does the host's arithmetic and copies a few numbers to the device, asynchronously.
    - After every block's ToRGB has been added: ``if warps.active(r): x, img = warps(r, x, img)``. This is
      the networks' `Hook` as it stands, so ``synthesis(ws, hook=warps)`` works too.
    - ``__call__`` runs device work only: no host synchronisation, no branch on a value, state (the ring
      of the slit-scan, a frozen layer) in tensors that keep their addresses while ``plan`` stays equal.
      A CUDA graph captured under one ``plan``, after one eager call that lets it allocate, is therefore
      valid for every frame with an equal ``plan``; knobs that move do not change it, a warp that is
      switched on, off or to another layer does.
    - Where nothing is active at a layer, the very objects x and img come back: bit for bit, no cost.
    """

    def __init__(
        self,
        resolutions: Sequence[int],
        device: str | torch.device = "cpu",
        memory_limit_mb: float = 256.0,
        graphs: bool | None = None,
    ) -> None:
        """``resolutions``: the blocks that are rendered, 4, 8, … (set the attribute anew when that changes).

        ``memory_limit_mb`` bounds the slit-scan's ring; what would not fit is recorded more coarsely.
        ``graphs``: keep every number in device memory, as captured graphs need it (None: on CUDA).
        """
        self.resolutions = tuple(resolutions)
        self.device = torch.device(device)
        self.snapped: dict[str, int] = {}  # the warps whose layer is no block that is painted, and the block they got
        graphs = self.device.type == "cuda" if graphs is None else graphs
        setup = Setup(self.device, memory_limit_mb * 2**20)
        self.map_bytes = setup.map_bytes  # fill it where frames are passed by: what rings hold is then known ahead
        self._on: frozenset[str] = frozenset()  # the warps of this frame
        self._linger = LINGER if graphs else 0.0
        self._graphs = graphs
        self._finest: dict[int, int] = {}  # by layer; the most samples that a kept sampling took
        self._kept: frozenset[str] = frozenset()  # the warps that stay on for the captured graph's sake
        self._values = Values(self.device, graphs)
        self._motion, self._geometry = Motion(), Geometry()
        self._states: dict[str, State] = {warp.name: warp.state(setup) for warp in _MAPS}
        self._plans: dict[int, WarpPlan] = {}
        self._last_on: dict[str, float] = {}
        self._gives_back = -PAUSE  # seconds of the show; when memory is given back, or was
        self._freed: dict[int, int] = {}  # by layer; how often it released memory that a captured graph may write to

    def begin(self, params: Params, time: float, dt: float) -> None:
        """Start a frame at ``time`` seconds, ``dt`` after the last; a layer that is not a block is snapped."""
        self._motion.advance(params, dt)
        running = self._on = self._running(params, time)
        if not running and not self._plans:
            return
        found = {name: snap(params[f"{name}.layer"], self.resolutions) for name in running}
        self.snapped = {name: layer for name, layer in found.items() if layer != params[f"{name}.layer"]}
        self._end(found, time)
        for name, state in self._states.items():
            if name in running:
                state.layer = found[name]
                state.begin(params, time)
        layers: dict[int, set[str]] = {}
        for name, layer in found.items():
            layers.setdefault(layer, set()).add(name)
        phases, numbers, self._plans = self._motion.phases, {}, {}
        for layer, names in layers.items():
            bends = geometry.NAMES & names
            sampling, numbers[layer] = self._geometry.plan(params, phases, bends, layer)
            if self._kept:  # as fine as it has been once: that captures a graph a few times, and then never again
                finest = self._finest[layer] = max(sampling.samples, self._finest.get(layer, 1))
                sampling = replace(sampling, samples=finest)
            self._plans[layer] = self._plan(params, names, bends, sampling)
        self._values.load(shared_scalars(params, phases, self._states.values()), numbers)

    def sees(self) -> dict[int, frozenset[float]]:
        """Return the times of the frames whose maps this frame shows, in seconds, by the place of the warp that shows.

        Places rise in the order in which the network comes to the warps. What a warp keeps of a frame is what came to
        it there, so it depends on the warps of lower places only.
        """
        order = (*_BEFORE, *_AFTER)
        looking = {name: state for name, state in self._states.items() if name in self._on and state.sees()}
        return {state.layer * len(order) + order.index(n): frozenset(state.sees()) for n, state in looking.items()}

    def keep(self, names: Iterable[str]) -> None:
        """Leave these warps on, at rest where nothing asks for them: a graph is captured once, and music changes none.

        Only where graphs are captured.
        """
        self._kept = frozenset(names) if self._graphs else frozenset()
        self._finest.clear()

    @property
    def plan(self) -> Hashable:
        """The plan of the current frame: warps, layers, memory. Equal plans run the same operations."""
        return tuple((layer, self._plans[layer], self._freed.get(layer, 0)) for layer in sorted(self._plans))

    @property
    def layers(self) -> tuple[int, ...]:
        """The blocks that are bent in the current frame."""
        return tuple(self._plans)

    def active(self, resolution: int) -> bool:
        """Return whether anything happens at block ``resolution`` in this frame."""
        return resolution in self._plans

    def __call__(self, resolution: int, x: Tensor, img: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Warp a block's output x [N,C,H,W] and the RGB so far img [N,3,H,W] (None: there is none yet).

        Any floating dtype each, dtype and memory format are kept, H and W need not be equal.
        """
        plan = self._plans.get(resolution)
        if plan is None:
            return x, img
        threads = torch.get_num_threads()
        if x.device.type != "cpu" or x.numel() > ALONE or threads == 1:
            return self._warp(resolution, plan, x, img)
        torch.set_num_threads(1)
        try:
            return self._warp(resolution, plan, x, img)
        finally:
            torch.set_num_threads(threads)

    def _warp(self, layer: int, plan: WarpPlan, x: Tensor, img: Tensor | None) -> tuple[Tensor, Tensor | None]:
        k = self._values.scalars(layer)
        warped = img if plan.image else None
        for name in plan.before:
            x, warped = self._states[name](layer, x, warped, k)
        if plan.geometry:
            x, warped = self._geometry(layer, plan.sampling, plan.geometry, x, warped, k)
        for name in plan.after:
            x, warped = self._states[name](layer, x, warped, k)
        return x, warped if plan.image else img

    def reset(self) -> None:
        """Forget the past on a cut: the ring's maps, frozen layers, accumulated rotation and travel.

        Tensors stay where they are, so that captured graphs stay valid. Their old contents are not shown again.
        """
        self._motion = Motion()
        self._last_on.clear()
        for state in self._states.values():
            state.reset()

    def memory_bytes(self) -> int:
        """Return the bytes that the rings and frozen layers hold on the device now."""
        return sum(state.memory_bytes() for state in self._states.values())

    def _running(self, params: Params, time: float) -> frozenset[str]:
        """Return the warps of this frame: those in use, and those that were in use up to ``linger`` seconds ago."""
        on = switched_on(params, self._motion.phases)
        for name in on:
            self._last_on[name] = time
        for name, at in tuple(self._last_on.items()):
            seconds = params[_LINGERING[name]] if name in _LINGERING else 0.0
            if not 0.0 <= time - at <= max(self._linger, seconds):
                del self._last_on[name]
        return on.union(self._last_on, self._kept)

    def _plan(self, params: Params, names: set[str], bends: frozenset[str], sampling: Sampling) -> WarpPlan:
        """Return a layer's plan for the warps ``names``; ``bends`` are the geometry among them."""
        before = tuple(name for name in _BEFORE if name in names)
        after = tuple(name for name in _AFTER if name in names)
        variants = tuple(self._states[name].variant for name in (*before, *after))
        return WarpPlan(before, bends, after, sampling, params["warp.image"] > 0.5, variants)

    def _end(self, found: dict[str, int], time: float) -> None:
        """Release warps from layers that they used in the previous frame only."""
        freed = 0  # bytes
        for layer, plan in self._plans.items():
            for name in (*plan.before, *plan.after):
                if found.get(name) == layer:
                    continue
                state = self._states[name]
                held = state.memory_bytes()
                if state.end(layer):
                    self._freed[layer] = self._freed.get(layer, 0) + 1
                freed += held - state.memory_bytes()
        if self.device.type == "cpu" and freed >= LARGE:
            self._give_back(time)

    def _give_back(self, time: float) -> None:
        """Have what is free at ``time`` given back to the system: at once, or PAUSE after the last time."""
        due = self._gives_back
        if time < due <= time + PAUSE:  # what is given back then has this, too
            return
        self._gives_back = due + PAUSE if time - PAUSE < due <= time else time
        allocator.give_back_soon(self._gives_back - time)
