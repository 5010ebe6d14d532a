"""The governor against synthetic machines: each frame's time is a function of the size it is rendered at."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from engine.show.governor import Governor, Timing

SIZES = (64, 128, 256)
BUDGET = 1 / 60


def play(
    governor: Governor, seconds_of: Callable[[int, float], float], seconds: float, other: float = 0.001
) -> list[tuple[float, int]]:
    """Run a machine whose generator takes ``seconds_of(size, time)``; return (time, new size) of every step."""
    time, steps = 0.0, []
    while time < seconds:
        generator = seconds_of(governor.size, time)
        passed = max(BUDGET, generator + other)
        time += passed
        size = governor(Timing(passed, generator, other))
        if size is not None:
            steps.append((time, size))
    return steps


def square(full: float) -> Callable[[int, float], float]:
    return lambda size, time: full * (size / 256) ** 2


def test_a_machine_that_keeps_up_is_left_alone() -> None:
    assert play(Governor(SIZES, BUDGET), square(0.014), 120) == []


def test_sustained_misses_step_down_once_and_it_stays_there() -> None:
    steps = play(Governor(SIZES, BUDGET), square(0.040), 600)  # 128 px take 10 ms: fits; 256 never does
    assert [size for _, size in steps] == [128]
    assert 2.0 <= steps[0][0] < 4.0


def test_a_few_late_frames_are_no_reason() -> None:
    steps = play(Governor(SIZES, BUDGET), lambda size, time: 0.060 if int(time * 10) % 7 == 0 else 0.008, 60)
    assert steps == []


def test_one_bad_second_is_no_reason() -> None:
    assert play(Governor(SIZES, BUDGET), lambda size, time: 0.030 if 5.0 < time < 6.0 else 0.010, 60) == []


def test_headroom_brings_the_size_back_after_a_while() -> None:
    def busy_at_first(size: int, time: float) -> float:
        return square(0.040 if time < 20 else 0.008)(size, time)

    steps = play(Governor(SIZES, BUDGET), busy_at_first, 120)
    assert [size for _, size in steps] == [128, 256]
    assert 28.0 <= steps[1][0] < 40.0


def test_a_size_that_promises_to_fit_and_does_not_is_tried_ever_more_seldom() -> None:
    # The cost of the size above is underestimated, so that every climb looks right and fails.
    governor = Governor(SIZES, BUDGET, cost=lambda size: 1.0)
    steps = play(governor, square(0.040), 1800)
    climbs = [time for time, size in steps if size == 256]
    assert len(climbs) <= 10, "goes to and fro"
    gaps = [b - a for a, b in itertools.pairwise(climbs)]
    assert all(later > 1.5 * earlier or later > 290 for earlier, later in itertools.pairwise(gaps))


def test_it_never_goes_below_the_smallest_nor_above_the_wanted() -> None:
    governor = Governor(SIZES, BUDGET)
    steps = play(governor, lambda size, time: 0.2 if time < 60 else 0.0001, 240)
    assert [size for _, size in steps] == [128, 64, 128, 256]


def test_lateness_that_is_not_the_generators_changes_nothing() -> None:
    assert play(Governor(SIZES, BUDGET), lambda size, time: 0.002, 60, other=0.030) == []


def test_a_size_chosen_by_hand_is_the_new_ceiling() -> None:
    governor = Governor(SIZES, BUDGET)
    governor.limit(128)
    assert play(governor, square(0.001), 120) == []
    governor.limit(256)
    assert [size for _, size in play(governor, square(0.040), 60)] == [128]


def test_the_same_timings_give_the_same_steps() -> None:
    runs = [play(Governor(SIZES, BUDGET), square(0.040), 100) for _ in range(2)]
    assert runs[0] == runs[1]
