"""What a distilled model draws: a renderer, seen by the lessons.

`tools.fruit.render` draws fruit on white, three channels; `tools.garden.render` flowers on black with their mask, four.
A snapshot keeps its subject's name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tools.fruit import render as fruit
from tools.fruit.parameters import Array
from tools.fruit.render import Pictures
from tools.garden import botany, kinds
from tools.garden import render as garden


class Draws(Protocol):
    """An offscreen renderer."""

    def render(self, theta: Array) -> Pictures:
        """Return pictures [n, r, r, channels] of parameters [n, theta]."""
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """One renderer."""

    name: str
    kinds: int  # the first numbers of theta
    pose: int  # knobs after them that say where and from where
    theta: int
    channels: int
    ground: float  # -1 or 1: what lies around the subject
    sample: Callable[[np.random.Generator, int], Array]
    mean_theta: Callable[[], Array]
    knob_ranges: Callable[[], Array]
    studio: Callable[[int], Draws]
    pairs: int = 0  # numbers of w that a new run has for every kind's own part of every knob


SUBJECTS = {
    "fruit": Subject(
        "fruit", len(fruit.KINDS), len(fruit.POSE), fruit.THETA, 3, 1.0,
        fruit.sample, fruit.mean_theta, fruit.knob_ranges, fruit.Studio,
    ),
    "garden": Subject(
        "garden", len(kinds.KINDS), len(botany.POSE), botany.THETA, 4, -1.0,
        garden.sample, garden.mean_theta, garden.knob_ranges, garden.Studio,
        pairs=len(kinds.KINDS) * len(botany.KNOBS),
    ),
}  # fmt: skip
FRUIT, GARDEN = SUBJECTS["fruit"], SUBJECTS["garden"]
