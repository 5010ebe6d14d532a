"""What kills, chaos and soak measure, on a process, a trace and samples whose figures are known."""

from __future__ import annotations

import argparse
import json
import os
import random
from pathlib import Path

import pytest

from benchmarks import chaos, kills, soak
from benchmarks.night import pictures, report, vitals
from benchmarks.night.faults import FAULTS, spoil
from benchmarks.night.udp import osc
from engine.control.hands.osc_messages import messages
from tests.parts import need


def test_a_line_through_samples_has_the_slope_that_they_were_made_with() -> None:
    minutes = [60.0 * minute for minute in range(80)]
    chance = random.Random(2)
    noise = [chance.gauss(0.0, 2.0) for _ in minutes]
    line = vitals.fit(minutes, [400.0 + 12.0 * at / 3600 + each for at, each in zip(minutes, noise, strict=True)])
    assert line.per_hour == pytest.approx(12.0, abs=2.0)
    assert line.per_hour + 0.5 < line.upper < line.per_hour + 3.0
    slow = [sum(noise[max(0, at - 9) : at + 1]) for at in range(80)]  # neighbours that have much in common
    assert vitals.fit(minutes, slow).error > 2.0 * vitals.fit(minutes, noise).error
    assert vitals.fit(minutes, [7.0] * 80).upper == pytest.approx(0.0, abs=1e-9)


def test_the_vitals_of_this_process() -> None:
    seen = vitals.look(os.getpid())
    assert seen is not None
    assert seen.rss_mb >= seen.pss_mb > 5.0
    assert seen.rss_mb >= seen.own_mb > 5.0
    assert seen.threads >= 1
    assert seen.descriptors >= 3
    read, write = os.pipe()
    more = vitals.look(os.getpid())
    os.close(read)
    os.close(write)
    assert more is not None
    assert more.descriptors == seen.descriptors + 2
    assert vitals.look(2**22 + 1) is None


def test_minutes_have_the_mean_of_the_memory_and_the_most_of_the_rest() -> None:
    seen = [vitals.Vitals(at, 100.0 + at, 200.0, 50.0, int(at) % 7, 10, 1) for at in range(0, 120, 10)]
    first, second = vitals.means(seen, 60.0)
    assert (first.pss_mb, second.pss_mb) == (125.0, 185.0)
    assert first.threads == max(at % 7 for at in range(0, 60, 10))


