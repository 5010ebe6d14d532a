"""The generator as the loop sees it: ws in, a finished uint8 frame out, on the device it was made on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.borders.contracts import NoiseMode
from engine.borders.errors import UserError
from engine.borders.params import Param, Params
from engine.borders.tick import Tick
from engine.generator import directions
from engine.generator.aspect import cut
from engine.generator.backends import memory
from engine.generator.backends.blocks import to_rgba
from engine.generator.backends.prepare import Prepared, prepare
from engine.generator.calibration.calibration import Calibration
from engine.generator.networks.stylegan2 import Hook, StyleGAN2, SynthesisLayer
from engine.generator.noise import STILL, Grain, Noise, maps_beside
from engine.generator.warps.feature_warps import FeatureWarps


class Player(ABC):
    """What every model has in common: its network's sizes, the way into W, and what moves by itself."""

    rows: tuple[Param, ...] = ()
    device_seconds: float | None = None

    def __init__(self, network: Any) -> None:
        """``network`` is a StyleGAN2 or a StyleGAN3 and lies on the device that it plays on."""
        config = network.config
        self.network = network
        self.model_resolution: int = config.img_resolution
        self.resolution = self.model_resolution
        self.num_ws: int = config.num_ws
        self.w_dim: int = config.w_dim
        self.z_dim: int = config.z_dim
        self.c_dim: int = config.c_dim
        self.device: torch.device = network.mapping.w_avg.device
        self.warps, self.noise = FeatureWarps(config.resolutions, self.device), Noise()
        self.aspect: Fraction | None = None  # what frames are cut to; None: all that is painted
        self._notes: list[str] = []
        self._snapped: dict[str, int] = {}  # the warps that play on another block than asked for

    @property
    @abstractmethod
    def backend(self) -> str:
        """What plays it at the moment, by its name in select.BACKENDS."""

    @property
    @abstractmethod
    def precision(self) -> str:
        """What the convolutions are multiplied in: fp32, bf16 or fp16."""

    @property
    @abstractmethod
    def sizes(self) -> tuple[int, ...]:
        """The resolutions that `set_resolution` takes in mid-show, ascending."""

    @property
    def w_avg(self) -> NDArray[np.float32]:
        """The mean of w [w_dim]: where truncation leads to."""
        return np.asarray(self.network.mapping.w_avg.float().cpu().numpy())

    def __call__(self, ws: NDArray[np.float32], params: Params, tick: Tick) -> Tensor:
        """Return the frame at ``tick``, uint8 RGBA [H, W, 4], for ``ws`` [num_ws, w_dim]; not to be changed."""
        self.noise.advance(params, tick.dt)
        self.warps.begin(params, tick.time, tick.dt)
        if self.warps.snapped != self._snapped:
            self._tell_snapped(params)
        return self._paint(ws, params)

    @abstractmethod
    def _paint(self, ws: NDArray[np.float32], params: Params) -> Tensor:
        """Return the frame; noise and warps are where this frame has them."""

    @abstractmethod
    def image(self, ws: Tensor, noise_mode: NoiseMode = "const", generator: torch.Generator | None = None) -> Tensor:
        """Return the raw float image [N, C, H, W], about -1..1, unclamped, for ``ws`` [N, num_ws, w_dim].

        No warps. ``noise_mode`` is "const", "none" or "random", drawn from ``generator``.
        """

    @torch.inference_mode()
    def map(self, z: NDArray[np.floating], c: NDArray[np.floating] | None = None) -> NDArray[np.float32]:
        """Return the untruncated ws [n, num_ws, w_dim] of ``z`` [n, z_dim] and labels ``c`` [n, c_dim]."""
        labels = None if c is None else torch.as_tensor(c, dtype=torch.float32, device=self.device)
        ws = self.network.mapping(torch.as_tensor(z, dtype=torch.float32, device=self.device), labels)
        return np.asarray(ws.cpu().numpy(), dtype=np.float32)

    def directions(self, kind: str) -> NDArray[np.float32]:
        """Return the directions [8, w_dim] of ``kind``, "sefa" or "ganspace"; finding them takes seconds."""
        return directions.find(kind, self.network)

    def cut(self) -> None:
        """Begin anew: the next frame shows nothing of what moved by itself before."""
        self.noise.reset()
        self.warps.reset()

    @abstractmethod
    def set_resolution(self, resolution: int | None) -> None:
        """Render ``resolution`` pixels from the next frame on; None: all of the model. UserError lists the sizes."""

    @abstractmethod
    def calibrate(self, now: Calibration | None, fit: Callable[[], Calibration] | None = None) -> None:
        """Make reduced pictures look like the whole ones by ``now`` (None: leave them), later by ``fit`` if given."""

    @abstractmethod
    def prepare_sizes(self, sizes: Sequence[int]) -> None:
        """Make ready what frames of ``sizes`` need beside the present one's."""

    def work(self, resolution: int) -> float:
        """Return the cost of a frame at ``resolution`` as a share of the whole model's."""
        return 1.0

    @abstractmethod
    def relieve(self) -> None:
        """Give back the memory that larger frames have left behind."""

    def advice(self) -> str:
        """Return in one line what to do when a frame does not fit into memory."""
        return memory.advice(self.network, self.resolution, str(self.device))

    @abstractmethod
    def settle(self, timeout: float | None = None) -> None:
        """Wait until whatever is being built beside the show is in place."""

    def note(self, line: str) -> None:
        """Keep ``line`` for the performer; callable from any thread."""
        self._notes.append(line)

    def take_notes(self) -> tuple[str, ...]:
        """Return what the performer should know since the last call, a line each."""
        taken = tuple(self._notes)
        del self._notes[: len(taken)]  # another thread may add one meanwhile
        return taken

    def _tell_snapped(self, params: Params) -> None:
        """Note the warps that have come to play on another block than asked for."""
        for name, layer in self.warps.snapped.items() - self._snapped.items():
            self.note(f"{name}.layer = {params[f'{name}.layer']:g}: no such block is painted; plays at {layer} px")
        self._snapped = self.warps.snapped


