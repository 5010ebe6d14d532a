"""The flash guard after pictures that it has not seen: it says whether it is where it would be had it seen them."""

from __future__ import annotations

import numpy as np
import pytest

from engine.stage.passes.flashes import SECOND, Flashes
from engine.stage.passes.guard import MEMORY, RELEASE

CELLS = (6, 8)


def film(kind: str, frames: int, seed: int) -> np.ndarray:
    """Return pictures uint8 [frames, h, w, 3]."""
    draw = np.random.default_rng(seed)
    if kind == "noise":
        levels = draw.uniform(0, 1, (frames, *CELLS))
    elif kind == "walk":
        levels = np.clip(0.5 + np.cumsum(draw.normal(0, 0.06, (frames, *CELLS)), 0), 0, 1)
    else:  # calm, then bursts of flashes
        burst = (np.arange(frames) // 20 % 2)[:, None, None]
        levels = 0.3 + burst * 0.5 * (np.arange(frames) % 2)[:, None, None] * draw.uniform(0, 1, (1, *CELLS))
    return np.repeat((levels[..., None] * 255).astype(np.uint8), 3, axis=-1)


@pytest.mark.parametrize("kind", ["noise", "walk", "bursts"])
@pytest.mark.parametrize("seed", range(3))
def test_the_answer_of_a_guard_that_saw_everything_lies_within_the_bounds(kind: str, seed: int) -> None:
    pictures, fps, begins = film(kind, 90, seed), 12.0, 20 + 7 * seed
    whole, late = Flashes(), Flashes()
    certain = 0
    for n, picture in enumerate(pictures):
        answer = whole.see(picture, n / fps)
        if n < begins:
            late.pass_by(n / fps)
            continue
        late.see(picture, n / fps)
        assert late.must <= answer <= late.may
        certain += late.may == late.must
    assert certain > 10


def test_a_calm_film_is_certain_within_the_guards_memory() -> None:
    for fps in (12.0, 30.0, 60.0):
        flashes, picture = Flashes(), np.full((*CELLS, 3), 90, np.uint8)
        flashes.pass_by(0.0)
        count = int(MEMORY * fps)
        answers = []
        for n in range(1, count):
            flashes.see(picture, n / fps)
            answers.append(flashes.may)
        assert not any(answers[-int(RELEASE * fps) - 1 :])
        assert SECOND + RELEASE == MEMORY


def test_nothing_is_known_right_after_pictures_that_went_by() -> None:
    flashes = Flashes()
    for n in range(30):
        flashes.pass_by(n / 30)
    flashes.see(np.full((*CELLS, 3), 90, np.uint8), 1.0)
    assert flashes.may
    assert not flashes.must
