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
from numpy.typing import NDArray
from torch import Tensor

from engine.borders.errors import first_line, out_of_memory
from engine.borders.params import Params
from engine.generator import cuda
from engine.generator.aspect import cut
from engine.generator.backends.blocks import DTYPES, Blocks, to_rgba
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.fused import try_fusing
from engine.generator.backends.half_check import settle_precision
from engine.generator.backends.kernels import nvrtc
from engine.generator.backends.kernels.layers import KernelBlocks
from engine.generator.backends.prepare import prepare
from engine.generator.backends.recorder import Recorded, Recorder
from engine.generator.incremental import IncrementalPlayer, plain_blocks
from engine.generator.networks.network import Network
from engine.generator.noise import MAPS, STILL, Fields, Grain

GRAPHS = 12  # graphs; more are not kept, since each holds one frame's intermediate maps
STAMPS = 4  # frames; a frame's time on the GPU is read this many frames later, so that nothing waits
RING = 8  # host buffers for ws; a copy may still be under way while the next frames are prepared
TRIES = 4  # failures to record in a row; then frames are run without graphs for good
PAUSE = 30  # frames from the first failure to the next try; twice as many after each


class GraphPlayer(IncrementalPlayer):
    """IncrementalPlayer whose frames are replayed graphs. A frame is valid until the next call."""

    def __init__(
        self, network: Network, blocks: Blocks, resolution: int | None = None, aspect: Fraction | None = None
    ) -> None:
        super().__init__(network, blocks, resolution, aspect)
        self._graphs: OrderedDict[Hashable, Recorded] = OrderedDict()
        self._records = True  # until no graph could be recorded: from then on frames are run without
        self._painted = self._again = self._tries = 0  # frames, the one that tries again, failures in a row
        self._recorder = Recorder(self.device)
        self._governed: tuple[int, ...] = ()  # the sizes that a governor may choose
        self._due: list[int] = []  # of these, without a graph of the present blocks and warps
        self._due_for: Hashable = None  # the blocks and warps that these were found for
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
        self._record_ahead()
        return known[1]

    @torch.inference_mode()
    def _probe(self, ws: NDArray[np.float32], params: Params) -> None:
        """See Player: a graph that is replayed shows no maps."""
        self._paint_frame()

    def prepare_sizes(self, sizes: Sequence[int]) -> None:
        """Capture every one of ``sizes``, bent as the last frame was, so that a step to one of them costs no hitch."""
        own, self._governed = self.resolution, tuple(sizes)
        try:
            for resolution in sizes:
                self.set_resolution(resolution)
                if self._last is not None and self.warps.resolutions:
                    self.warps.begin(*self._last, 0.0)
                self._recorded((resolution, self.warps.plan))
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            self.note("there is no memory to prepare other sizes: a step to one of them takes a moment")
        self.set_resolution(own)

    def _record_ahead(self) -> None:
        """Record one governed size that has no graph of the present blocks and warps; this frame is launched already.

        A size at which a warp would bend another block than now is left out: its memory would move with it.
        """
        state = self.blocks, self.warps.plan
        if state != self._due_for:
            least = max(self.warps.layers, default=0)
            due = [size for size in self._governed if size >= least and (size, state[1]) not in self._graphs]
            self._due_for, self._due = state, due
        if not self._due:
            return
        own, size = self.resolution, self._due.pop()
        self.set_resolution(size)
        try:
            if self._recorded((size, state[1])) is None and self._records:
                self._due.insert(0, size)  # another thread is at work on the device: later
        except (MemoryError, RuntimeError):  # out of memory: the step itself will tell
            self._due.clear()
        finally:
            self.set_resolution(own)

    def relieve(self) -> None:
        """See IncrementalPlayer; the graphs of larger frames own most of the memory."""
        for key in [key for key in self._graphs if cast(tuple[int, object], key)[0] > self.resolution]:
            del self._graphs[key]
        super().relieve()

    @torch.inference_mode()
    def _take_over(self) -> None:
        """Adopt what was built beside, and record the present graph anew; what cannot be recorded is not played."""
        self._take_fit()
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
            self.note(f"plays on with {before.backend}: {first_line(error)}")
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
        x = img = rgba = None
        for level, resolution in enumerate(self.network.resolutions[: self._levels]):
            bends, maps = self.warps.active(resolution), self._drawn.maps(level, grains[level])
            if level == self._levels - 1 and not bends and self._whole and self.blocks.fills:
                rgba = torch.empty(*self.blocks.shape(level), 4, dtype=torch.uint8, device=self.device)
            x, img = self.blocks.run(level, x, img, replace(given, maps=maps, rgba=rgba))
            if bends:
                x, img = self.warps(resolution, x, img)
        assert x is not None
        if rgba is not None:
            return cut(rgba, self.aspect, 0).contiguous()
        img = self._finish(x, img, given)
        return to_rgba(cut(img[0], self.aspect, 1))

    @torch.inference_mode()
    def _recorded(self, key: Hashable) -> Recorded | None:
        """Return the graph of ``key``, recorded now if it is new; None where this frame is run without."""
        self._painted += 1
        if key in self._graphs:
            self._graphs.move_to_end(key)
            return self._graphs[key]
        if not self._records or self._painted < self._again:
            return None
        if not cuda.CAPTURE.acquire(blocking=False):  # another thread is at work on the device: a later frame's turn
            return None
        try:
            return self._capture(key)
        except Exception as error:
            if out_of_memory(error):
                raise
            self._failed(error)
        finally:
            cuda.CAPTURE.release()
        return None

    def _failed(self, error: Exception) -> None:
        """Try again some frames later; after the last try, play without graphs for good."""
        self._tries += 1
        self._again = self._painted + PAUSE * 2**self._tries
        if self._tries == 1:
            self.note(f"no CUDA graph could be recorded, it is tried again: {first_line(error)}")
        if self._tries < TRIES:
            return
        self.note(f"no CUDA graph can be recorded, plays on without: {first_line(error)}")
        self._records, self.device_seconds = False, None
        self._graphs.clear()

    def _capture(self, key: Hashable) -> Recorded:
        """Record the frame of ``key``, whose blocks and warps are the present ones."""
        self._graphs[key] = self._recorder(self._paint_frame)
        self.captures, self._tries = self.captures + 1, 0
        if len(self._graphs) > GRAPHS:
            self._graphs.popitem(last=False)
        return self._graphs[key]


