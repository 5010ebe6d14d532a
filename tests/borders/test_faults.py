"""A part that fails: tried again after a pause, told once, and told anew when it fails a later time."""

from __future__ import annotations

import pytest

from engine.borders.errors import UserError
from engine.borders.faults import CALM, LONGEST, Faults


def test_a_part_that_fails_now_and_then_is_told_once_and_a_later_time_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("engine.borders.faults.time.monotonic", lambda: now[0])
    told: list[str] = []
    faults = Faults(told.append, on_stage=True)
    calls = []

    def part() -> None:
        calls.append(now[0])
        if len(calls) % 2:
            raise ValueError("no\nlong story")

    for _ in range(600):
        faults.attempt("it", part)
        now[0] += 1 / 60
    assert told == ["it failed, is tried again: no"] * len(told)
    assert 1 <= len(told) <= 4, "every failure was told"
    now[0] += LONGEST + CALM + 1.0
    assert faults.states() == ()
    with pytest.raises(UserError, match="loud"):
        Faults().failed("it", UserError("loud"))
