"""Labels of frames: drop-frame arithmetic against the definition, and times as they are written."""

from __future__ import annotations

import pytest

from engine.borders.timecode import BY_NAME, RATES, Rate, Timecode, mark_of, parse_mark


def test_labels_of_drop_frame_by_their_definition() -> None:
    """Frames 0 and 1 of every minute are dropped, but for every tenth."""
    rate, count = BY_NAME["29.97df"], 0
    for minute in range(60):
        for second in range(60):
            for frame in range(2 if second == 0 and minute % 10 else 0, 30):
                if second in (0, 59) and frame in (0, 1, 2, 29):
                    assert rate.label(count) == f"00:{minute:02}:{second:02};{frame:02}"
                    assert rate.number(0, minute, second, frame) == count
                count += 1
    assert rate.label(count) == "01:00:00;00"
    assert rate.day == 2589408


@pytest.mark.parametrize("rate", RATES)
def test_a_day_begins_anew(rate: Rate) -> None:
    assert rate.label(rate.day - 1).startswith("23:59:59")
    assert rate.label(rate.day)[:8] == "00:00:00"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90.0), ("1:30", 90.0), ("1:02:03.5", 3723.5), ("01:02:03:15", 3723.5), ("01:02:03;15", 3723.5)],
)
def test_times_as_they_are_written(text: str, seconds: float) -> None:
    mark = parse_mark(text)
    assert mark is not None
    assert mark.position(BY_NAME["30"]) == pytest.approx(seconds)


def test_a_time_is_that_of_its_label() -> None:
    df = BY_NAME["29.97df"]
    mark = parse_mark("01:00:00:00")
    assert mark is not None
    assert mark.position(df) == pytest.approx(107892 * 1001 / 30000)
    assert Timecode(mark.position(df), df, "runs").label == "01:00:00;00"
    assert mark_of(3600.0) == mark


@pytest.mark.parametrize("text", ["", "x", "24:00:00:00", "1:60", "1:2:3:30", "1::2", "-1", "1e3", "1:2:3:4:5"])
def test_what_is_no_time(text: str) -> None:
    assert parse_mark(text) is None
