"""A picture's place in a model: `project` runs a recipe until its steps or its time are over.

found = project(network, target, recipe="stylegan2", perceptual=Lpips(vgg.load(path)))
found.ws                                     # float32 [num_ws, w_dim]
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.generator.calibration.calibration import Calibration
from engine.generator.inversion import pictures
from engine.generator.inversion.encoders.encoder import Encoder
from engine.generator.inversion.problem import Descent, Draws, Problem, Space, Stepped
from engine.generator.inversion.recipes.image2stylegan import Image2Stylegan
from engine.generator.inversion.recipes.indomain import InDomain
from engine.generator.inversion.recipes.ours import Ours
from engine.generator.inversion.recipes.stylegan2 import Stylegan2
from engine.generator.networks.network import Network
from engine.generator.perceptual.distance import Perceptual

LOOKS = 20  # times a projection's picture is looked at, at most, for the curve


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe by name: its default steps and space, and whether it needs a network that sees."""

    make: Callable[[Problem, Calibration | None], Descent]
    steps: int
    space: Space
    sees: bool = False


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "ours": Recipe(Ours, 500, "w+"),
        "stylegan2": Recipe(lambda problem, _: Stylegan2(problem), 1000, "w", sees=True),
        "image2stylegan": Recipe(lambda problem, _: Image2Stylegan(problem), 5000, "w+"),
        "indomain": Recipe(lambda problem, _: InDomain(problem), 100, "w+"),
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """How far a projection has come: steps done and asked for, seconds, the error, and the point itself."""

    step: int
    steps: int
    seconds: float
    progress: float
    mse: float  # of uint8 pictures, when it was last looked at
    descent: Descent


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A place that was found. `mse` and `psnr` are of uint8 pictures at the model's size, where the mask is white.

    `noises` are the network's maps [H, W] with which the picture was found, empty where they were left alone. `curve`
    has [seconds, mse]; `history` what every step has seen.
    """

    ws: NDArray[np.float32]
    picture: NDArray[np.uint8]
    noises: tuple[NDArray[np.float32], ...]
    steps: int
    seconds: float
    mse: float
    curve: tuple[tuple[float, float], ...]
    history: tuple[Stepped, ...]
    processor_seconds: float = 0.0  # of this process, all its threads
    interrupted: bool = False

    @property
    def psnr(self) -> float:
        """The peak signal-to-noise ratio in dB."""
        return pictures.psnr(self.mse)


def project(
    network: Network,
    target: Tensor,
    *,
    recipe: str = "ours",
    steps: int | None = None,
    seconds: float | None = None,
    processor_seconds: float | None = None,
    space: Space | None = None,
    perceptual: Perceptual | None = None,
    encoder: Encoder | None = None,
    start: Tensor | None = None,
    noises: Sequence[Tensor] = (),
    noise_maps: bool = False,
    mask: Tensor | None = None,
    seed: int = 0,
    draws: Draws | None = None,
    w_samples: int = 10_000,
    calibration: Calibration | None = None,
    began: float | None = None,
    watch: Callable[[Seen], None] | None = None,
) -> Projection:
    """Find the place of ``target`` [1, C, H, W], -1..1, at the network's size.

    See `Problem` for what is given. ``began`` is the monotonic time that ``seconds`` count from; ``processor_seconds``
    count from now, over all threads, so that a busy machine finds as much as a free one. ``watch`` is called after
    every step; KeyboardInterrupt ends the work and the best so far is returned. The network is left as it was.
    Raises ValueError for a recipe that needs a perceptual network and has none.
    """
    row = RECIPES[recipe]
    if row.sees and perceptual is None:
        raise ValueError(f"the recipe {recipe} needs a perceptual network")
    problem = Problem(
        network=network,
        target=target,
        perceptual=perceptual,
        encoder=encoder,
        space=space or row.space,
        noise_maps=noise_maps,
        start=start,
        noises=noises,
        mask=mask,
        steps=row.steps if steps is None else steps,
        seed=seed,
        draws=draws,
        w_samples=w_samples,
    )
    run = Run(problem, seconds, time.monotonic() if began is None else began, processor_seconds)
    with kept_noise(network), torch.enable_grad():
        for layer, held in zip(network.noises(), noises, strict=False):
            layer.const.copy_(held)
        return run.through(lambda: row.make(problem, calibration), watch)


class Run:
    """One projection on its way: looks at what it has, keeps the best."""

    def __init__(
        self, problem: Problem, seconds: float | None, began: float, processor_seconds: float | None = None
    ) -> None:
        self.problem, self.seconds, self.began = problem, seconds, began
        self.processor_seconds, self.processor_began = processor_seconds, time.process_time()
        self.wanted = pictures.to_bytes(problem.target)
        self.weight = None if problem.mask is None else problem.mask[0, 0].numpy()
        self.own = [layer.const.detach().clone() for layer in problem.network.noises()]
        self.curve: list[tuple[float, float]] = []
        self.history: list[Stepped] = []
        self.best: tuple[float, Tensor, NDArray[np.uint8], list[Tensor]] | None = None
        self.looked = -1.0

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    @property
    def worked(self) -> float:
        """Seconds of the processor since it began."""
        return time.process_time() - self.processor_began

    @property
    def spent(self) -> float:
        """The share of the time that has gone, by either clock; 1 and more: it is over."""
        by_clock = self.elapsed / self.seconds if self.seconds else 0.0
        return max(by_clock, self.worked / self.processor_seconds if self.processor_seconds else 0.0)

    @torch.no_grad()
    def look(self, ws: Tensor, last: bool) -> float:
        """Look at a point; return its error. ``last``: it counts even where an earlier one was better."""
        layers = self.problem.network.noises()
        now = [layer.const.detach().clone() for layer in layers]
        if not self.problem.noise_maps:
            for layer, held in zip(layers, self.own, strict=True):
                layer.const.copy_(held)
        picture = pictures.to_bytes(self.problem.network.synthesize(ws))
        for layer, held in zip(layers, now, strict=True):
            layer.const.copy_(held)
        mse = pictures.mean_square(picture, self.wanted, self.weight)
        self.curve.append((round(self.elapsed, 3), mse))
        if self.best is None or last or mse <= self.best[0]:
            self.best = (mse, ws.detach().clone(), picture, now)
        return mse

    def through(self, make: Callable[[], Descent], watch: Callable[[Seen], None] | None) -> Projection:
        """Run the steps and return what was found."""
        problem, interrupted = self.problem, False
        descent: Descent | None = None
        try:
            if problem.steps == 0 and problem.start is not None:
                self.look(problem.start, last=True)
            else:
                descent = make()
                self._steps(descent, watch)
        except KeyboardInterrupt:
            interrupted = True
            if descent is None and problem.start is None:
                raise
        ws = problem.start if descent is None else descent.ws
        if (descent is not None or self.best is None) and ws is not None:
            self.look(ws, last=descent is not None and descent.better_is_last)
        assert self.best is not None
        mse, found, picture, noises = self.best
        return Projection(
            ws=np.asarray(found[0].cpu().numpy(), dtype=np.float32),
            picture=picture,
            noises=tuple(np.asarray(n.cpu().numpy()) for n in noises) if problem.noise_maps else (),
            steps=len(self.history),
            seconds=self.elapsed,
            mse=mse,
            curve=tuple(self.curve),
            history=tuple(self.history),
            processor_seconds=self.worked,
            interrupted=interrupted,
        )

    def _steps(self, descent: Descent, watch: Callable[[Seen], None] | None) -> None:
        problem, slowest = self.problem, 0.0
        mse = self.look(descent.ws, last=False)
        for index in range(problem.steps):
            before = self.spent
            if before + slowest > 1.0:
                return
            progress = max(index / problem.steps, before)
            self.history.append(descent.step(index, min(progress, 1.0)))
            slowest = max(0.9 * slowest, self.spent - before)
            if progress - self.looked >= 1 / LOOKS:
                mse, self.looked = self.look(descent.ws, last=descent.better_is_last), progress
            if watch is not None:
                watch(Seen(index + 1, problem.steps, self.elapsed, progress, mse, descent))
            if isinstance(descent, Ours) and descent.settled:
                return


@contextmanager
def kept_noise(network: Network) -> Iterator[None]:
    """Leave the network's noise maps as they were."""
    held = [layer.const.detach().clone() for layer in network.noises()]
    try:
        yield
    finally:
        for layer, own in zip(network.noises(), held, strict=True):
            layer.const.requires_grad_(False).copy_(own)
            layer.const.grad = None
