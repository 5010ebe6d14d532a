"""Late frames: counted where a picture is waited for, told in the trace, and nowhere else."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest

from engine.borders.controls import Controls
from engine.borders.features import AudioFeatures
from engine.borders.tick import Tick
from engine.show import meter as meters
from engine.show.meter import Meter
from engine.show.trace import Trace
from tests.builders.params import Params
from tests.builders.show import trace

WS = np.zeros((2, 4), np.float32)


@pytest.fixture
def shown(monkeypatch):
    """Mark frames at given seconds, and return the meter."""
    clock = SimpleNamespace(now=0.0)
    stopped = SimpleNamespace(monotonic=lambda: clock.now, perf_counter=time.perf_counter)
    monkeypatch.setattr(meters, "time", stopped)

    def mark(meter: Meter, *seconds: float) -> Meter:
        for index, now in enumerate(seconds):
            clock.now = now
            meter.mark(Tick(index, now, 0.0), AudioFeatures(), Controls(), Params(), WS)
        return meter

    return mark


def test_a_frame_after_its_deadline_is_late_and_says_so(shown, tmp_path):
    path = tmp_path / "t.jsonl"
    meter = Meter(0.02, Trace(path))
    shown(meter, 5.0, 5.02, 5.041, 5.081, 5.101, 5.2)  # on time; a millisecond of jitter; one missed; four missed
    meter.close()
    assert (meter.late, meter.missed) == (2, 1 + 4)
    events = [line["events"] for line in trace(path)]
    assert [len(found) for found in events] == [0, 0, 0, 1, 0, 1]
    assert events[3] == ["late by 20.0 ms"]


def test_the_frame_after_an_early_one_is_not_late(tmp_path, monkeypatch):
    path = tmp_path / "t.jsonl"
    meter = Meter(0.02, Trace(path))
    times = iter([5.02, 5.021, 5.06, 5.1])
    monkeypatch.setattr(meters, "time", SimpleNamespace(monotonic=lambda: next(times), perf_counter=time.perf_counter))
    for tick in (Tick(0, 0.02, 0.0), Tick(1, 0.04, 0.02, early=0.019), Tick(2, 0.06, 0.02), Tick(3, 0.1, 0.04)):
        meter.mark(tick, AudioFeatures(), Controls(), Params(), WS)
    meter.close()
    assert (meter.late, meter.missed) == (1, 1)  # the last alone
    assert [line.get("early") for line in trace(path)] == [None, 0.019, None, None]
    assert [line["mono"] for line in trace(path)] == [5.02, 5.021, 5.06, 5.1]


def test_nobody_waits_for_a_render(shown):
    meter = shown(Meter(), 0.0, 10.0, 300.0)
    assert (meter.late, meter.missed) == (0, 0)
