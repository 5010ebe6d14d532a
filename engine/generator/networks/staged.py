"""What StyleGAN, PGGAN and DCGAN share: blocks that run one after the other and are painted only where one stops.

    ws [N, num_ws, w_dim] --condition--> [N, S] --block 4, 8, ...--> x [N,C,R,R] --paint--> img

Unlike StyleGAN2's, a block adds nothing to the picture: only the last one's maps become RGB. A training that stopped
between two resolutions has a level of detail (`lod`, Karras et al., arXiv:1710.10196, section 2): the blocks above it
only double the picture, and its fraction blends the last two ToRGBs.
"""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from engine.borders.contracts import NoiseMode
from engine.generator.networks.convolutions import ACTIVATIONS, Compiled, Convolution, nearest2
from engine.generator.networks.layers import Hook
from engine.generator.networks.network import Network, NoiseLayer, Sizes

Images = tuple[Tensor, Tensor | None]  # a block's maps, and the picture so far
Maps = Sequence[Tensor | None]  # of a block's layers: what each adds as noise [N or 1, 1, H, W], or nothing


class Staged(Network):
    """A network of blocks without modulated convolutions."""

    is_staged = True

    noise_stored = True  # without, the stored noise is silence, and costs nothing

    def __init__(self, sizes: Sizes, lod: float = 0.0, output: str = "linear") -> None:
        super().__init__(sizes)
        self.output = output  # the picture's nonlinearity
        self.lod = min(max(lod, 0.0), len(self.resolutions) - 1.0)
        self.top = len(self.resolutions) - 1 - math.floor(self.lod)  # level of the last block that is run
        self.is_quick = False

    @abstractmethod
    def condition(self, ws: Tensor) -> Tensor:
        """Return what the blocks read, fp32 [N, S], of ws [N, num_ws, w_dim]."""

    @abstractmethod
    def block(self, level: int, x: Tensor | None, condition: Tensor, maps: Maps) -> Tensor:
        """Return block ``level``'s maps of those of the block before; None at the first."""

    @abstractmethod
    def paint(self, level: int, x: Tensor) -> Tensor:
        """Return the linear picture [N, img_channels, H, W], fp32, of block ``level``'s maps; the level has RGB."""

    @abstractmethod
    def quicken(self, dtype: torch.dtype) -> None:
        """Replace the layers by quick ones, see `convolutions`."""

    def block_shape(self, level: int) -> tuple[int, int]:
        """Pixels of block ``level``, height and width."""
        return self.resolutions[level], self.resolutions[level]

    def noises_of(self, level: int) -> Sequence[NoiseLayer]:
        """The layers of block ``level`` that add noise, in order."""
        return ()

    def quick(self, dtype: torch.dtype) -> Staged:
        """Return the same network for playing: another copy of the weights, folded, channels last, in ``dtype``."""
        made = copy.deepcopy(self)
        made.is_quick = True
        made.quicken(dtype)
        return made

    @property
    def compiles(self) -> bool:
        """Whether `compile_layers` replaces its layers by compiled ones."""
        return False

    def compile_layers(self, kit: Compiled) -> None:
        """Replace the layers by quick ones in fp32, and those that compile by compiled ones, see `convolutions`."""
        raise NotImplementedError

    def compiled(self, kit: Compiled) -> Staged:
        """Return the same network for playing one picture on a CPU, its layers compiled; it `compiles`."""
        made = copy.deepcopy(self)
        made.is_quick = True
        made.compile_layers(kit)
        return made

    def pointwise(self) -> Staged:
        """Return the same network whose convolutions see one pixel: a kernel is the sum of its taps, nothing grows."""
        made = copy.deepcopy(self)
        for module in made.modules():
            if isinstance(module, Convolution):
                module.alone()
        return made

    @property
    def bends(self) -> tuple[int, ...]:
        """See Network."""
        return self.resolutions[: self.top + 1]

    @property
    def levels_with_rgb(self) -> tuple[int, ...]:
        """The levels whose maps `paint` takes."""
        return (len(self.resolutions) - 1,)

    @property
    def stops(self) -> tuple[int, ...]:
        """See Network."""
        own = self.resolutions
        inner = [own[level] for level in self.levels_with_rgb if level < self.top and own[level] >= 8]
        return (*inner, own[-1])

    def noises(self) -> Sequence[NoiseLayer]:
        """See Network."""
        return [layer for level in range(self.top + 1) for layer in self.noises_of(level)]

    def run(self, level: int, x: Tensor | None, img: Tensor | None, condition: Tensor, maps: Maps) -> Images:
        """Return block ``level``'s maps, and the picture so far where its training was stopped below the whole."""
        if level > self.top:
            assert x is not None
            assert img is not None
            return nearest2(x), nearest2(img)
        x = self.block(level, x, condition, maps)
        share = self.lod % 1.0
        if self.lod and level == self.top:
            rgb = self.paint(level, x)
            img = rgb if img is None else torch.lerp(rgb, nearest2(img), share)
        elif share and level == self.top - 1 and level in self.levels_with_rgb:
            img = self.paint(level, x)
        return x, img

    def synthesize(
        self,
        ws: Tensor,
        noise_mode: NoiseMode = "const",
        generator: torch.Generator | None = None,
        hook: Hook | None = None,
        stop_at: int | None = None,
    ) -> Tensor:
        """See Network."""
        if ws.ndim != 3 or ws.shape[1:] != (self.num_ws, self.w_dim):
            raise ValueError(f"ws has shape {tuple(ws.shape)}, wanted [N, {self.num_ws}, {self.w_dim}]")
        if stop_at not in (None, *self.stops):
            raise ValueError(f"no RGB at {stop_at} px in this {self.title} network")
        condition = self.condition(ws)
        x: Tensor | None = None
        img: Tensor | None = None
        level = 0
        for level, resolution in enumerate(self.resolutions):
            x, img = self.run(level, x, img, condition, self.maps(level, len(ws), noise_mode, generator))
            if hook is not None and level <= self.top:
                seen = hook(resolution, x, img)
                x, img = seen if isinstance(seen, tuple) else (seen, img)
            if resolution == stop_at:
                break
        assert x is not None
        return self.picture(level, x, img)

    def picture(self, level: int, x: Tensor, img: Tensor | None) -> Tensor:
        """Return the finished picture after block ``level``, the last that was run."""
        return ACTIVATIONS[self.output](self.paint(level, x) if img is None else img)

    def maps(self, level: int, count: int, mode: NoiseMode, generator: torch.Generator | None) -> Maps:
        """Return what block ``level``'s layers add as noise to ``count`` pictures."""
        found: list[Tensor | None] = []
        for layer in self.noises_of(level):
            if mode == "random":
                shape = (count, 1, *layer.const.shape)
                found.append(torch.randn(shape, generator=generator, device=layer.const.device))
            else:
                found.append(layer.const[None, None] if mode == "const" and self.noise_stored else None)
        return found


class StagedWithoutW(Staged):
    """One whose ws are z with the label behind it: [N, 1, z_dim + c_dim]."""

    has_w = False
    truncation_cutoff = 0  # z has no average to go to
    origin: Tensor

    def __init__(self, sizes: Sizes, lod: float = 0.0, output: str = "linear") -> None:
        super().__init__(sizes, lod, output)
        self.register_buffer("origin", torch.zeros(self.w_dim), persistent=False)

    @property
    def w_avg(self) -> Tensor:
        """See Network."""
        return self.origin

    def map(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """See Network."""
        if not self.c_dim:
            return z[:, None]
        return torch.cat((z, z.new_zeros(len(z), self.c_dim) if c is None else c), dim=1)[:, None]
