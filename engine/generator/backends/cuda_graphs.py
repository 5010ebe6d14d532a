"""The generator on a CUDA GPU: fp16, and a whole frame as one CUDA graph. NOT YET RUN ON A GPU (benchmarks/gpu_check).

At batch 1 a GPU spends its time on launches, about five hundred a frame. A graph replays the frame with one launch.
Everything that changes from frame to frame (ws, the noise of every resolution, the warps' numbers) lies in static
device memory that the graph reads, so a knob that moves neither recaptures nor allocates. Another resolution or
another set of running warps has a graph of its own, captured once and kept.
"""

from __future__ import annotations

import importlib.util
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from engine.borders.errors import first_line, out_of_memory
from engine.borders.params import Params
from engine.generator import cuda
from engine.generator.aspect import cut
from engine.generator.backends.blocks import Blocks, to_rgba
from engine.generator.backends.eager import EagerBlocks, EagerLayer
from engine.generator.backends.prepare import SLOPES, LayerPlan
from engine.generator.incremental import IncrementalPlayer, plain_blocks
from engine.generator.networks.network import Network
from engine.generator.noise import MAPS, STILL, Fields, Grain

GRAPHS = 12  # graphs; more are not kept, since each holds one frame's intermediate maps
STAMPS = 4  # frames; a frame's time on the GPU is read this many frames later, so that nothing waits
RING = 8  # host buffers for ws; a copy may still be under way while the next frames are prepared
Recorded = tuple[torch.cuda.CUDAGraph, Tensor]  # a graph, and the frame that it paints


def finish(
    y: Tensor, scale: Tensor | None, bias: Tensor | None, noise: Tensor | None, slope: float, clamp: float | None
) -> Tensor:
    """One pass instead of five once it is compiled: scale, bias, noise, leaky ReLU, clamp, in fp32 registers."""
    z = y.float()
    if scale is not None:
        z = z * scale.float()[None, :, None, None]
    if bias is not None:
        z = z + bias.float()[None, :, None, None]
    if noise is not None:
        z = z + noise.float()
    z = torch.where(z > 0, z, z * slope)
    return (z if clamp is None else z.clamp(-clamp, clamp)).to(y.dtype)


def finish_up(
    y: Tensor, taps: Tensor, scale: Tensor, bias: Tensor, noise: Tensor | None, slope: float, clamp: float | None
) -> Tensor:
    """`finish` of a bare transposed convolution y [1, O, 2h+1, 2w+1] through the 4x4 FIR: a stencil, no extra pass."""
    height, width = y.shape[2] - 1, y.shape[3] - 1
    wide = F.pad(y, (1, 1, 1, 1)).float()
    rows = [wide[:, :, i : i + height] for i in range(4)]
    down = rows[0] * taps[0] + rows[1] * taps[1] + rows[2] * taps[2] + rows[3] * taps[3]
    columns = [down[:, :, :, i : i + width] for i in range(4)]
    z = columns[0] * taps[4] + columns[1] * taps[5] + columns[2] * taps[6] + columns[3] * taps[7]
    return finish(z, scale, bias, noise, slope, clamp).to(y.dtype, memory_format=torch.channels_last)


class FusedLayer(EagerLayer):
    """A layer whose pointwise work is one compiled kernel; falls back to the plain operators for good on failure."""

    compiled = (finish, finish_up)

    def __init__(self, plan: LayerPlan, dtype: torch.dtype) -> None:
        from engine.generator.backends.native.native_layers import separable

        super().__init__(plan, dtype)
        self.fold = False
        self.stencil = separable(plan.fir) if plan.kind == "up" else None

    def finish(self, y: Tensor, scale: Tensor | None, bias: Tensor | None, noise: Tensor | None) -> Tensor:
        """See EagerLayer."""
        slope = SLOPES.get(self.plan.activation)
        if slope is None:
            return super().finish(y, scale, bias, noise)
        return type(self).compiled[0](y, scale, bias, noise, slope, self.clamp)

    def finish_up(self, y: Tensor, scale: Tensor, bias: Tensor, noise: Tensor | None) -> Tensor:
        """See EagerLayer."""
        slope = SLOPES.get(self.plan.activation)
        if slope is None or self.stencil is None:
            return super().finish_up(y, scale, bias, noise)
        return type(self).compiled[1](y, self.stencil, scale, bias, noise, slope, self.clamp)


