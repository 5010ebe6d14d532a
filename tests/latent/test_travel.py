"""Travel: even speed, there and back, jumps, the spring, two travellers, truncation by range."""

import numpy as np
import pytest

from engine.borders.tick import Tick
from engine.latent.path import Path, digest
from engine.latent.spline import ArcLength, ClosedSpline
from engine.latent.spring import Spring
from engine.latent.traveller import Travel, Traveller
from engine.show.clock import FixedClock
from tests.builders.params import Params

REST = Tick(0, 0.0, 0.0)
SHAPE = (12, 16)  # num_ws, w_dim


def uneven(n: int = 6) -> np.ndarray:
    """Points at very different distances from each other [n, 12, 16]."""
    rng = np.random.default_rng(n)
    w = rng.standard_normal((n, 1, SHAPE[1])) * rng.uniform(0.05, 3.0, (n, 1, 1))
    return np.repeat(w, SHAPE[0], axis=1)


def travel(path: Path, fps: float, seconds: float, **params: float) -> list[np.ndarray]:
    values = Params({"truncation_psi": 1.0, **{k.replace("__", "."): v for k, v in params.items()}})
    return [path(values, tick) for tick in FixedClock(fps, seconds)]


@pytest.mark.parametrize("kind", ["uniform", "centripetal"])
@pytest.mark.parametrize("n", [2, 3, 7])
def test_every_spline_meets_its_points_without_a_jolt(kind: str, n: int) -> None:
    spline, e = ClosedSpline(uneven(n), kind), 1e-9
    pace = max(np.linalg.norm(spline.velocity(t)) for t in np.linspace(0, 1, 50))
    for i, knot in enumerate(spline.knots):
        np.testing.assert_allclose(spline(float(knot)), spline.points[i], atol=1e-9)
        before, after = spline.velocity(knot - e), spline.velocity(knot + e)
        assert np.linalg.norm(after - before) < 1e-3 * pace
        assert np.linalg.norm(spline(knot + e) - spline(knot - e)) < 1e-3
    np.testing.assert_array_equal(spline(1.0), spline(0.0))


def test_centripetal_survives_the_same_point_twice() -> None:
    points = uneven(4)
    points[2] = points[1]
    spline = ClosedSpline(points, "centripetal")
    assert np.isfinite([spline.velocity(t) for t in np.linspace(0, 1, 50)]).all()
    same = ClosedSpline(points[:1].repeat(3, axis=0), "centripetal")
    np.testing.assert_allclose(same(0.4), points[0])


def test_an_unknown_spline_is_refused() -> None:
    with pytest.raises(ValueError, match="centripetal"):
        ClosedSpline(uneven(), "cubic")


def speeds(path: Path, n: int = 600) -> np.ndarray:
    ws = np.array(travel(path, n, 1.0, speed=1.0), dtype=np.float64)
    ws = np.concatenate((ws, ws[:1]))
    return np.linalg.norm(np.diff(ws, axis=0).reshape(n, -1), axis=1)


@pytest.mark.parametrize("kind", ["uniform", "centripetal"])
def test_constant_speed_is_constant(kind: str) -> None:
    plain = speeds(Path(uneven(), np.zeros(16), travel=Travel(kind)))
    even = speeds(Path(uneven(), np.zeros(16), travel=Travel(kind, constant_speed=True)))
    assert plain.std() / plain.mean() > 0.3  # or there would be nothing to even out
    assert even.std() / even.mean() < 0.02
    # No step of the speed either, at the seam or anywhere.
    assert np.abs(np.diff(np.append(even, even[0]))).max() < 0.05 * even.mean()


def test_arc_length_knows_a_circle() -> None:
    circle = ArcLength(lambda t: np.array([np.cos(2 * np.pi * t), np.sin(2 * np.pi * t)]), 64)
    assert circle.length == pytest.approx(2 * np.pi, rel=1e-5)
    assert circle(0.3) == pytest.approx(0.3, abs=1e-9)
    assert circle.share(circle(0.7)) == pytest.approx(0.7, abs=1e-9)


def test_constant_speed_still_stops_at_its_points() -> None:
    points = uneven()
    stops = Traveller(points, Travel("centripetal", constant_speed=True)).stops
    assert len(stops) == len(points)
    for i, stop in enumerate(stops):
        there = Path(points, np.zeros(16), stop, travel=Travel("centripetal", constant_speed=True))
        np.testing.assert_allclose(there(Params({"truncation_psi": 1.0}), REST), points[i], atol=1e-4)


