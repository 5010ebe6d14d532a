"""The loop through W: through its points, smooth at the seam."""

import numpy as np
import pytest

from engine.borders.tick import Tick
from engine.latent.path import Path, digest
from engine.latent.spline import ClosedSpline
from engine.show.clock import FixedClock
from tests.builders.params import Params


def loop(n: int) -> ClosedSpline:
    return ClosedSpline(np.random.default_rng(n).standard_normal((n, 3, 8)))


@pytest.mark.parametrize("n", [1, 2, 3, 5, 16])
def test_passes_through_its_points(n: int) -> None:
    spline = loop(n)
    for i in range(n):
        np.testing.assert_allclose(spline(i / n), spline.points[i], atol=1e-9)


@pytest.mark.parametrize("n", [2, 3, 5, 16])
def test_value_and_velocity_are_continuous_at_the_seam_and_every_knot(n: int) -> None:
    spline, step = loop(n), 1e-7
    for i in range(n):
        before, after = spline(i / n - step), spline(i / n + step)
        assert np.abs(after - before).max() < 1e-4
        jump = np.abs(spline.velocity(i / n + step) - spline.velocity(i / n - step)).max()
        assert jump < 1e-3 * np.abs(spline.points).max() * n


def test_velocity_is_the_derivative() -> None:
    spline, step = loop(5), 1e-6
    for t in np.linspace(0.01, 0.99, 23):
        slope = (spline(t + step) - spline(t - step)) / (2 * step)
        np.testing.assert_allclose(spline.velocity(t), slope, rtol=1e-4, atol=1e-4)


def test_refuses_no_points_and_nan() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ClosedSpline(np.zeros((0, 4)))
    with pytest.raises(ValueError, match="finite"):
        ClosedSpline(np.full((3, 4), np.nan))


def test_path_travels_by_speed_and_truncates_toward_the_mean() -> None:
    rng = np.random.default_rng(0)
    points, w_avg = rng.standard_normal((4, 6, 8)), rng.standard_normal(8)
    path = Path(points, w_avg)
    for tick in FixedClock(50, 1.0):
        path(Params({"speed": 0.25}), tick)
    assert path.t == pytest.approx(0.25 * 49 / 50)
    path = Path(points, w_avg)
    rest = Tick(0, 0.0, 0.0)
    np.testing.assert_allclose(path(Params({"truncation_psi": 1.0}), rest), points[0], rtol=1e-6)
    np.testing.assert_allclose(path(Params({"truncation_psi": 0.0}), rest), np.tile(w_avg, (6, 1)), rtol=1e-6)


def test_digest_tells_a_single_bit() -> None:
    ws = np.zeros((2, 3), np.float32)
    other = ws.copy()
    other[1, 2] = np.float32(1e-45)
    assert digest(ws) == digest(ws.copy()) != digest(other)