def open_player(
    network: Network, precision: str, resolution: int | None = None, aspect: Fraction | None = None
) -> GraphPlayer:
    """Return a player whose frames are graphs, for a network that lies on a GPU."""
    torch.backends.cudnn.benchmark = True
    blocks, why_not = fast_blocks(network, precision)
    player = GraphPlayer(network, blocks, resolution, aspect)
    if not isinstance(blocks, EagerBlocks):
        return player
    if not isinstance(blocks, KernelBlocks):
        triton = importlib.util.find_spec("triton") is not None
        for why in (why_not, try_fusing(blocks, player._paint_frame) if triton else None):
            if why:
                player.note(why)
    if precision != "fp16" and not isinstance(blocks, KernelBlocks):
        return player  # plain operators in their own precision: there is nothing to compare
    card = torch.cuda.get_device_name(network.device)
    if line := settle_precision(network, blocks, card):
        player.note(line)
    return player


def fast_blocks(network: Network, precision: str) -> tuple[Blocks, str | None]:
    """Return a network's blocks with our own kernels; without these the plain ones, and a line that says why."""
    if network.is_staged:
        return plain_blocks(network, precision), None
    prepared, dtype = prepare(network, normalize=precision == "fp16"), DTYPES[precision]
    try:
        return KernelBlocks(prepared, dtype, nvrtc.open_kernels(network.device, precision)), None
    except Exception as error:  # of cuda.core, NVRTC and the driver, which raise what they like
        if out_of_memory(error):
            raise
        return EagerBlocks(prepared, dtype), f"plays without its own kernels: {first_line(error)}"
