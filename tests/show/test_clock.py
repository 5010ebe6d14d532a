"""Clocks: fixed, live and on a song's position."""

import itertools

import pytest

from engine.borders.tick import Tick
from engine.show.clock import FixedClock, LiveClock, SongClock


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


class Hand(Wall):
    """A wall with somebody at the knobs: what they do at ``moves`` ends the waiting, if nobody has seen it yet."""

    def __init__(self, *moves: float) -> None:
        """``moves`` in seconds since the start, ascending."""
        super().__init__()
        self.moves = [100.0 + move for move in moves]

    def listen(self, seconds: float) -> None:
        until = self.time + seconds
        self.time = max(self.time, min([until, *self.moves]))

    def frames(self, seconds: float, work: float | tuple[float, ...] = 0.004) -> list[tuple[float, Tick]]:
        """Return when each frame began, and its tick; a frame sees every move before it, and takes ``work`` s."""
        seen = []
        clock = LiveClock(50, seconds, now=self.now, sleep=self.sleep, listen=self.listen)
        for tick in clock:
            seen.append((self.time - 100.0, tick))
            self.moves = [move for move in self.moves if move > self.time]
            self.time += work[tick.index % len(work)] if isinstance(work, tuple) else work
        return seen


def begun(frames: list[tuple[float, Tick]]) -> list[float]:
    return [round(at, 9) for at, _ in frames]


def test_a_frame_begins_when_something_arrives_and_keeps_its_time() -> None:
    frames = Hand(0.045, 0.118).frames(0.2)
    assert begun(frames) == pytest.approx([0.0, 0.02, 0.04, 0.045, 0.08, 0.1, 0.118, 0.14, 0.16, 0.18])
    assert [tick.time for _, tick in frames] == pytest.approx([index * 0.02 for index in range(10)])
    assert [tick.dt for _, tick in frames[1:]] == pytest.approx([0.02] * 9)
    assert [round(tick.early, 9) for _, tick in frames if tick.early > 1e-6] == pytest.approx([0.015, 0.002])


def test_never_two_frames_in_one_period() -> None:
    flood = Hand(*(0.0405 + index * 0.001 for index in range(60)))
    frames = flood.frames(0.2)
    assert begun(frames) == pytest.approx([0.0, 0.02, 0.04, 0.044, 0.06, 0.08, 0.1, 0.14, 0.16, 0.18])
    for begin, tick in frames[1:]:
        assert tick.time - 0.02 - 1e-9 <= begin <= tick.time + 1e-9  # each in its own period
    assert [tick.dt for _, tick in frames[1:]] == pytest.approx([0.02] * 9)


def test_what_arrives_while_a_frame_is_made_is_seen_right_after() -> None:
    assert begun(Hand(0.042).frames(0.1, 0.006)) == pytest.approx([0.0, 0.02, 0.04, 0.046, 0.08])


def test_without_arrivals_frames_are_on_the_grid() -> None:
    assert begun(Hand().frames(0.1)) == pytest.approx([0.0, 0.02, 0.04, 0.06, 0.08])


def test_a_loop_that_is_always_late_never_listens() -> None:
    hand, patient = Hand(*(index * 0.003 for index in range(60))), Hand()
    busy = hand.frames(0.2, 0.0201)
    assert busy == patient.frames(0.2, 0.0201)
    assert all(tick.early == 0.0 for _, tick in busy)


def test_motion_never_runs_back_when_late_and_early_frames_take_turns() -> None:
    hand = Hand(*(index * 0.0137 for index in range(200)))
    frames = hand.frames(2.0, (0.003, 0.027, 0.011, 0.055))
    assert all(tick.dt > 0.0 for _, tick in frames[1:])
    assert sum(tick.dt for _, tick in frames) == pytest.approx(frames[-1][1].time)
    assert all(tick.early <= 0.02 + 1e-9 for _, tick in frames)


def test_live_clock_stops_when_told() -> None:
    wall = Wall()
    seen: list[int] = []
    for tick in LiveClock(50, None, running=lambda: len(seen) < 3, now=wall.now, sleep=wall.sleep):
        seen.append(tick.index)
    assert seen == [0, 1, 2]


def test_song_clock_follows_the_position_and_never_runs_back() -> None:
    wall = Wall()
    positions = iter([0.0, 0.02, 0.015, 0.5, 0.52, 1.1])

    class Player:
        @property
        def position(self) -> float:
            return next(positions)

    pace = LiveClock(50, now=wall.now, sleep=wall.sleep)
    ticks = list(SongClock(Player(), pace, 1.0, lambda: 0.01))
    assert [t.time for t in ticks] == pytest.approx([0.01, 0.03, 0.03, 0.51, 0.53])
    assert all(t.dt >= 0.0 for t in ticks)
    assert ticks[0].dt == 0.0


@pytest.mark.parametrize("stopped", [0.6, 5.0, 3600.0])
def test_a_clock_that_was_stopped_goes_on_where_it_was(stopped: float) -> None:
    wall, ticks = Wall(), []
    for tick in LiveClock(50, 1.0, now=wall.now, sleep=wall.sleep, begins=0.5):
        ticks.append(tick)
        wall.time += stopped if tick.index in (10, 20) else 0.001
    assert ticks[0].time == 0.5
    assert max(tick.dt for tick in ticks) == pytest.approx(0.02)
    assert ticks[-1].time == pytest.approx(0.98)
    assert sum(tick.dt for tick in ticks) == pytest.approx(ticks[-1].time - 0.5)


def test_a_generator_that_takes_seconds_is_no_stopped_clock() -> None:
    wall, ticks = Wall(), []
    for tick in LiveClock(50, 30.0, now=wall.now, sleep=wall.sleep):
        ticks.append(tick)
        wall.time += 1.3
    assert {round(tick.dt, 3) for tick in ticks[3:]} == {1.3}
