"""Timecode that is followed: generated LTC and MTC at every rate, with jitter, noise, dropouts and jumps.

usage: ``python -m benchmarks.timecode [--json F.json]``

Every case is followed by the decoder, the reader and the chase of the engine, block by block and message by message,
and asked for the position 60 times a second. ``frames`` is the largest error in frames of the timecode from the first
second on, but for the 0.3 s after a jump; ``locked`` the seconds to the first position, ``jump`` the longest time that
the position was more than a frame wrong after a jump; ``cpu`` is what LTC costs of one core.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

from engine.borders.timecode import RATES, Rate
from tests.builders.timecode import Heard, Take, by_ear, by_midi, chased

JUMP_SECONDS = 0.3  # s; in which a jump must be followed
SECONDS = 30.0
HOUR = 3600


def cases(rate: Rate) -> dict[str, Sequence[Take]]:
    """Return what is sent at a rate; every stream crosses a minute, most of which drop labels at 29.97."""
    start = rate.number(0, 59, 45, 0)
    per = float(rate.fps)

    def run(*pieces: tuple[float, float, float]) -> list[Take]:
        return [Take(round(begins * per) / per, start + round(at * per), seconds) for begins, at, seconds in pieces]

    steady = run((0.0, 0.0, SECONDS))
    gaps = run(
        *[(begin, begin, long) for begin, long in ((0.0, 3.0), (3.2, 2.8), (7.0, 3.0), (14.0, 4.0), (18.5, 6.0))]
    )
    jumps = run((0.0, 0.0, 4.0), (4.0, 1200.0, 3.013), (7.013, 3.0, 3.02), (10.033, 0.5, 3.0), (13.033, 7000.0, 4.0))
    return {"steady": steady, "dropouts of 0.2 to 4 s": gaps, "jumps": jumps}


def figures(heard: Heard, takes: Sequence[Take], rate: Rate) -> dict[str, object]:
    """Return the figures of one case."""
    errors = chased(heard, takes, rate)
    last = takes[0].frame - takes[0].begins * float(rate.fps)
    jumped = []
    for take in takes[1:]:
        if abs(take.frame - take.begins * float(rate.fps) - last) > 1.5:
            jumped.append(take.begins)
        last = take.frame - take.begins * float(rate.fps)
    calm = [e for t, e in errors if t >= 1.0 and not any(0.0 <= t - jump < JUMP_SECONDS for jump in jumped)]
    found: dict[str, object] = {
        "frames": round(max(calm), 3),
        "locked": round(next((t for t, e in errors if e <= 1.0), float("inf")), 3),
    }
    if jumped:
        wrong = [
            max((t - jump for t, e in errors if jump <= t < jump + 2.0 and e > 1.0), default=0.0) for jump in jumped
        ]
        found["jump"] = round(max(wrong), 3)
    return found


def measure() -> list[dict[str, object]]:
    """Return a row a case."""
    rows: list[dict[str, object]] = []
    for rate in RATES:
        for name, takes in cases(rate).items():
            for how, noise, jitter, late, stalls, lost in (
                ("clean", None, 0.0, 0.0, 0.0, 0.0),
                ("jitter, noise -20 dB, blocks up to 5 ms late", -20.0, 0.05, 0.005, 0.0, 0.0),
                ("jitter, noise -12 dB, blocks up to 10 ms late", -12.0, 0.1, 0.01, 0.0, 0.0),
                (
                    "jitter, noise -20 dB, stops of up to 100 ms, 1 block in 100 lost",
                    -20.0,
                    0.05,
                    0.005,
                    0.1,
                    0.01,
                ),
            ):
                began = time.process_time()
                heard = by_ear(takes, rate, noise, jitter, late, stalls=stalls, lost=lost)
                cpu = (time.process_time() - began) / (takes[-1].begins + takes[-1].seconds)
                row: dict[str, object] = {"sender": "LTC", "rate": rate.name, "case": name, "how": how}
                rows.append(row | figures(heard, takes, rate) | {"cpu": round(cpu, 4)})
            for how, shaken, lost in (
                ("clean", 0.0, 0.0),
                ("messages up to 5 ms late", 0.005, 0.0),
                ("messages up to 10 ms late, 1 in 200 lost", 0.01, 0.005),
            ):
                row = {"sender": "MTC", "rate": rate.name, "case": name, "how": how}
                rows.append(row | figures(by_midi(takes, rate, shaken, lost), takes, rate))
    return rows


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description="how well timecode is followed")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = measure()
    for row in rows:
        print("  ".join(str(value) for value in row.values()))
    if args.json is not None:
        args.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