def test_ping_pong_goes_to_the_last_point_and_back_without_bouncing() -> None:
    points = uneven(4)
    path = Path(points, np.zeros(16), travel=Travel(ping_pong=True))
    ws = np.array(travel(path, 1000, 2.0, speed=1.0))
    np.testing.assert_allclose(ws[0], points[0], atol=1e-5)
    np.testing.assert_allclose(ws[1000], points[3], atol=1e-4)
    np.testing.assert_allclose(ws[1500], ws[500], atol=1e-4)
    step = np.linalg.norm(np.diff(ws, axis=0).reshape(1999, -1), axis=1)
    turns = step[[0, 999, 1000]]
    assert turns.max() < 0.1 * step.max()  # it brakes where it turns


@pytest.mark.parametrize("travel_kind", [Travel(), Travel("centripetal", True), Travel("uniform", False, True)])
def test_the_frame_rate_does_not_change_the_way(travel_kind: Travel) -> None:
    def run(fps: float) -> tuple[float, np.ndarray]:
        path = Path(uneven(), np.zeros(16), travel=travel_kind)
        return (path, travel(path, fps, 3.0 + 1.0 / fps, speed=0.37)[-1])  # both end at 3 s

    (slow, a), (fast, b) = run(30), run(60)
    assert slow.t == pytest.approx(fast.t, abs=1e-9)
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_same_path_same_bits() -> None:
    hashes = [
        [
            digest(w)
            for w in travel(
                Path(uneven(), np.ones(16), travel=Travel("centripetal", True)),
                30,
                1.0,
                speed=0.3,
                spring__stiffness=90.0,
            )
        ]
        for _ in range(2)
    ]
    assert hashes[0] == hashes[1]
    assert len(set(hashes[0])) > 20


def test_a_cut_arrives_at_once_and_a_glide_in_its_time() -> None:
    points = uneven(4)
    params = {"truncation_psi": 1.0, "speed": 0.0}
    path = Path(points, np.zeros(16))
    np.testing.assert_allclose(path(Params({**params, "jump.point": 3.0}), REST), points[2], atol=1e-6)
    path = Path(points, np.zeros(16))
    ws = []
    for tick in FixedClock(100, 1.5):
        go = {"jump.point": 3.0 if tick.time >= 0.25 else 0.0, "jump.glide": 1.0}
        ws.append(path(Params({**params, **go}), tick))
    np.testing.assert_allclose(ws[25], points[0], atol=1e-6)
    np.testing.assert_allclose(ws[130], points[2], atol=1e-6)
    steps = np.linalg.norm(np.diff(ws, axis=0).reshape(149, -1), axis=1)
    assert np.abs(np.diff(steps)).max() < 0.1 * steps.max()  # no jolt where it starts or lands


def test_a_glide_within_a_glide_does_not_jolt() -> None:
    path = Path(uneven(4), np.zeros(16))
    ws = []
    for tick in FixedClock(100, 2.0):
        point = 3.0 if tick.time < 0.4 else 2.0
        ws.append(path(Params({"speed": 0.1, "jump.glide": 1.0, "jump.point": point}), tick))
    steps = np.linalg.norm(np.diff(ws, axis=0).reshape(199, -1), axis=1)
    assert np.abs(np.diff(steps)).max() < 0.1 * steps.max()


def test_a_trigger_jumps_once_per_rise_to_the_next_point() -> None:
    points = uneven(3)
    path = Path(points, np.zeros(16))
    seen = []
    for trigger in (0.0, 1.0, 0.9, 0.2, 1.0, 0.0, 1.0):
        ws = path(Params({"truncation_psi": 1.0, "speed": 0.0, "jump.next": trigger}), Tick(1, 0.0, 0.01))
        seen.append(int(np.argmin([np.abs(ws - p).max() for p in points])))
    assert seen == [0, 1, 1, 1, 2, 2, 0]


