"""The fast generator: prepared blocks of any backend, block by block, recomputing only what has changed.

The backend is a `Blocks`; a better one can be adopted at any moment from any thread, and the next frame uses it,
so that the show begins on plain PyTorch while something faster is still being compiled.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.control.params import Params
from engine.generator import work
from engine.generator.aspect import cut
from engine.generator.calibration import Calibration
from engine.generator.eager import EagerBlocks, to_rgba
from engine.generator.network import StyleGAN2
from engine.generator.noise import Fields, Grain, Noise
from engine.generator.prepare import Prepared, prepare
from engine.generator.runtime import check_resolution
from engine.generator.warp import FeatureWarps

EXIT_SECONDS = 15.0  # that leaving waits for a backend that is still being built


class Blocks(Protocol):
    """A backend: every block of one network."""

    backend: str
    precision: str
    prepared: Prepared

    def run(
        self,
        level: int,
        x: Tensor | None,
        img: Tensor | None,
        styles: Tensor,
        scales: Tensor,
        strength: float,
        maps: Sequence[Tensor] | None = None,
        rgba: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Run block ``level`` on x, img of the one before (None at the first); return its x [1,C,R,R] and img.

        ``styles`` and ``scales`` are the network's `Modulation`; ``strength`` scales the stored noise, ``maps``
        ([H, W] per convolution, all gains and strengths included) replace it; ``rgba`` [R, R, 4] uint8 is to be
        filled with the finished picture. x and img stay intact until this level is run again.
        """
        ...