def fuse(blocks: EagerBlocks) -> None:
    """Let every layer's pointwise work be done by one kernel each."""
    blocks.convs = [[FusedLayer(layer.plan, layer.dtype) for layer in block] for block in blocks.convs]


class GraphPlayer(IncrementalPlayer):
    """IncrementalPlayer whose frames are replayed graphs. A frame is valid until the next call."""

    def __init__(
        self, network: Network, blocks: Blocks, resolution: int | None = None, aspect: Fraction | None = None
    ) -> None:
        super().__init__(network, blocks, resolution, aspect)
        self._graphs: OrderedDict[Hashable, Recorded] = OrderedDict()
        self._records = True  # until a graph could not be recorded: from then on frames are run without
        self._grain_at = self.num_ws * self.w_dim  # behind ws: the weights of every block's noise maps
        size = self._grain_at + len(network.resolutions) * MAPS
        self._host = [torch.zeros(size).pin_memory() for _ in range(RING)]
        self._inputs = torch.zeros(size, device=self.device)
        self._drawn = Fields(blocks, len(network.resolutions))
        self._drawn.fill()  # now: drawing them takes longer than a frame
        self._turn = 0
        self._stamps = [(cuda.event(timed=True), cuda.event(timed=True)) for _ in range(STAMPS)]
        self._frames = 0
        self.captures = 0  # how often a graph was captured: the bench and the GPU check look at it

    @property
    def backend(self) -> str:
        """How frames are run: as graphs of torch's kernels, or of TensorRT's."""
        return "graph" if self._records and self.blocks.backend == "eager" else self.blocks.backend

    @torch.inference_mode()
    def _paint(self, ws: NDArray[np.float32], params: Params) -> Tensor:
        """See Player."""
        self._take_fit()
        self._take_over()
        known = self._recorded((self.resolution, self.warps.plan))
        if known is None:
            return super()._paint(ws, params)
        self._send(ws, self.noise.grains(params, self.network.resolutions))
        before, after = self._stamps[self._frames % STAMPS]
        self._frames += 1
        if self._frames > STAMPS and cuda.has_passed(after):  # of frames ago: nothing waits
            self.device_seconds = before.elapsed_time(after) / 1e3
        before.record()
        known[0].replay()
        after.record()
        return known[1]

    @torch.inference_mode()
    def _probe(self, ws: NDArray[np.float32], params: Params) -> None:
        """See Player: a graph that is replayed shows no maps."""
        self._paint_frame()

    def prepare_sizes(self, sizes: Sequence[int]) -> None:
        """Capture every one of ``sizes``, without warps, so that a step from one to another costs no hitch."""
        own = self.resolution
        for resolution in sizes:
            if (resolution, ()) not in self._graphs:
                self.set_resolution(resolution)
                self._recorded((resolution, ()))
        self.set_resolution(own)

    def relieve(self) -> None:
        """See IncrementalPlayer; the graphs of larger frames own most of the memory."""
        for key in [key for key in self._graphs if cast(tuple[int, object], key)[0] > self.resolution]:
            del self._graphs[key]
        super().relieve()

    @torch.inference_mode()
    def _take_over(self) -> None:
        """Adopt what was built beside, and record the present graph anew; what cannot be recorded is not played."""
        if self._pending is None:
            return
        before, graphs = self.blocks, self._graphs
        super()._take_over()
        if not self._records:
            return
        self._graphs = OrderedDict()
        try:
            self._capture((self.resolution, self.warps.plan))
        except RuntimeError as error:
            self.note(f"plays on with {before.backend}: {error}")
            self.blocks, self._graphs = before, graphs

    def _send(self, ws: NDArray[np.float32], grains: tuple[Grain, ...]) -> None:
        """Copy the frame's inputs to where the graphs read them: one asynchronous transfer."""
        host = self._host[self._turn]
        self._turn = (self._turn + 1) % RING
        host[: self._grain_at].copy_(torch.from_numpy(ws).reshape(-1))
        weights = [[grain.strength * weight for weight in grain.weights or STILL] for grain in grains]
        host[self._grain_at :].copy_(torch.tensor(weights).reshape(-1))
        self._inputs.copy_(host, non_blocking=True)

    def _paint_frame(self) -> Tensor:
        """Run the whole frame from the static inputs."""
        ws = self._inputs[: self._grain_at].view(self.num_ws, self.w_dim)
        grains = self._inputs[self._grain_at :].view(-1, MAPS)
        given = self.blocks.given(ws)
        x = img = None
        for level, resolution in enumerate(self.network.resolutions[: self._levels]):
            maps = self._drawn.maps(level, grains[level])
            x, img = self.blocks.run(level, x, img, replace(given, maps=maps))
            if self.warps.active(resolution):
                x, img = self.warps(resolution, x, img)
        assert x is not None
        img = self._finish(x, img, given)
        return to_rgba(cut(img[0], self.aspect, 1))

    @torch.inference_mode()
    def _recorded(self, key: Hashable) -> Recorded | None:
        """Return the graph of ``key``, recorded now if it is new; None, for good, once that has failed."""
        if key in self._graphs:
            self._graphs.move_to_end(key)
            return self._graphs[key]
        try:
            return self._capture(key) if self._records else None
        except Exception as error:
            if out_of_memory(error):
                raise
            self.note(f"no CUDA graph can be recorded, plays on without: {first_line(error)}")
        self._records, self.device_seconds = False, None
        self._graphs.clear()
        return None

    def _capture(self, key: Hashable) -> Recorded:
        """Run the frame twice beside the stream, so that everything is allocated and tuned, then record it."""
        beside = cuda.stream(self.device)
        beside.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(beside):
            for _ in range(2):
                self._paint_frame()
        torch.cuda.current_stream(self.device).wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        # One that fails leaves its own stream as the current one: the outer context brings this one back.
        with torch.cuda.stream(torch.cuda.current_stream(self.device)), torch.cuda.graph(graph):
            frame = self._paint_frame()
        self.captures += 1
        self._graphs[key] = (graph, frame)
        if len(self._graphs) > GRAPHS:
            self._graphs.popitem(last=False)
        return self._graphs[key]


def open_player(
    network: Network, precision: str, resolution: int | None = None, aspect: Fraction | None = None
) -> GraphPlayer:
    """Return a player whose frames are graphs, for a network that lies on a GPU."""
    torch.backends.cudnn.benchmark = True
    blocks = plain_blocks(network, precision)
    player = GraphPlayer(network, blocks, resolution, aspect)
    if isinstance(blocks, EagerBlocks) and importlib.util.find_spec("triton") is not None:
        _try_fusing(player, blocks)
    return player


def _try_fusing(player: GraphPlayer, blocks: EagerBlocks) -> None:
    """Compile the fused kernels by running a frame; where that fails, play with the plain operators."""
    plain = blocks.convs
    FusedLayer.compiled = (torch.compile(finish, dynamic=False), torch.compile(finish_up, dynamic=False))
    fuse(blocks)
    try:
        with torch.inference_mode():
            player._paint_frame()
    except (RuntimeError, ImportError, OSError) as error:
        blocks.convs = plain
        player.note(f"plays without fused kernels: {error}")