@pytest.mark.parametrize("damping", [0.1, 0.35, 1.0, 1.6])
def test_the_spring_is_the_same_at_any_frame_rate(damping: float) -> None:
    def run(fps: int) -> np.ndarray:
        path = Path(uneven(), np.zeros(16))
        out = []
        for tick in FixedClock(fps, 4.0 + 1.0 / fps):
            speed = 0.3 if tick.time <= 2.0 else 0.0
            out.append(
                path(
                    Params(
                        {"truncation_psi": 1.0, "speed": speed, "spring.stiffness": 160.0, "spring.damping": damping}
                    ),
                    tick,
                )
            )
        return np.array(out)[:: fps // 30]

    slow, fast = run(30), run(60)
    assert np.abs(slow - fast).max() < 0.01 * np.abs(fast).max()


@pytest.mark.parametrize(("damping", "overshoots"), [(0.2, True), (1.0, False), (1.8, False)])
def test_the_spring_overshoots_and_settles(damping: float, overshoots: bool) -> None:
    spring, one = Spring(), np.ones(1)
    spring(0 * one, 100.0, damping, 0.0)
    x = np.array([spring(one, 100.0, damping, 0.01, cut=i == 0)[0] for i in range(1000)])
    assert (x.max() > 1.2) == overshoots
    assert x.max() < 2.0
    assert x[-1] == pytest.approx(1.0, abs=1e-3)
    if damping < 1.0:  # the textbook's first overshoot
        assert x.max() == pytest.approx(1 + np.exp(-np.pi * damping / np.sqrt(1 - damping**2)), abs=1e-3)


def test_the_spring_survives_any_stiffness_and_any_wait() -> None:
    for stiffness in (1e-6, 4000.0):
        for damping in (0.05, 1.0, 2.0):
            spring = Spring()
            spring(np.zeros(2), stiffness, damping, 0.0)
            for dt in (1e-6, 0.1, 60.0):
                assert np.isfinite(spring(np.ones(2), stiffness, damping, dt)).all()


def test_two_travellers_share_the_layers() -> None:
    a, b = uneven(3), uneven(4)
    path = Path(a, np.zeros(16), mix_points=b)
    ws = path(Params({"truncation_psi": 1.0, "mix.middle": 1.0, "mix.fine": 0.5}), REST)
    np.testing.assert_allclose(ws[:4], a[0][:4], atol=1e-6)
    np.testing.assert_allclose(ws[4:8], b[0][4:8], atol=1e-6)
    np.testing.assert_allclose(ws[8:], 0.5 * (a[0] + b[0])[8:], atol=1e-6)


def test_truncation_by_range_and_directions() -> None:
    points, w_avg = uneven(3), np.full(16, 0.5)
    directions = np.eye(8, 16)
    path = Path(points, w_avg, directions=directions)
    ws = path(Params({"truncation_psi": 0.5, "truncation.fine": 0.0, "direction.3": -2.0}), REST)
    moved = np.zeros(16)
    moved[2] = -2.0
    np.testing.assert_allclose(ws[8:], np.tile(w_avg + moved, (4, 1)), atol=1e-6)
    np.testing.assert_allclose(ws[:8], (w_avg + 0.5 * (points[0] - w_avg))[:8] + moved, atol=1e-6)
    with pytest.raises(ValueError, match="directions"):
        Path(points, w_avg, directions=np.zeros((9, 16)))


def test_a_kept_point_is_the_picture_it_was_kept_from() -> None:
    path = Path(uneven(), np.ones(16), directions=np.eye(8, 16), mix_points=uneven(4))
    params = {"truncation_psi": 0.6, "truncation.middle": 0.5, "direction.1": 1.5, "mix.fine": 0.3, "speed": 0.3}
    for tick in FixedClock(30, 0.5):
        ws = path(Params(params), tick)
    plain = {k: v for k, v in params.items() if k.startswith("trunc")}
    again = Path(path.point[None], np.ones(16))(Params({**plain, "speed": 0.0}), REST)
    np.testing.assert_allclose(again, ws, atol=1e-5)


def test_a_path_through_z_is_mapped_every_frame() -> None:
    z = np.random.default_rng(0).standard_normal((4, 5))
    matrix = np.random.default_rng(1).standard_normal((5, 16))

    def to_w(place: np.ndarray) -> np.ndarray:
        return np.repeat(np.tanh(place @ matrix)[None], 12, axis=0)

    path = Path(z, np.zeros(16), to_w=to_w, travel=Travel(constant_speed=True))
    np.testing.assert_allclose(path(Params({"truncation_psi": 1.0}), REST), to_w(z[0]), rtol=1e-6)
    even = speeds(path)
    assert even.std() / even.mean() < 0.03