def write(path: Path, monos: list[float], first: int = 0) -> Path:
    rows = [{"index": first + at, "mono": mono, "events": []} for at, mono in enumerate(monos)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"index": 9', encoding="utf-8")
    return path


def test_gaps_and_missing_numbers_of_a_trace(tmp_path: Path) -> None:
    shown = pictures.read(write(tmp_path / "t.jsonl", [1.0, 1.03, 1.06, 1.66, 1.69], first=2))
    assert (shown.shown, shown.missing, shown.begin, shown.end) == (5, 2, 1.0, 1.69)
    assert [(gap.begin, round(gap.seconds, 3)) for gap in shown.gaps] == [(1.06, 0.6)]


def struck(name: str, begin: float, end: float) -> chaos.Struck:
    return chaos.Struck(name, begin, end)


def test_a_gap_belongs_to_the_fault_that_it_began_in() -> None:
    night = [struck("sound_killed", 10.0, 12.0), struck("hung", 20.0, 25.0)]
    row = report.told(pictures.Gap(11.0, 11.7), night, [(11.0, 11.2)], 0.0)
    assert (row["fault"], row["stops"], row["seconds"], row["canary"]) == ("sound_killed", False, 0.7, 0.2)
    row = report.told(pictures.Gap(20.1, 24.1), night, [], 0.0)
    assert (row["fault"], row["stops"], row["after_detection"]) == ("hung", True, 1.0)
    assert report.told(pictures.Gap(16.0, 16.5), night, [], 0.0)["fault"] == ""


def test_a_drill_holds_or_says_what_does_not(tmp_path: Path) -> None:
    trace = write(tmp_path / "t.jsonl", [0.03 * at for at in range(300)])
    drill = chaos.Drill([struck("osc_flood", 2.0, 3.0)], 0.5, 8.5)
    drill.struck[0].told = "lost 0"
    assert report.figures(drill, trace, [])["holds"]
    drill.struck[0].told = "lost 3"
    figures = report.figures(drill, trace, [])
    assert (figures["holds"], figures["values_lost"]) == (False, 3)
    drill.struck[0].told = "lost 0; 8 at first, as JACK left out latentvj"
    figures = report.figures(drill, trace, [])
    assert (figures["holds"], figures["values_lost"], figures["values_lost_by_jack"]) == (True, 0, 8)
    drill.struck[0].told = "lost 0"
    late = write(tmp_path / "late.jsonl", [0.03 * at + 0.7 * (at > 200) for at in range(300)])
    figures = report.figures(drill, late, [])
    assert (figures["holds"], figures["longest_gap_outside_s"], figures["frames_lost"]) == (False, 0.73, 21)


@pytest.mark.parametrize("windowed", [False, True])
def test_a_cycle_has_three_rounds_that_leave_the_process_alone_and_one_that_does_not(windowed: bool) -> None:
    args = argparse.Namespace(only=None, windowed=windowed)
    cards = chaos.deck(args, random.Random(1))
    here = {name for name, fault in FAULTS.items() if windowed or not fault.window}
    assert set(cards) == here
    stops = [FAULTS[name].stops for name in cards]
    assert stops == sorted(stops)
    assert all(cards.count(name) == (1 if FAULTS[name].stops else chaos.ROUNDS) for name in here)
    assert chaos.deck(args, random.Random(1)) == cards


def test_a_spoilt_file_is_another_one_each_time_the_same(tmp_path: Path) -> None:
    path, whole = tmp_path / "evening.toml", b"name = 'evening'\n" * 20
    hows = set()
    for seed in range(40):
        path.write_bytes(whole)
        how = spoil(path, random.Random(seed))
        hows.add(how)
        assert path.exists() == (how != "gone")
        assert how == "gone" or path.read_bytes() != whole
    assert hows == {"empty", "half", "rubbish", "bytes", "gone", "twice"}


def test_returns_count_when_everything_is_as_it_was() -> None:
    good = {"death": "kill", "returned": True, "seconds": 1.0, "equal": True, "travelled": 0.001, "allowed": 0.02,
            "index_goes_on": True}  # fmt: skip
    figures = kills.summary([good] * 20)
    assert (figures["returns"], figures["equal_parameters"], figures["holds"]) == (20, 20, True)
    assert not kills.summary([good] * 20 + [{**good, "equal": False}])["holds"]
    assert not kills.summary([good] * 20 + [{"death": "kill", "returned": False}])["holds"]
    assert not kills.summary([good] * 20 + [{**good, "seconds": 8.1}])["holds"]


def test_a_soak_that_grows_does_not_hold() -> None:
    args = argparse.Namespace(settled=1.0, size="320x180", resolution=64, fps=12.0)

    def seen(per_hour: float) -> list[vitals.Vitals]:
        return [
            vitals.Vitals(at, 400 + per_hour * at / 3600 + at % 3, 500, 300, 30, 40, 1) for at in range(0, 1800, 10)
        ]

    steady = soak.summary(args, seen(5.0), 0.0, 0, pictures.Pictures())
    assert steady["pss_mb_per_hour"]["slope"] == pytest.approx(5.0, abs=1.0)
    assert steady["holds"]
    assert steady["threads"] == {"least": 30, "most": 30, "first": 30, "last": 30}
    assert not soak.summary(args, seen(40.0), 0.0, 0, pictures.Pictures())["holds"]
    assert not soak.summary(args, seen(5.0), 0.0, -11, pictures.Pictures())["holds"]


def test_osc_as_any_program_writes_it() -> None:
    (message,) = messages(osc("/control/a", 0.5))
    assert (message.address, message.first, message.arguments) == ("/control/a", 0.5, 1)
    (message,) = messages(osc("/cue", "tidal"))
    assert message.first == "tidal"
    assert messages(osc("/command/freeze"))[0].arguments == 0


@pytest.mark.skipif(not os.environ.get("LATENTVJ_LONG"), reason="plays for half a minute")
def test_a_few_kills(tmp_path: Path) -> None:
    need("EGL")
    returns = list(kills.play(tmp_path, ["kill", "hang", "kill"], random.Random(1)))
    assert kills.summary(returns)["holds"], returns
