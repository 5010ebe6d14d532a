"""The fast player: prepared blocks of any backend, block by block, recomputing only what has changed.

The backend is a `Blocks`; a better one can be adopted at any moment from any thread, and the next frame uses it,
so that the show begins on plain PyTorch while something faster is still being compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import ParamSpec

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.borders.contracts import NoiseMode
from engine.borders.errors import first_line, out_of_memory
from engine.borders.params import Params
from engine.generator import cuda
from engine.generator.aspect import cut
from engine.generator.backends import cost
from engine.generator.backends.blocks import DTYPES, Blocks, Given, Images, to_rgba
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.prepare import Prepared, prepare
from engine.generator.backends.processor import limit_threads
from engine.generator.backends.staged import StagedBlocks
from engine.generator.background import Background
from engine.generator.calibration.calibration import Calibration
from engine.generator.networks.network import Network
from engine.generator.networks.staged import Staged
from engine.generator.noise import Fields, Grain
from engine.generator.player import Player

P = ParamSpec("P")


class IncrementalPlayer(Player):
    """A network of modulated blocks as the loop plays it: ws in, a uint8 frame out, on the device.

    A frame costs what changed since the last: a block is run again only when a w it reads, a block before it,
    the noise knob or a warp before it has changed. That is exact, not an approximation.
    """

    blocks: Blocks

    def __init__(
        self, network: Network, blocks: Blocks, resolution: int | None = None, aspect: Fraction | None = None
    ) -> None:
        """``resolution`` in pixels, a block of the model (None: all of it); UserError when it is not one."""
        super().__init__(network, aspect)
        self.blocks = blocks
        self._fields: Fields | None = None
        self._fields_of = blocks
        self._pending: Blocks | None = None
        self._background = Background(self._notes.append)  # not self.note: a player that is replaced is freed at once
        self._calibration: Calibration | None = None  # None: a reduced picture is what its blocks have painted
        self._fitted: Calibration | None = None
        self._outputs: list[Images | None] = [None] * len(network.resolutions)
        self._frame: Tensor | None = None
        self._valid = 0
        self._forget()
        self.set_resolution(resolution)

    @property
    def backend(self) -> str:
        """What runs the blocks at the moment, by its name in table.BACKENDS."""
        return self.blocks.backend

    @property
    def precision(self) -> str:
        """What the convolutions are multiplied in: fp32, bf16 or fp16."""
        return self.blocks.precision

    def set_resolution(self, resolution: int | None) -> None:
        """Render at another of the model's resolutions from the next frame on; no work is lost or repeated."""
        super().set_resolution(resolution)
        self._levels = self.network.resolutions.index(self.resolution) + 1
        self._frame = None
        self._ready_calibration()

    def calibrate(self, now: Calibration | None, fit: Callable[[], Calibration] | None = None) -> None:
        """Make reduced pictures look like the whole ones by ``now``; None: leave them as the blocks paint them.

        ``fit`` is worked out off this thread and takes over when it is ready.
        """
        self._calibration, self._frame = now, None
        self._ready_calibration()
        if now is None or fit is None:
            return

        def work() -> None:
            self._fitted = fit()

        self._background.start(work, "reduced pictures are not fitted")

    def _ready_calibration(self) -> None:
        """Work out ahead what the present resolution needs: never while a graph is captured."""
        if self._calibration is not None and self.resolution != self.model_resolution:
            self._calibration.rest(self.blocks.prepared, self._levels - 1)

    @property
    def _whole(self) -> bool:
        """Whether the last block that is run paints the finished picture."""
        return self._calibration is None or self.resolution == self.model_resolution

    def _finish(self, x: Tensor, img: Tensor | None, given: Given) -> Tensor:
        """Return the picture [1, C, R, R] as the whole model would have it, where it was stopped before its end."""
        if self._whole or self._calibration is None:
            return self.blocks.picture(self._levels - 1, x, img)
        return self._calibration.finish(self.blocks.prepared, self._levels - 1, x, img, given.styles, given.scales)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Every resolution it can render, ascending; `set_resolution` takes them between any two frames."""
        return self.network.stops

    def work(self, resolution: int) -> float:
        """Return the cost of a frame at ``resolution`` as a share of the whole model's: arithmetic and traffic."""
        return cost.share(self.network, resolution)

    def prepared(self) -> Prepared:
        """See Player."""
        return self.blocks.prepared

    def prepare_sizes(self, sizes: Sequence[int]) -> None:
        """Every block renders at once: there is nothing to prepare."""

    def relieve(self) -> None:
        """Give back what frames larger than the present one have left behind; they allocate anew."""
        self._outputs[self._levels :] = [None] * (len(self._outputs) - self._levels)
        self._valid = min(self._valid, self._levels)
        self.blocks.trim(self._levels)
        if self.device.type != "cpu":
            torch.accelerator.empty_cache()

    def adopt(self, blocks: Blocks) -> None:
        """Let the next frame run on ``blocks``; callable from any thread."""
        self._pending = blocks

    def improve(self, make: Callable[P, Blocks], *args: P.args, **kwargs: P.kwargs) -> None:
        """Build a better backend off this thread and adopt it; what went wrong becomes a note."""

        def work() -> None:
            self.adopt(make(*args, **kwargs))

        self._background.start(work, f"plays on with {self.backend}")

    def settle(self, timeout: float | None = None) -> None:
        """Wait until the backend and the fit under way, if any, are in place: for stills, films and measurements."""
        self._background.join(timeout)
        self._take_over()

    @torch.inference_mode()
    def _paint(self, ws: NDArray[np.float32], params: Params) -> Tensor:
        """See Player. The tensor is the caller's to keep, not to change."""
        self._take_over()
        try:
            start = self._first_stale(ws, self.noise.grains(params, self.network.resolutions))
            frame = self._frame
            if frame is None or start < self._levels:
                frame = self._render(start)
                self._frame = None if self._bent else frame
        except Exception:
            self._forget()  # what was done halfway is no ground to go on from
            raise
        return frame

    @torch.inference_mode()
    def image(self, ws: Tensor, noise_mode: NoiseMode = "const", generator: torch.Generator | None = None) -> Tensor:
        """See Player."""
        self._take_over()
        self._forget()
        images = [self._plain(one, noise_mode, generator).clone() for one in ws.to(self.device)]
        return torch.cat(images).contiguous()

    def _plain(self, ws: Tensor, noise_mode: NoiseMode, generator: torch.Generator | None) -> Tensor:
        given = replace(self.blocks.given(ws.float()), strength=0.0 if noise_mode == "none" else 1.0)
        x = img = None
        for level in range(self._levels):
            maps, shape = None, self.blocks.shape(level)
            if noise_mode == "random":
                maps = [
                    torch.randn(1, 1, *shape, generator=generator, device=self.device)[0, 0] * layer.noise_gain
                    for layer in self.blocks.noises(level)
                    if layer.noise_gain is not None
                ]
            x, img = self._run(level, x, img, replace(given, maps=maps or None))
        assert x is not None
        return self._finish(x, img, given)

    def _run(self, level: int, x: Tensor | None, img: Tensor | None, given: Given) -> Images:
        """Run a block. A backend that fails in mid-show is given up, and plain PyTorch goes on from this very block."""
        try:
            return self.blocks.run(level, x, img, given)
        except Exception as error:
            if self.blocks.backend == "eager" or out_of_memory(error):
                raise
            self.note(f"{self.backend} failed, plays on with eager: {first_line(error)}")
        if isinstance(self.network, Staged):
            self.blocks = StagedBlocks(self.network, self.precision)
        else:
            self.blocks = EagerBlocks(self.blocks.prepared, DTYPES[self.precision])
        return self.blocks.run(level, x, img, given)

    def _take_over(self) -> None:
        if self._pending is not None:
            self.blocks, self._pending = self._pending, None
            self._forget()
        self._take_fit()

    def _take_fit(self) -> None:
        if self._fitted is not None and self._calibration is not None:
            self._calibration.take(self._fitted)
            self._fitted = self._frame = None

    def _forget(self) -> None:
        """Nothing computed so far counts any more."""
        self._valid = 0  # blocks 0.._valid-1 hold what their inputs give, unbent
        self._ws: NDArray[np.float32] | None = None
        self._grains: tuple[Grain, ...] = ()
        self._frame = None

    def _first_stale(self, ws: NDArray[np.float32], grains: tuple[Grain, ...]) -> int:
        """Return the first level whose output must be computed anew, and take note of the inputs."""
        valid = self._valid
        if self._ws is None or self._ws.shape != ws.shape:
            valid = 0
        else:
            same = (new == old for new, old in zip(grains, self._grains, strict=True))
            valid = min(valid, next((level for level, is_same in enumerate(same) if not is_same), valid))
            changed = np.flatnonzero((self._ws != ws).any(axis=1))
            if changed.size:  # the last that block L reads is 2L + 1, shared with the block after it
                valid = min(valid, int(changed[0]) // 2)
        if self._ws is None or valid < len(self._outputs):
            self._ws, self._grains = np.array(ws, dtype=np.float32), grains
            self._given = self.blocks.given(cuda.sent(torch.from_numpy(self._ws), self.device))
        resolutions = self.network.resolutions
        bent = [level for level in range(self._levels) if self.warps.active(resolutions[level])]
        self._valid, self._bent = valid, bool(bent)
        if bent:  # a bent block's own output stays clean; everything after it is bent, too
            self._frame = None
            return min(valid, bent[0] + 1)
        return valid

    def _render(self, start: int) -> Tensor:
        """Run the blocks from ``start``, bend, and return the picture."""
        resolutions = self.network.resolutions
        last = self._levels - 1
        clean, x, img = True, None, None
        rgba = None
        for level in range(max(min(start, self._levels) - 1, 0), self._levels):
            bends = self.warps.active(resolutions[level])
            known = self._outputs[level]
            if level < start and known is not None:
                x, img = known
            else:
                if level == last and not bends and self._whole and self.blocks.fills:
                    rgba = torch.empty(*self.blocks.shape(level), 4, dtype=torch.uint8, device=self.device)
                known = self._outputs[level] = None  # what it was need not lie in memory beside what it becomes
                strength, maps = self._noise_of(level)
                x, img = self._run(level, x, img, replace(self._given, strength=strength, maps=maps, rgba=rgba))
                self._outputs[level] = (x, img)
                self._valid = level + 1 if clean else min(self._valid, level)
            if bends:
                x, img = self.warps(resolutions[level], x, img)
                clean = False
        assert x is not None
        img = self._finish(x, img, self._given)
        return to_rgba(cut(img[0], self.aspect, 1)) if rgba is None else cut(rgba, self.aspect, 0).contiguous()

    def _noise_of(self, level: int) -> tuple[float, list[Tensor] | None]:
        """Return the stored noise's strength in a block, and the maps that replace it once it drifts."""
        grain = self._grains[level]
        if grain.weights is None:
            return grain.strength, None
        if self._fields is None or self._fields_of is not self.blocks:
            self._fields, self._fields_of = Fields(self.blocks, len(self._outputs)), self.blocks
        weights = torch.tensor([grain.strength * weight for weight in grain.weights])
        return grain.strength, self._fields.maps(level, cuda.sent(weights, self.device))


def open_player(
    network: Network, precision: str, resolution: int | None = None, aspect: Fraction | None = None
) -> IncrementalPlayer:
    """Return a player on plain PyTorch's blocks, on the device where ``network`` is."""
    if network.device.type == "cuda":
        torch.backends.cudnn.benchmark = True
    else:
        limit_threads()
    return IncrementalPlayer(network, plain_blocks(network, precision), resolution, aspect)


def plain_blocks(network: Network, precision: str) -> Blocks:
    """Return the blocks of a network in plain PyTorch, whatever they are made of."""
    if isinstance(network, Staged):
        return StagedBlocks(network, precision)
    return EagerBlocks(prepare(network, normalize=precision == "fp16"), DTYPES[precision])
