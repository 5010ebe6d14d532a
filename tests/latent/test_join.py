"""A point joins the path while it is travelled: the way leads through it, and the picture never jumps."""

from __future__ import annotations

import numpy as np
import pytest

from engine.borders.tick import Tick
from engine.latent.path import JOIN_SECONDS, Path
from engine.latent.traveller import Travel
from tests.builders.params import Params

DT = 1 / 30


def travelled(path: Path, seconds: float, speed: float = 0.05) -> np.ndarray:
    """Return the ws of some seconds [n, num_ws, w_dim]."""
    params = Params({"speed": speed, "truncation_psi": 1.0})
    return np.stack([path(params, Tick(i, i * DT, DT)) for i in range(round(seconds / DT))])


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((4, 3, 5)).astype(np.float32)


@pytest.mark.parametrize("travel", [Travel(), Travel("centripetal", constant_speed=True), Travel(ping_pong=True)])
@pytest.mark.parametrize("replace", [False, True])
def test_a_point_that_joins_is_the_next_and_nothing_jumps(points: np.ndarray, travel: Travel, replace: bool) -> None:
    path, mine = Path(points, np.zeros(5), 0.1, travel=travel), np.full((3, 5), 1.5, np.float32)
    before = travelled(path, 1.0)
    largest = np.abs(np.diff(travelled(Path(points, np.zeros(5), 0.1, travel=travel), 40.0), axis=0)).max()
    assert path.join(mine, replace=replace)
    after = travelled(path, JOIN_SECONDS + 12.0)
    assert np.abs(after - mine).max(axis=(1, 2)).min() < 0.2
    steps = np.abs(np.diff(np.concatenate((before[-1:], after)), axis=0)).max(axis=(1, 2))
    assert steps[0] <= largest * 1.1
    assert steps.max() < 6 * largest


def test_now_goes_there_within_the_fade(points: np.ndarray) -> None:
    path, mine = Path(points, np.zeros(5), 0.1), np.full((3, 5), 4.0, np.float32)
    travelled(path, 0.5)
    path.join(mine, now=True)
    assert np.abs(travelled(path, JOIN_SECONDS + DT, speed=0.0)[-1] - mine).max() < 1e-5


def test_points_that_come_together_join_one_after_the_other(points: np.ndarray) -> None:
    path = Path(points, np.zeros(5), 0.1)
    for value in (2.0, 3.0):
        path.join(np.full((3, 5), value, np.float32))
    steps = np.abs(np.diff(travelled(path, 3 * JOIN_SECONDS), axis=0)).max()
    assert steps < 0.5
    seen = travelled(path, 30.0)
    assert all(np.abs(seen - value).max(axis=(1, 2)).min() < 0.2 for value in (2.0, 3.0))


def test_a_way_through_z_takes_no_w() -> None:
    path = Path(np.zeros((3, 4), np.float32), np.zeros(5), to_w=lambda z: np.zeros((3, 5)))
    assert not path.join(np.zeros((3, 5), np.float32))
