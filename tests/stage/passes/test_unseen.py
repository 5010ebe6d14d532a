"""The flash guard after pictures that it has not seen: it says whether it is where it would be had it seen them."""

from __future__ import annotations

import numpy as np
import pytest

from engine.borders.tick import Tick
from engine.stage.passes.certainty import Foresight
from engine.stage.passes.flashes import RELEASE, Flashes, Zigzag, _Since

CELLS = (6, 8)


def film(kind: str, frames: int, seed: int) -> np.ndarray:
    """Return pictures uint8 [frames, h, w, 3]."""
    draw = np.random.default_rng(seed)
    if kind == "noise":
        levels = draw.uniform(0, 1, (frames, *CELLS))
    elif kind == "walk":
        levels = np.clip(0.5 + np.cumsum(draw.normal(0, 0.06, (frames, *CELLS)), 0), 0, 1)
    elif kind == "calm":
        levels = np.full((frames, *CELLS), 0.4)
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


@pytest.mark.parametrize("seed", range(12))
def test_zigzags_that_began_at_different_times_are_the_same_from_the_late_ones_first_change(seed: int) -> None:
    """Levels around the steps and the darkness that decide; every cell is a sequence of its own."""
    draw = np.random.default_rng(seed)
    shape, begins = (2, 20, 30), int(draw.integers(1, 12))
    scale = np.float32([[[1.0]], [[150.0]]])
    kinds = (
        draw.integers(0, 12, (40, *shape)) / np.float32(12.0),
        np.clip(0.78 + np.cumsum(draw.choice([-0.05, 0.0, 0.05], (40, *shape)), 0), 0.0, 1.0),
        0.75 + 0.1 * draw.integers(0, 3, (40, *shape)),
        np.clip(0.4 + np.cumsum(draw.normal(0.0, 0.03, (40, *shape)), 0), 0.0, 1.0),
    )
    values = kinds[seed % 4].astype(np.float32) * scale
    whole = Zigzag(values[0])
    for value in values[:begins]:
        whole.see(value)
    late, since = Zigzag(values[begins]), _Since(values[begins])
    ahead = np.zeros(shape, int)  # by how many changes the one that saw everything is
    changed = np.zeros(shape, bool)
    for n, value in enumerate(values[begins:]):
        all_, own = whole.see(value), late.see(value)
        since.see(value, own, float(n))
        before = ~changed & ~own
        assert not (all_ & before & (since._extra != n)).any()
        assert np.array_equal(all_[changed], own[changed])
        ahead += all_.astype(int) - own
        assert ((ahead >= -1) & (ahead <= 1)).all()
        assert (ahead[before] >= 0).all()
        changed |= own
        for one, other in zip(whole.memory().values(), late.memory().values(), strict=True):
            np.testing.assert_array_equal(one[changed], other[changed])
    assert changed.mean() > 0.2
    assert (ahead != 0).any()


def ticks(fps: float, count: int) -> list[Tick]:
    return [Tick(n, n / fps, 1.0 / fps if n else 0.0) for n in range(count)]


@pytest.mark.parametrize(("fps", "frames"), [(12.0, 14), (30.0, 41), (60.0, 86)])
def test_how_many_pictures_a_guard_has_to_see_where_nothing_flashes(fps: float, frames: int) -> None:
    """Four unseen changes and one more are no flashes: it takes a second less four pictures, and the time to let go."""
    clock = ticks(fps, 300)
    begin = Foresight(clock, {}).begin(200)
    assert 200 - begin == pytest.approx(frames, abs=1)
    assert certain(film("calm", 300, 0), clock, begin, 200)
    assert not certain(film("calm", 300, 0), clock, begin + 1, 200)


def certain(pictures: np.ndarray, clock: list[Tick], begin: int, first: int) -> bool:
    """Whether a guard that sees the pictures from ``begin`` on is certain from ``first`` on."""
    known = {n: [pictures[n]] for n in range(begin, len(clock) - 1)}
    return Foresight(clock, known).held(begin, first) is not None


@pytest.mark.parametrize("kind", ["bursts", "walk"])
def test_by_what_was_seen_it_is_known_from_where_a_guard_is_certain(kind: str) -> None:
    pictures, clock = film(kind, 120, 1), ticks(12.0, 120)
    known = {n: [pictures[n]] for n in range(119)}
    begin = Foresight(clock, known).begin(110)
    held = Foresight(clock, known).held(begin, 110)
    assert held is not None
    whole, strength, too_many = Flashes(), 0.0, False
    for n in range(119):
        strength = 1.0 if too_many else max(0.0, strength - clock[n].dt / RELEASE)
        if n >= 110:
            assert (n in held) == (strength > 0.0)
        too_many = whole.see(pictures[n], clock[n].time)


def test_nothing_is_known_right_after_pictures_that_went_by() -> None:
    flashes = Flashes()
    for n in range(30):
        flashes.pass_by(n / 30)
    flashes.see(np.full((*CELLS, 3), 90, np.uint8), 1.0)
    assert flashes.may
    assert not flashes.must
