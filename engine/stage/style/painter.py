"""Painters: a style network as ``vj stylize`` and the show use it, whatever its method.

Every method reduces a style to a *code*, a row of numbers, and a blend of styles is the same blend of codes: shares of
a conditional network, a predicted vector, the statistics of AdaIN's features.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.borders.errors import UserError
from engine.borders.style_weights import StyleWeights
from engine.stage.style import conditional
from engine.stage.style.adain import AdaIN, coral
from engine.stage.style.arbitrary import Arbitrary, ArbitraryPair
from engine.stage.style.feedforward import TransformerNet

LEAST = 16  # pixels; a picture's shorter side, for borders are reflected in a quarter of it
SEAM = 2  # grains that a folding network paints beyond each border


class Painter(nn.Module, ABC):
    """A style network with its styles."""

    method: str
    takes_pictures = False  # whether any picture can be a style
    grain = 4  # pixels; where sides are multiples of it, the painted picture has the picture's size

    def __init__(self, source: str, styles: Sequence[str]) -> None:
        """``styles`` are the names of the styles inside the network, in order."""
        super().__init__()
        self.source, self.styles = source, tuple(styles)

    @property
    def home(self) -> Tensor:
        """A tensor on the device and in the type that it computes in."""
        return next(chain(self.parameters(), self.buffers()))

    @abstractmethod
    def named(self, index: int) -> Tensor:
        """Return the code [1, K] of a style inside the network, counted from 0."""

    def pictured(self, style: Tensor) -> Tensor:
        """Return the code of a picture [1, 3, H, W]; UserError where only the network's own styles can be had."""
        raise UserError(f"{self.source}: has its own styles only: {self.listed()}")

    def vector(self, numbers: Tensor) -> Tensor:
        """Return the code that a file of numbers holds; UserError where styles are no vectors."""
        raise UserError(f"{self.source}: its styles are no vectors: {self.listed()}")

    @abstractmethod
    def paint(self, image: Tensor, code: Tensor) -> Tensor:
        """Return ``image`` [1, 3, H, W], RGB 0..1, painted in the style of ``code`` [1, K]; sides may grow."""

    def strengthened(self, image: Tensor, code: Tensor, strength: float) -> Tensor:
        """Return the painted image at ``strength`` 0..1 as the method has it; without a way of its own, a crossfade."""
        painted = self.paint(image, code)
        if strength >= 1.0:
            return painted
        return torch.lerp(grown(image, painted), painted, strength)

    def listed(self) -> str:
        """Return its styles, for a line to the user."""
        if self.takes_pictures:
            return "give a picture"
        count = len(self.styles)
        plain = all(name.isdecimal() for name in self.styles)
        return f"give a number from 0 to {count - 1}" if plain else f"choose one of {', '.join(self.styles)}"


class FeedforwardPainter(Painter):
    """One style, on a scale of 0..255 inside."""

    method = "feedforward"

    def __init__(self, weights: StyleWeights) -> None:
        super().__init__(weights.source, ("0",))
        self.network = TransformerNet(weights.tensors)

    def named(self, index: int) -> Tensor:
        """See Painter."""
        return torch.ones(1, 1)

    def paint(self, image: Tensor, code: Tensor) -> Tensor:
        """See Painter."""
        painted: Tensor = self.network(image * 255.0) / 255.0
        return painted


class ConditionalPainter(Painter):
    """Many styles by gammas and betas; a code is the shares of all."""

    method = "conditional"

    def __init__(self, weights: StyleWeights) -> None:
        network = conditional.from_tensors(weights.tensors, weights.settings)
        names = weights.styles or tuple(str(i) for i in range(network.count))
        if len(names) != network.count:
            raise ValueError("another number of names than of styles")
        super().__init__(weights.source, names)
        self.network = network
        self.grain = network.trunk.grain

    def named(self, index: int) -> Tensor:
        """See Painter."""
        return conditional.one_hot(len(self.styles), index)

    def paint(self, image: Tensor, code: Tensor) -> Tensor:
        """See Painter. A network that folds pixels into channels needs whole squares: borders are repeated.

        It reflects squares and not pixels, and paints a seam there: that lies outside of what is shown.
        """
        if self.network.trunk.fold == 1:
            whole: Tensor = self.network(image, code)
            return whole
        bottom, right = -image.shape[2] % self.grain, -image.shape[3] % self.grain
        seam = SEAM * self.grain
        image = F.pad(image, (seam, right + seam, seam, bottom + seam), mode="replicate")
        painted: Tensor = self.network(image, code)[..., seam:-seam, seam:-seam]
        return painted