class FastGenerator:
    """A StyleGAN2 as the loop plays it: ws in, a uint8 frame out, on the device.

    A frame costs what changed since the last: a block is run again only when a w it reads, a block before it,
    the noise knob or a warp before it has changed. That is exact, not an approximation.
    """

    def __init__(self, network: StyleGAN2, blocks: Blocks, resolution: int | None = None) -> None:
        """``resolution`` in pixels, a block of the model (None: all of it); UserError when it is not one."""
        config = network.config
        self.network, self.blocks = network, blocks
        self.model_resolution = config.img_resolution
        self.num_ws, self.w_dim, self.z_dim, self.c_dim = config.num_ws, config.w_dim, config.z_dim, config.c_dim
        self.device = network.mapping.w_avg.device
        self.warps, self.noise = FeatureWarps(config.resolutions, self.device), Noise()
        self.aspect: Fraction | None = None  # what frames are cut to; None: all that is painted
        self._fields: Fields | None = None
        self.notes: list[str] = []
        self._pending: Blocks | None = None
        self._worker: threading.Thread | None = None
        self._calibration: Calibration | None = None  # None: a reduced picture is what its blocks have painted
        self._fitted: Calibration | None = None
        self._fitter: threading.Thread | None = None
        self._outputs: list[tuple[Tensor, Tensor | None] | None] = [None] * len(config.resolutions)
        self._frame: Tensor | None = None
        self._valid = 0
        self._forget()
        self.set_resolution(resolution)

    @property
    def backend(self) -> str:
        """What runs the blocks at the moment: eager, native, openvino, graph."""
        return self.blocks.backend

    @property
    def precision(self) -> str:
        """What the convolutions are multiplied in: fp32, bf16 or fp16."""
        return self.blocks.precision

    @property
    def w_avg(self) -> NDArray[np.float32]:
        """The mean of w [w_dim]: where truncation leads to."""
        return self.network.mapping.w_avg.float().cpu().numpy()

    def set_resolution(self, resolution: int | None) -> None:
        """Render at another of the model's resolutions from the next frame on; no work is lost or repeated."""
        config = self.network.config
        self.resolution = check_resolution(resolution, config.resolutions, config.architecture)
        self._levels = config.resolutions.index(self.resolution) + 1
        self.warps.resolutions = config.resolutions[: self._levels]
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
            try:
                self._fitted = fit()
            except (RuntimeError, OSError, MemoryError) as error:
                self.notes.append(f"reduced pictures are not fitted: {error}")

        self._fitter = threading.Thread(target=work, name="fit calibration", daemon=True)
        self._fitter.start()

    def _ready_calibration(self) -> None:
        """Work out ahead what the present resolution needs: never while a graph is captured."""
        if self._calibration is not None and self.resolution != self.model_resolution:
            self._calibration.rest(self.blocks.prepared, self._levels - 1)

    def _finish(self, x: Tensor, img: Tensor, styles: Tensor, scales: Tensor) -> Tensor:
        """Return the picture [1, C, R, R] as the whole model would have it, where it was stopped before its end."""
        if self._calibration is None or self.resolution == self.model_resolution:
            return img
        return self._calibration.finish(self.blocks.prepared, self._levels - 1, x, img, styles, scales)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Every resolution it can render, ascending; `set_resolution` takes them between any two frames."""
        config = self.network.config
        if config.architecture != "skip":
            return (self.model_resolution,)
        return tuple(r for r in config.resolutions if r >= 8 or r == self.model_resolution)

    def work(self, resolution: int) -> float:
        """Return the cost of a frame at ``resolution`` as a share of the whole model's: arithmetic and traffic."""
        config = self.network.config
        arithmetic = work.flops(config, resolution) / work.flops(config)
        return (arithmetic + work.traffic(config, resolution) / work.traffic(config)) / 2

    def prepare_sizes(self, sizes: Sequence[int]) -> None:
        """Make ready whatever a frame at one of ``sizes`` needs beside the present one's: here nothing."""

    def relieve(self) -> None:
        """Give back what frames larger than the present one have left behind; they allocate anew."""
        self._outputs[self._levels :] = [None] * (len(self._outputs) - self._levels)
        self._valid = min(self._valid, self._levels)
        trim = getattr(self.blocks, "trim", None)
        if trim is not None:
            trim(self._levels)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def begin(self, params: Params, time: float, dt: float) -> None:
        """Start a frame at ``time`` seconds, ``dt`` after the last: what moves by itself moves on."""
        self.noise.advance(params, dt)
        self.warps.begin(params, time, dt)

    def cut(self) -> None:
        """Begin anew: the next frame shows nothing of what moved by itself so far."""
        self.noise.reset()
        self.warps.reset()

    def adopt(self, blocks: Blocks) -> None:
        """Let the next frame run on ``blocks``; callable from any thread."""
        self._pending = blocks

    def improve(self, make: Callable[[], Blocks]) -> None:
        """Build a better backend off this thread and adopt it; what went wrong is a line in ``notes``."""

        def work() -> None:
            try:
                self.adopt(make())
            except (RuntimeError, OSError, ImportError, AttributeError, ValueError, MemoryError) as error:
                self.notes.append(f"plays on with {self.backend}: {error}")

        self._worker = threading.Thread(target=work, name="build generator", daemon=True)
        self._worker.start()
        # A thread that the interpreter cuts off inside a C++ library ends the process with an abort.
        atexit.register(self._worker.join, EXIT_SECONDS)

    def settle(self, timeout: float | None = None) -> None:
        """Wait until the backend and the fit under way, if any, are in place: for stills, films and measurements."""
        if self._worker is not None:
            self._worker.join(timeout)
        if self._fitter is not None:
            self._fitter.join(timeout)
        self._take_over()

    @torch.inference_mode()
    def map(self, z: NDArray[np.floating], c: NDArray[np.floating] | None = None) -> NDArray[np.float32]:
        """Return the untruncated ws [n, num_ws, w_dim] of ``z`` [n, z_dim] and labels ``c`` [n, c_dim]."""
        labels = None if c is None else torch.as_tensor(c, dtype=torch.float32, device=self.device)
        ws = self.network.mapping(torch.as_tensor(z, dtype=torch.float32, device=self.device), labels)
        return np.asarray(ws.cpu().numpy(), dtype=np.float32)

    @torch.inference_mode()
    def __call__(self, ws: NDArray[np.float32], params: Params) -> Tensor:
        """Return the frame, uint8 RGBA [resolution, resolution, 4], for ``ws`` [num_ws, w_dim].

        Bent, and with the noise that ``begin`` has said for this frame. The tensor is the caller's to keep, not to
        change.
        """
        self._take_over()
        start = self._first_stale(ws, self.noise.grains(params, self.network.config.resolutions))
        frame = self._frame
        if frame is None or start < self._levels:
            frame = self._render(start)
            self._frame = None if self._bent else frame
        return frame

    @torch.inference_mode()
    def image(self, ws: Tensor, noise_mode: str = "const", generator: torch.Generator | None = None) -> Tensor:
        """Return the raw float image [N, C, H, W], about -1..1, unclamped, for ``ws`` [N, num_ws, w_dim].

        ``noise_mode`` is "const", "none" or "random" (drawn from ``generator``). No warps.
        """
        self._take_over()
        self._forget()
        images = [self._plain(one, noise_mode, generator).clone() for one in ws.to(self.device)]
        return torch.cat(images).contiguous()

    def _plain(self, ws: Tensor, noise_mode: str, generator: torch.Generator | None) -> Tensor:
        styles, scales = self.blocks.prepared.modulation(ws.float())
        x = img = None
        for level in range(self._levels):
            maps = None
            if noise_mode == "random":
                maps = [
                    torch.randn(1, 1, *plan.shape, generator=generator, device=self.device)[0, 0] * plan.noise_gain
                    for plan in self.blocks.prepared.blocks[level].convs
                    if plan.noise_gain is not None
                ]
            strength = 0.0 if noise_mode == "none" else 1.0
            x, img = self.blocks.run(level, x, img, styles, scales, strength, maps or None)
        assert x is not None
        assert img is not None
        return self._finish(x, img, styles, scales)

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
            self._styles = self.blocks.prepared.modulation(torch.from_numpy(self._ws).to(self.device))
        resolutions = self.network.config.resolutions
        bent = [level for level in range(self._levels) if self.warps.active(resolutions[level])]
        self._valid, self._bent = valid, bool(bent)
        if bent:  # a bent block's own output stays clean; everything after it is bent, too
            self._frame = None
            return min(valid, bent[0] + 1)
        return valid

    def _render(self, start: int) -> Tensor:
        """Run the blocks from ``start``, bend, and return the picture."""
        resolutions = self.network.config.resolutions
        styles, scales = self._styles
        last = self._levels - 1
        finished = self._calibration is None or self.resolution == self.model_resolution
        clean, x, img = True, None, None
        rgba = None
        for level in range(max(min(start, self._levels) - 1, 0), self._levels):
            bends = self.warps.active(resolutions[level])
            known = self._outputs[level]
            if level < start and known is not None:
                x, img = known
            else:
                if level == last and not bends and finished:
                    shape = self.blocks.prepared.blocks[level].shape
                    rgba = torch.empty(*shape, 4, dtype=torch.uint8, device=self.device)
                strength, maps = self._noise_of(level)
                x, img = self.blocks.run(level, x, img, styles, scales, strength, maps, rgba)
                self._outputs[level] = (x, img)
                self._valid = level + 1 if clean else min(self._valid, level)
            if bends:
                x, img = self.warps(resolutions[level], x, img)
                clean = False
        assert x is not None
        assert img is not None
        img = self._finish(x, img, styles, scales)
        return to_rgba(cut(img[0], self.aspect, 1)) if rgba is None else cut(rgba, self.aspect, 0).contiguous()

    def _noise_of(self, level: int) -> tuple[float, list[Tensor] | None]:
        """Return the stored noise's strength in a block, and the maps that replace it once it drifts."""
        grain = self._grains[level]
        if grain.weights is None:
            return grain.strength, None
        if self._fields is None or self._fields.prepared is not self.blocks.prepared:
            self._fields = Fields(self.blocks.prepared)
        weights = torch.tensor([grain.strength * weight for weight in grain.weights], device=self.device)
        return grain.strength, self._fields.maps(level, weights)


def open_eager(network: StyleGAN2, dtype: torch.dtype, resolution: int | None = None) -> FastGenerator:
    """Return a generator on plain PyTorch in ``dtype``, on the device where ``network`` is."""
    prepared = prepare(network, normalize=dtype == torch.float16)
    return FastGenerator(network, EagerBlocks(prepared, dtype), resolution)