class EagerGenerator(Player):
    """StyleGAN2 in plain PyTorch, fp32, channels-last: the backend that runs wherever torch does."""

    backend = "eager"
    precision = "fp32"

    def __init__(self, network: StyleGAN2, device: str, resolution: int | None = None) -> None:
        """``resolution`` in pixels, a block of the model (None: all of it); UserError when it is not one."""
        super().__init__(network.eval().requires_grad_(False).to(device))
        config = network.config
        self.set_resolution(resolution)
        self.network.synthesis.to(memory_format=torch.channels_last)
        self._layers = [
            (config.resolutions.index(int(name.partition(".")[0][1:])), layer, layer.noise_strength.detach().clone())
            for name, layer in network.synthesis.named_modules()
            if isinstance(layer, SynthesisLayer) and config.use_noise
        ]
        self._calibration: tuple[Calibration, Prepared] | None = None
        self._fields: list[Tensor] = []
        self._grains = tuple(Grain() for _ in config.resolutions)

    def set_resolution(self, resolution: int | None) -> None:
        """See Player."""
        config = self.network.config
        self.resolution = check_resolution(resolution, config.resolutions, config.architecture)
        self.warps.resolutions = tuple(r for r in config.resolutions if r <= self.resolution)

    def prepare_sizes(self, sizes: Sequence[int]) -> None:
        """There is nothing to prepare."""

    def relieve(self) -> None:
        """Nothing is kept between frames."""

    def settle(self, timeout: float | None = None) -> None:
        """Nothing faster is under way: this is the backend it stays on."""

    def calibrate(self, now: Calibration | None, fit: Callable[[], Calibration] | None = None) -> None:
        """Make reduced pictures look like the whole ones: by ``fit`` where it is given, else by ``now``."""
        better = now if now is None or fit is None else fit()
        self._calibration = None if better is None else (better, prepare(self.network))

    @property
    def sizes(self) -> tuple[int, ...]:
        """The resolutions it can change to in mid-show: none but its own."""
        return (self.resolution,)

    @torch.inference_mode()
    def _paint(self, ws: NDArray[np.float32], params: Params) -> Tensor:
        """See Player."""
        self._set_noise(self.noise.grains(params, self.network.config.resolutions))
        image = self._synthesize(torch.from_numpy(ws).to(self.device)[None], hook=self.warps)
        return to_rgba(cut(image[0], self.aspect, 1))

    @torch.inference_mode()
    def image(self, ws: Tensor, noise_mode: NoiseMode = "const", generator: torch.Generator | None = None) -> Tensor:
        """See Player."""
        self._set_noise(tuple(Grain() for _ in self.network.config.resolutions))
        return self._synthesize(ws, noise_mode, generator)

    def _synthesize(
        self,
        ws: Tensor,
        noise_mode: NoiseMode = "const",
        generator: torch.Generator | None = None,
        hook: Hook | None = None,
    ) -> Tensor:
        if self.resolution == self.model_resolution:
            return self.network.synthesis(ws, noise_mode, generator, hook)  # type: ignore[no-any-return]
        seen: list[Tensor] = []

        def watch(resolution: int, x: Tensor, img: Tensor | None) -> Tensor | tuple[Tensor, Tensor | None]:
            bent = x if hook is None else hook(resolution, x, img)
            if resolution == self.resolution:
                seen.append(bent[0] if isinstance(bent, tuple) else bent)
            return bent

        image: Tensor = self.network.synthesis(ws, noise_mode, generator, watch, self.resolution)
        if self._calibration is None:
            return image
        calibration, prepared = self._calibration
        level = calibration.resolutions.index(self.resolution)
        finished = [
            calibration.finish(prepared, level, seen[0][i : i + 1], image[i : i + 1], *prepared.modulation(one.float()))
            for i, one in enumerate(ws)
        ]
        return torch.cat(finished)

    def _set_noise(self, grains: tuple[Grain, ...]) -> None:
        """Give every layer its noise; touches the network only where something changed."""
        if grains == self._grains:
            return
        if not self._fields and any(grain.weights for grain in grains):
            self._fields = [maps_beside(layer.noise_const, 1.0, i) for i, (_, layer, _) in enumerate(self._layers)]
        for i, (level, layer, own) in enumerate(self._layers):
            grain = grains[level]
            if grain != self._grains[level]:
                layer.noise_strength.copy_(own * grain.strength)
                if self._fields:
                    weights = torch.tensor(grain.weights or STILL, device=self.device)
                    layer.noise_const.copy_(torch.tensordot(weights, self._fields[i], 1))
        self._grains = grains


def check_resolution(wanted: int | None, resolutions: tuple[int, ...], architecture: str) -> int:
    """Return the render resolution; UserError with the list when the model cannot stop there."""
    model = resolutions[-1]
    if wanted is None or wanted == model:
        return model
    if architecture != "skip":
        raise UserError(f"--resolution {wanted}: this {architecture} model only paints at its full {model} pixels")
    allowed = [r for r in resolutions if r >= 8]
    if wanted not in allowed:
        listed = ", ".join(map(str, allowed))
        raise UserError(f"--resolution {wanted}: this model renders at {listed} pixels; choose one of these")
    return wanted
