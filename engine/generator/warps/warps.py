"""Feature warps: what happens to the network's intermediate maps between two of its blocks.

Network bending (Broad, Leymarie and Grierson, "Network Bending: Expressive Manipulation of Deep
Generative Models", 2021) played live: a block's output is delayed, cut, turned or held, and the rest
of the network carries on as if it had painted that itself.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from engine.borders.errors import UserError
from engine.borders.params import Params
from engine.generator.warps import geometry as grid
from engine.generator.warps.maps import Hold, Injection, Selection
from engine.generator.warps.slitscan import SLOTS, Ring, Slits, Times, slots_for
from engine.generator.warps.values import WARPS, Motion, Values, switched_on

LINGER = 2.0  # seconds a warp stays in a captured graph after its last use, so that music does not recapture
_AFFINE = frozenset(grid.AFFINE)
_GEOMETRY = frozenset(("pixelate", *grid.AFFINE, *grid.BENDS))
_Taps = tuple[Tensor, Tensor]  # rows and weights, both [pixels, taps]


# Elements of a map up to which a CPU bends it with one thread: threads that meet at every small operation, beside the
# generator's own, wait longer for each other than the work takes.
ALONE = 2**19


@dataclass(frozen=True, order=True, slots=True)
class LayerPlan:
    """What runs at one layer: which warps, how finely it is sampled, whether RGB follows, which channels."""

    warps: tuple[str, ...]
    samples: int
    border: str
    image: bool
    like: bool


@dataclass
class _State:
    """What one tensor (a block's x or img) keeps between frames; made when first needed, fit to its shape."""

    like: tuple[object, ...] = ()
    ring: Ring | None = None
    hold: Hold | None = None
    selection: Selection | None = None
    injection: Injection | None = None
    slits: Slits | None = None
    frames: dict[str, grid.Frame] = field(default_factory=dict)
    lattices: dict[int, tuple[grid.Coordinates, grid.Coordinates]] = field(default_factory=dict)

    @property
    def memory_bytes(self) -> int:
        return sum(part.memory_bytes for part in (self.ring, self.hold) if part is not None)


class FeatureWarps:
    """Every warp of the picture, on every layer; one object per generator.

    The contract with a runtime, fast or plain:

    - Once a frame, before the first block and outside any graph capture: ``begin(params, time, dt)``.
      It does the host's arithmetic and copies a few numbers to the device, asynchronously.
    - After every block's ToRGB has been added: ``if warps.active(r): x, img = warps(r, x, img)``. This is
      `network.Hook` as it stands, so ``synthesis(ws, hook=warps)`` works too.
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
        self.memory_limit_mb = memory_limit_mb
        graphs = self.device.type == "cuda" if graphs is None else graphs
        self._linger = LINGER if graphs else 0.0
        self._values = Values(self.device, graphs)
        self._plans: dict[int, LayerPlan] = {}
        self._motion, self._times = Motion(), Times(SLOTS)
        self._states: dict[tuple[int, str], _State] = {}
        self._last_on: dict[str, float] = {}
        self._grabbed: dict[str, tuple[float, ...]] = {}
        self.snapped: dict[str, int] = {}  # the warps whose layer is no block that is painted, and the block they got
        self._freed: dict[int, int] = {}  # how often a layer let go of what a captured graph may have written to
        self._time, self._params = 0.0, Params()

    def begin(self, params: Params, time: float, dt: float) -> None:
        """Start a frame at ``time`` seconds, ``dt`` after the last; a layer that is not a block is snapped."""
        self._time, self._params = time, params
        self._motion.advance(params, dt)
        on = self._running(params, time)
        if not on and not self._plans:
            return
        found = {name: snap(params[f"{name}.layer"], self.resolutions) for name in on}
        self.snapped = {name: layer for name, layer in found.items() if layer != params[f"{name}.layer"]}
        layers: dict[int, set[str]] = {}
        for name, layer in found.items():
            layers.setdefault(layer, set()).add(name)
        previous, matrices, self._plans = self._plans, {}, {}
        for layer, names in layers.items():
            self._plans[layer], matrices[layer] = self._plan_layer(params, frozenset(names), layer)
        self._forget(previous)
        self._values.load(params, self._motion, matrices, self._grabs(params))
        if "slitscan" in on:
            self._load_ring()

    @property
    def plan(self) -> Hashable:
        """What the frame begun will run, on which layers and in which memory: equal plans run the same operations."""
        return tuple((layer, plan, self._freed.get(layer, 0)) for layer, plan in sorted(self._plans.items()))

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

    def _warp(self, resolution: int, plan: LayerPlan, x: Tensor, img: Tensor | None) -> tuple[Tensor, Tensor | None]:
        k = self._values.scalars(resolution)
        state = self._state(resolution, "x", x)
        moments = self._moments(k, state, x) if "slitscan" in plan.warps else None
        places = self._places(plan, k, state, x) if not _GEOMETRY.isdisjoint(plan.warps) else None
        x = self._bend(x, plan, k, state, moments, places)
        if "channels" in plan.warps:
            state.selection = state.selection or Selection(x.shape[1], x.device)
            state.selection.choose(x, k, like=plan.like)
            x = state.selection.scale(x, k["channels.gain"], k["channels.share"])
        if "inject" in plan.warps:
            state.injection = state.injection or Injection(x)
            x = state.injection(x, k)
        if img is not None and plan.image:
            img = self._bend(img, plan, k, self._state(resolution, "img", img), moments, places)
        return x, img

    def reset(self) -> None:
        """Forget the past: what the ring recorded, frozen layers, accumulated rotation and travel (on a cut).

        Tensors stay where they are, so that captured graphs stay valid; what is in them is not shown again.
        """
        self._motion, self._times = Motion(), Times(self._times.slots)
        self._last_on.clear()
        self._grabbed.clear()

    def memory_bytes(self) -> int:
        """Return what the rings and frozen layers hold on the device at the moment, in bytes."""
        return sum(state.memory_bytes for state in self._states.values())

    def _running(self, params: Params, time: float) -> frozenset[str]:
        """Return the warps of this frame: those in use, and for a while those that just were.

        The slit-scan goes on recording while its strength dips to 0, so that music that drives it finds a past.
        """
        on = switched_on(params, self._motion)
        for name in on:
            self._last_on[name] = time
        linger = dict.fromkeys(WARPS, self._linger)
        linger["slitscan"] = max(self._linger, params["slitscan.seconds"])
        self._last_on = {name: at for name, at in self._last_on.items() if 0.0 <= time - at <= linger[name]}
        return on | frozenset(self._last_on)

    def _plan_layer(self, params: Params, names: frozenset[str], layer: int) -> tuple[LayerPlan, tuple[float, ...]]:
        """Return what runs at a layer, and its matrix."""
        matrix = self._motion.matrix(params, names)
        samples, spread = grid.reach(params, names, matrix, layer)
        plan = LayerPlan(
            warps=tuple(sorted(names)),
            samples=samples,
            border=grid.BORDERS[int(params["warp.border"])],
            image=params["warp.image"] > 0.5,
            like="channels" in names and params["channels.like"] > 0.0,
        )
        return plan, (*matrix, spread / layer)

    def _grabs(self, params: Params) -> dict[str, float]:
        """Return whether this frame is the one that a freeze holds, and that channels are compared in."""
        frozen = (params["freeze.layer"],) if params["freeze.strength"] > 0.0 else ()
        alike = (params["channels.layer"], params["channels.like"]) if "channels" in self._last_on else ()
        now: dict[str, tuple[float, ...]] = {"freeze.grab": frozen, "channels.grab": alike}
        grabs = {name: float(not key or self._grabbed.get(name) != key) for name, key in now.items()}
        self._grabbed = now
        return grabs

    def _forget(self, previous: dict[int, LayerPlan]) -> None:
        """Let go of what warps that ended, or went to another layer, have kept."""
        for layer, plan in previous.items():
            ended = set(plan.warps) - set(self._plans[layer].warps if layer in self._plans else ())
            for kind in ("x", "img"):
                state = self._states.get((layer, kind), _State())
                held = state.ring, state.hold
                state.ring = None if "slitscan" in ended else state.ring
                state.hold = None if "freeze" in ended else state.hold
                if held != (state.ring, state.hold):
                    self._freed[layer] = self._freed.get(layer, 0) + 1
            if "slitscan" in ended:
                self._times = Times(SLOTS)

    def _load_ring(self) -> None:
        ages, order = self._times.begin(self._time, self._params["slitscan.seconds"])
        self._values.load_ring(ages, order, int(self._params["slitscan.axis"]))

    def _state(self, resolution: int, kind: str, like: Tensor) -> _State:
        """Return what is kept for this tensor; a new shape or type starts anew."""
        state = self._states.get((resolution, kind))
        signature = (like.shape, like.dtype, like.device)
        if state is None or state.like != signature:
            state = self._states[resolution, kind] = _State(signature)
        return state

    def _moments(self, k: grid.Scalars, state: _State, x: Tensor) -> _Taps:
        """Return which past maps the pixels of x show."""
        if state.ring is None:  # the past starts anew, in as many slots as the limit has room for maps like x
            self._times = Times(slots_for(x.nbytes, self.memory_limit_mb * 2**20))
            self._load_ring()
        state.slits = state.slits or Slits(x)
        ages, order, _, axis = self._values.ring
        return state.slits.taps(ages, order, k["slitscan.depth"], axis)

    def _places(self, plan: LayerPlan, k: grid.Scalars, state: _State, x: Tensor) -> _Taps:
        """Return where the pixels of x come from, all geometry of the layer in one."""
        height, width = x.shape[2:]
        if plan.samples not in state.lattices:
            state.lattices[plan.samples] = grid.lattice(height, width, plan.samples, x.device)
        if plan.border not in state.frames:
            state.frames[plan.border] = grid.Frame(height, width, plan.border, x.device)
        (u, v), (du, dv) = state.lattices[plan.samples]
        if "pixelate" in plan.warps:
            u, v = grid.pixelate((u, v), k)
        if plan.samples > 1:
            u, v = u + du * k["spread"], v + dv * k["spread"]
        for name, bend in grid.BENDS.items():
            if name in plan.warps:
                u, v = bend((u, v), k)
        if not _AFFINE.isdisjoint(plan.warps):
            u, v = u * k["a"] + v * k["b"] + k["c"], u * k["d"] + v * k["e"] + k["f"]
        return state.frames[plan.border].taps((u, v))

    def _bend(
        self, x: Tensor, plan: LayerPlan, k: grid.Scalars, state: _State, moments: _Taps | None, places: _Taps | None
    ) -> Tensor:
        """Return x held, scanned and resampled."""
        if "freeze" in plan.warps:
            state.hold = state.hold or Hold(x)
            x = state.hold(x, k["freeze.grab"], k["freeze.strength"])
        if moments is not None:
            state.ring = state.ring or Ring(x, self._times.slots)
            x = state.ring.scan(x, self._values.ring[2], *moments)
        return x if places is None else grid.gather(x, *places)


def snap(layer: float, resolutions: Sequence[int]) -> int:
    """Return the block nearest to ``layer`` px, counted in octaves."""
    return min(resolutions, key=lambda r: abs(math.log2(r) - math.log2(layer)))


def check_layers(params: Mapping[str, float], resolution: int, where: str) -> None:
    """Refuse a preset whose warps sit on blocks that a model of ``resolution`` px has not.

    ``where`` names the file. On stage the same numbers are snapped to the nearest block instead.
    """
    layers = [2**k for k in range(2, resolution.bit_length())]
    for name in WARPS:
        layer = params.get(f"{name}.layer")
        if layer is not None and layer not in layers:
            listed = ", ".join(map(str, layers))
            raise UserError(f"{where}: in [params.{name}]: layer = {layer:g}: the model has {listed}; choose one")
