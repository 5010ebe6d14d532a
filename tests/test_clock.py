"""Clocks: fixed, live and on a song's position."""

import itertools

import pytest

from engine.clock import FixedClock, LiveClock, SongClock


class Wall:
    """A wall clock under the test's control; sleeping and working pass its time."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def test_fixed_clock_counts_frames_and_starts_at_rest() -> None:
    ticks = list(FixedClock(60, 0.5))
    assert len(ticks) == 30
    assert (ticks[0].time, ticks[0].dt) == (0.0, 0.0)
    assert ticks[29].time == pytest.approx(29 / 60)
    assert sum(t.dt for t in ticks) == pytest.approx(ticks[-1].time)


def test_live_clock_keeps_its_rate_and_drops_what_is_late() -> None:
    wall = Wall()
    times = []
    for tick in LiveClock(50, 1.0, now=wall.now, sleep=wall.sleep):
        times.append(tick.time)
        wall.time += 0.105 if tick.index == 10 else 0.001  # one frame takes five
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert max(gaps) == pytest.approx(0.105)
    assert sorted(gaps)[-2] == pytest.approx(0.02)
    assert min(gaps) == pytest.approx(0.02)  # no rush to make up for the late one


def test_live_clock_stops_when_told() -> None:
    wall = Wall()
    seen: list[int] = []
    for tick in LiveClock(50, None, running=lambda: len(seen) < 3, now=wall.now, sleep=wall.sleep):
        seen.append(tick.index)
    assert seen == [0, 1, 2]


def test_song_clock_follows_the_position_and_never_runs_back() -> None:
    wall = Wall()
    positions = iter([0.0, 0.02, 0.015, 0.5, 0.52, 1.1])
    pace = LiveClock(50, now=wall.now, sleep=wall.sleep)
    ticks = list(SongClock(lambda: next(positions), pace, 1.0, lambda: 0.01))
    assert [t.time for t in ticks] == pytest.approx([0.01, 0.03, 0.03, 0.51, 0.53])
    assert all(t.dt >= 0.0 for t in ticks)
    assert ticks[0].dt == 0.0
