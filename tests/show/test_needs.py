"""Which frames before a stretch are made: what it shows, what that shows in turn, and no more."""

from __future__ import annotations

from engine.borders.made import Made, Shown
from engine.borders.tick import Tick
from engine.show.needs import needed

N, G, P, D = Made.NOTHING, Made.GENERATED, Made.PAINTED, Made.DRAWN


def ticks(count: int) -> list[Tick]:
    return [Tick(i, i / 10, 0.1 if i else 0.0) for i in range(count)]


def at(*frames: int) -> frozenset[float]:
    return frozenset(frame / 10 for frame in frames)


def test_nothing_is_made_where_nothing_looks_back() -> None:
    assert needed(ticks(6), [Shown()] * 6, 4, ()) == [N, N, N, N]


def test_what_the_guard_has_to_see_is_drawn() -> None:
    assert needed(ticks(6), [Shown()] * 6, 4, (2, 3)) == [N, N, D, D]


def test_what_a_frame_shows_is_made_as_far_as_it_shows_it() -> None:
    shown = [Shown()] * 4 + [Shown(generated={0: at(0)}, painted=at(1), drawn=at(2)), Shown()]
    assert needed(ticks(6), shown, 4, ()) == [G, P, D, N]


def test_what_is_made_needs_what_it_shows_itself() -> None:
    held = [Shown(), Shown(), Shown(generated={0: at(0)}, drawn=at(1)), Shown(), Shown(generated={0: at(2)}), Shown()]
    assert needed(ticks(6), held, 4, ()) == [N, N, G, N]  # as far as to the warp: what it shows and draws, nobody shows


def test_what_a_warp_keeps_needs_what_the_warps_before_it_show() -> None:
    held = [Shown(), Shown(), Shown(generated={2: at(0), 7: at(1)}), Shown(), Shown(generated={7: at(2)}), Shown()]
    assert needed(ticks(6), held, 4, ()) == [G, N, G, N]
    whole = [*held[:4], Shown(painted=at(2)), held[5]]
    assert needed(ticks(6), whole, 4, ()) == [G, G, P, N]


def test_a_slit_scan_needs_its_own_seconds_however_long_it_is_on() -> None:
    slits = [Shown(generated={5: at(*range(max(0, n - 2), n))}) for n in range(9)]
    assert needed(ticks(9), slits, 6, ()) == [N, N, N, N, G, G]


def test_a_memory_without_end_leads_to_its_beginning() -> None:
    chain = [Shown(), Shown(), *(Shown(drawn=at(frame - 1)) for frame in range(2, 6))]
    assert needed(ticks(6), chain, 4, ()) == [N, D, D, D]


def test_two_ticks_of_one_time_are_both_made() -> None:
    stalled = [Tick(0, 0.0, 0.0), Tick(1, 0.1, 0.1), Tick(2, 0.1, 0.0), Tick(3, 0.2, 0.1)]
    assert needed(stalled, [Shown()] * 3 + [Shown(generated={0: frozenset({0.1})})], 3, ()) == [N, G, G]
    assert needed(stalled, [Shown()] * 2 + [Shown(drawn=frozenset({0.1})), Shown()], 2, ()) == [N, D]


def test_a_film_from_its_beginning_needs_nothing() -> None:
    assert needed(ticks(3), [Shown(generated={0: at(0)})] * 3, 0, ()) == []


def test_with_a_memory_nothing_before_it_is_painted_or_drawn() -> None:
    chain = [Shown(), Shown(), *(Shown(drawn=at(frame - 1)) for frame in range(2, 6))]
    assert needed(ticks(6), chain, 4, (2, 3), handed=3) == [N, N, N, D]
    assert needed(ticks(6), chain, 4, (2, 3), handed=4) == [N, N, N, N]
    slits = [*chain[:4], Shown(generated={0: at(0, 1)}, painted=at(2), drawn=at(3)), chain[5]]
    assert needed(ticks(6), slits, 4, (2, 3), handed=4) == [G, G, N, N]  # the warps' past is not in the memory
