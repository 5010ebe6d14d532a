"""The training of a style network: what the losses are, one step, and its state.

Style is the distance of Gram matrices to the style picture's, each relative to its target's size, so that styles and
layers weigh alike; content is the distance of features; flicker is the change between a picture and the same a frame
later, moved back. New styles are learned into an old network by their gammas and betas alone (arXiv:1610.07629).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.stage.style.conditional import Conditional
from engine.stage.style.losses import gram, total_variation
from engine.stage.style.recognition import Recognition
from engine.stage.style.trunk import Convolution, Trunk
from tools.style.content import moved
from tools.train.together import Together

SETTINGS = {"fold": 4, "unfold": 2, "up": 21}  # of our own trunk: works on a quarter of the rows, ends on a half
WIDTH, MIDDLE, PAIRS = 48, 32, 5  # channels inside, behind the first enlargement; residual pairs
BORDER = 8  # pixels at the edge that the flicker's loss leaves out: what has moved in is new there


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a training is asked for."""

    side: int = 128  # pixels of the content
    batch: int = 4
    rate: float = 3e-3  # of Adam, at the beginning; falls to a hundredth by a cosine
    content: float = 1.0
    style: float = 15.0
    flicker: float = 6.0
    variation: float = 0.1
    seed: int = 0


def fresh(styles: int, seed: int) -> Conditional:
    """Return our own network, untrained."""
    random = torch.Generator().manual_seed(seed)

    def layer(out: int, into: int, up: int = 1) -> Convolution:
        weight = torch.randn(out, into, 3, 3, generator=random) * math.sqrt(2.0 / (9 * into))
        return Convolution(weight, up=up)

    trunk = Trunk(
        [layer(WIDTH, 3 * SETTINGS["fold"] ** 2)],
        [(layer(WIDTH, WIDTH), layer(WIDTH, WIDTH)) for _ in range(PAIRS)],
        [layer(MIDDLE, WIDTH, up=2), layer(3 * SETTINGS["unfold"] ** 2, MIDDLE)],
        fold=SETTINGS["fold"],
        unfold=SETTINGS["unfold"],
    )
    widths = [each.width for each in trunk.layers()]
    gammas = [1.0 + 0.1 * torch.randn(styles, width, generator=random) for width in widths]
    return Conditional(trunk, gammas, [0.1 * torch.randn(styles, width, generator=random) for width in widths])


class StyleTraining:
    """A network on its way, with what it learns from."""

    def __init__(
        self,
        network: Conditional,
        recognition: Recognition,
        pictures: Sequence[Tensor],
        recipe: Recipe,
        only_styles: bool = False,
        here: Together | None = None,
        accumulate: int = 1,
    ) -> None:
        """``pictures`` [1, 3, H, W] are the styles', in order. ``only_styles`` leaves the trunk as it is.

        Every process is given whole batches and learns from its part, in ``accumulate`` pieces.
        """
        self._here, self._accumulate = here or Together(), accumulate
        self.network, self.recognition, self.recipe = network, recognition, recipe
        network.trunk.requires_grad_(not only_styles)
        self.optimiser = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], recipe.rate)
        self.steps, self.seconds = 0, 0.0
        self._layers = (*recognition.style_layers, *recognition.content_layers)
        with torch.no_grad():
            seen = [recognition.features(recognition.prepare(p), recognition.style_layers) for p in pictures]
        self._targets = [torch.cat([gram(each[layer]) for each in seen]) for layer in range(len(seen[0]))]
        self._sizes = [target.square().mean((1, 2)) for target in self._targets]

    def step(self, batch: Tensor, done: float) -> dict[str, float]:
        """Learn from ``batch`` [B, 3, H, W]; ``done`` 0..1 is the share of the training. Return the losses."""
        recipe, count = self.recipe, self.network.count
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.rate * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0))))
        random = torch.Generator().manual_seed(recipe.seed * 1_000_003 + self.steps)
        # A batch takes the next styles in their order: after a few steps every style has had its turn.
        which = (torch.arange(len(batch)) + len(batch) * self.steps) % count
        later, down, right = moved(batch, random)
        inner = (..., slice(BORDER, -BORDER), slice(BORDER, -BORDER))

        def losses(part: slice) -> dict[str, Tensor]:
            shares = F.one_hot(which[part], count).to(batch.dtype)
            painted = self.network(batch[part], shares)
            found = self._perceived(batch[part], painted, which[part])
            back = self.network(later[part], shares).roll((-down, -right), (-2, -1))
            found["flicker"] = recipe.flicker * F.mse_loss(back[inner], painted[inner])
            found["variation"] = recipe.variation * total_variation(painted)
            return found

        self.optimiser.zero_grad(set_to_none=True)
        told = self._here.learn(self.network.parameters(), len(batch), losses, self._accumulate)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.steps += 1
        return told

    def _perceived(self, batch: Tensor, painted: Tensor, which: Tensor) -> dict[str, Tensor]:
        """Return the content's and the style's loss of ``painted``, each style by its index in ``which`` [B]."""
        recognition, split = self.recognition, len(self.recognition.style_layers)
        made = recognition.features(recognition.prepare(painted), self._layers)
        with torch.no_grad():
            wanted = recognition.features(recognition.prepare(batch), recognition.content_layers)
        style = torch.stack([
            ((gram(features) - target[which]).square().mean((1, 2)) / size[which]).mean()
            for features, target, size in zip(made[:split], self._targets, self._sizes, strict=True)
        ]).mean()  # fmt: skip
        content = torch.stack(  # relative to each picture's own features, whatever others are in the batch
            [
                ((m - w).square().mean((1, 2, 3)) / w.square().mean((1, 2, 3))).mean()
                for m, w in zip(made[split:], wanted, strict=True)
            ]
        ).mean()
        return {"content": self.recipe.content * content, "style": self.recipe.style * style}

    def state(self) -> dict[str, object]:
        """Return what `resume` needs: tensors and numbers only."""
        return {
            "tensors": dict(self.network.state_dict()),
            "optimiser": self.optimiser.state_dict(),
            "steps": self.steps,
            "seconds": self.seconds,
        }

    def resume(self, state: Mapping[str, object]) -> None:
        """Go on where a training stood. KeyError, ValueError and RuntimeError where it was another one."""
        tensors, optimiser = state["tensors"], state["optimiser"]
        if not isinstance(tensors, dict) or not isinstance(optimiser, dict):
            raise ValueError("no state of a training")
        self.network.load_state_dict(tensors)
        self.optimiser.load_state_dict(optimiser)
        self.steps, self.seconds = int(str(state["steps"])), float(str(state["seconds"]))