class ArbitraryPainter(Painter):
    """Any style by a vector; a code is that vector."""

    method = "conditional"

    def __init__(self, weights: StyleWeights) -> None:
        super().__init__(weights.source, ())
        self.network = ArbitraryPair(weights.graphs) if weights.graphs else Arbitrary(weights.tensors)
        self.takes_pictures = isinstance(self.network, ArbitraryPair) or self.network.predictor is not None

    def named(self, index: int) -> Tensor:
        """See Painter."""
        raise UserError(f"{self.source}: has no styles inside it: {self.listed()}")

    def pictured(self, style: Tensor) -> Tensor:
        """See Painter."""
        if not self.takes_pictures:
            raise UserError(f"{self.source}: {self.listed()}")
        return self.network.vector(style)

    def vector(self, numbers: Tensor) -> Tensor:
        """See Painter."""
        if numbers.numel() != self.network.length:
            raise UserError(f"{self.source}: a style is {self.network.length} numbers, not {numbers.numel()}")
        return numbers.reshape(1, -1)

    def paint(self, image: Tensor, code: Tensor) -> Tensor:
        """See Painter."""
        painted: Tensor = self.network(image, code)
        return painted

    def strengthened(self, image: Tensor, code: Tensor, strength: float) -> Tensor:
        """See Painter: between the content's own vector and the style's, where the network can predict one."""
        if strength >= 1.0 or not self.takes_pictures:
            return super().strengthened(image, code, strength)
        return self.paint(image, torch.lerp(self.network.vector(image), code, strength))

    def listed(self) -> str:
        """See Painter."""
        if self.takes_pictures:
            return "give a picture, or a .npy of a style's vector"
        return "it holds no predictor (InceptionV3): give a .npy of a style's vector"


class AdainPainter(Painter):
    """Any style by the statistics of features; a code is mean and deviation of every channel, in a row."""

    method = "adain"
    takes_pictures = True
    grain = 8

    def __init__(self, weights: StyleWeights) -> None:
        super().__init__(weights.source, ())
        self.network = AdaIN(weights.tensors)

    def named(self, index: int) -> Tensor:
        """See Painter."""
        raise UserError(f"{self.source}: has no styles inside it: {self.listed()}")

    def pictured(self, style: Tensor) -> Tensor:
        """See Painter."""
        return self.network.statistics(style).flatten(1)

    def paint(self, image: Tensor, code: Tensor) -> Tensor:
        """See Painter."""
        return self.strengthened(image, code, 1.0)

    def strengthened(self, image: Tensor, code: Tensor, strength: float) -> Tensor:
        """See Painter: between the content's features and those with the style's statistics."""
        painted: Tensor = self.network(image, code.view(len(code), 2, -1), strength)
        return painted


PAINTERS: dict[str, type[FeedforwardPainter | ConditionalPainter | ArbitraryPainter | AdainPainter]] = {
    "feedforward": FeedforwardPainter,
    "conditional": ConditionalPainter,
    "arbitrary": ArbitraryPainter,
    "adain": AdainPainter,
}
METHODS = ("gatys", "feedforward", "conditional", "adain")  # of ``vj stylize --method``


def open_painter(weights: StyleWeights) -> Painter:
    """Return the painter that a file's weights make. UserError, which names the file, where they make none."""
    if weights.kind not in PAINTERS:
        raise UserError(f"{weights.source}: a recognition network, which paints by optimisation only: --method gatys")
    try:
        painter = PAINTERS[weights.kind](weights)
        with torch.inference_mode():  # shapes that do not fit are found here
            side = torch.zeros(1, 3, 32, 32)
            length = {"feedforward": 1, "adain": 0}.get(weights.kind)
            if length is None or length:
                code = torch.zeros(1, _length(painter, length))
                painter.paint(side, code)
            else:
                painter.paint(side, painter.pictured(side))
    except (KeyError, ValueError, RuntimeError, AssertionError):
        raise UserError(f"{weights.source}: its weights make no style network: download it again") from None
    return painter.eval().requires_grad_(False)


def _length(painter: Painter, known: int | None) -> int:
    if known is not None:
        return known
    return painter.network.length if isinstance(painter, ArbitraryPainter) else len(painter.styles)


def mixed(codes: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Return the blend [1, K] of codes by their shares, which need not sum to 1; ValueError where all are 0."""
    total = sum(shares)
    if total <= 0.0:
        raise ValueError("no style has a share")
    return torch.stack([code * (share / total) for code, share in zip(codes, shares, strict=True)]).sum(0)


def grown(image: Tensor, like: Tensor) -> Tensor:
    """Return ``image`` with its last row and column repeated until it is as large as ``like``."""
    bottom, right = like.shape[-2] - image.shape[-2], like.shape[-1] - image.shape[-1]
    return F.pad(image, (0, max(right, 0), 0, max(bottom, 0)), mode="replicate") if bottom > 0 or right > 0 else image


def recoloured(style: Tensor, content: Tensor) -> Tensor:
    """Return a style [1, 3, H, W] with the colours of the content: what preserves colour."""
    return coral(style[0], content[0])[None]
