#!/usr/bin/env python3
"""How long sound and knobs take to reach the picture: ``python -m benchmarks.latency -o benchmarks/latency.json``.

A JACK server without hardware runs the clicks of one client into ``vj live --headless`` (through
PortAudio, as a sound card's would go) and the CCs of another (through RtMidi). What is measured is
the time from the click's first sample, or from sending the CC, to the ``mono`` of the first trace
line that has it: capture, analysis, waiting for the next frame, generator, passes and present.

JACK itself hands a MIDI message on at its next period. A second client notes how long that took, so that
the CC's way is told in its parts: JACK's, the wait for the next frame to begin, and the frame's own work.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

CC, SPACING = 21, 0.1537  # number of the CC; seconds between two CCs, which are no multiple of a frame


def main() -> int:
    """Run the measurement and write its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, help="write the figures as JSON")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--fps", type=float, default=60.0)
    parser.add_argument("--period", type=int, default=256, help="JACK's, in samples at 48 kHz")
    parser.add_argument("--gap", type=float, default=0.37, help="seconds between clicks")
    parser.add_argument("--resolution", type=int, default=64, help="of the small model, in pixels: 8, 16, 32 or 64")
    parser.add_argument(
        "--shipped", action="store_true", help="the shipped model and preset at 256x256 with default flags instead"
    )
    parser.add_argument("--note", default="", help="what else the machine was doing")
    args = parser.parse_args()
    bench = importlib.import_module("tests.builders.sound_server")  # the tests' own real parts
    server = bench.SoundServer(args.period)
    try:
        rows, clicks, sent, arrived = _play(bench.Show, server, args)
    finally:
        server.close()
    figures = (
        _figures(rows, clicks, sent, args.fps, args.period / 48000)
        | _parts(rows, sent, arrived)
        | {
            "fps": args.fps,
            "model": "shipped, 256 px" if args.shipped else f"small, {args.resolution} px",
            "jack_period": args.period,
            "samplerate": 48000,
            "seconds": args.seconds,
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end",
            "note": args.note,
        }
    )
    print(json.dumps(figures, indent=2))
    if args.output:
        args.output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def _play(
    open_show: Any, server: Any, args: argparse.Namespace
) -> tuple[list[dict[str, Any]], list[float], list[tuple[float, int]], list[tuple[float, int]]]:
    """Run the show; return its trace, when the clicks were, and when which CC value was sent and arrived."""
    import rtmidi

    source = server.source("latency", gap=args.gap)
    out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, "latency-knobs")
    out.open_virtual_port("knobs")
    sent: list[tuple[float, int]] = []
    arrived: list[tuple[float, int]] = []
    echo = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, "latency-echo")
    echo.set_callback(lambda message, _: arrived.append((time.monotonic(), message[0][2])))
    echo.open_port(next(i for i, name in enumerate(echo.get_ports()) if "knobs" in name))
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["--audio-in", "latency", "--midi", "knobs"]
        if args.shipped:
            arguments += ["--preset", "default", "--model", "fruit", "--size", "256x256"]
        else:
            arguments += ["--fps", str(args.fps), "--resolution", str(args.resolution)]
        show = open_show(Path(folder), server.env, *arguments)
        try:
            show.started()
            time.sleep(3.0)  # until everything has settled
            end = time.monotonic() + args.seconds
            while time.monotonic() < end:
                value = len(sent) % 128
                sent.append((time.monotonic(), value))
                out.send_message([0xB0, CC, value])
                time.sleep(SPACING)
            rows = show.end()
        finally:
            show.kill()
    out.close_port()
    echo.close_port()
    return rows, source.kill(), sent, arrived


def _figures(
    rows: list[dict[str, Any]], clicks: list[float], sent: list[tuple[float, int]], fps: float, ahead: float
) -> dict[str, Any]:
    """Return percentiles of both latencies, of the frames between, and how many were never seen.

    ``ahead`` is JACK's period in seconds.
    """
    first, last = sent[0][0], sent[-1][0]
    onsets = [row["mono"] for row in rows for _ in range(row["features"]["onsets"])]
    # JACK hands a period's samples on when it begins: a click late in it can be heard before its own time.
    heard = [(click, _next(onsets, click - ahead) - click) for click in clicks if first < click < last]
    turned: list[tuple[float, float]] = []
    for (when, value), (until, _) in pairwise(sent):
        shown = (row["mono"] for row in rows if row["mono"] > when and _shows(row, value))
        turned.append((when, next((mono - when for mono in shown if mono < until + 2 * SPACING), float("inf"))))
    gaps = [b["mono"] - a["mono"] for a, b in pairwise(rows) if first < a["mono"] < last]
    steps = [b["time"] - a["time"] for a, b in pairwise(rows) if first < a["mono"] < last]
    work = [row["timings_ms"]["frame"] / 1e3 for row in rows]
    due = [row["mono"] + row.get("early", 0.0) for row in rows]
    late = [
        row["mono"] for row, before, now in zip(rows[1:], due[:-1], due[1:], strict=True) if now - before > 1.5 / fps
    ]
    return {
        "click_to_trace_ms": _percentiles([latency for _, latency in heard], 0.2),
        "cc_to_trace_ms": _percentiles([latency for _, latency in turned], 0.2),
        # The same, of those while the loop kept its rate: what a machine that is not busy elsewhere gives.
        "click_to_trace_at_rate_ms": _percentiles(_at_rate(heard, late), 0.2),
        "cc_to_trace_at_rate_ms": _percentiles(_at_rate(turned, late), 0.2),
        "frame_interval_ms": _percentiles(gaps, 9.9),
        "time_step_ms": _percentiles(steps, 9.9),  # of motion: regular, where frames begin early as well
        "frame_work_ms": _percentiles(work, 9.9),
    }


def _parts(
    rows: list[dict[str, Any]], sent: list[tuple[float, int]], arrived: list[tuple[float, int]]
) -> dict[str, Any]:
    """Return where a CC's time went: on its way through JACK, until a frame began, and in that frame."""
    ways: list[float] = []
    waits: list[float] = []
    works: list[float] = []
    for when, value in sent:
        came = next((at for at, what in arrived if at >= when and what == value), None)
        row = next((row for row in rows if row["mono"] > when and _shows(row, value)), None)
        if came is None or row is None or row["mono"] - when > 2 * SPACING:
            continue
        work = row["timings_ms"]["shown"] / 1e3
        ways.append(came - when)
        waits.append(row["mono"] - work - came)
        works.append(work)
    parts = {
        "cc_through_jack": ways,
        "cc_until_a_frame_begins": waits,
        "cc_frame_work": works,
        "cc_arrival_to_trace": [wait + work for wait, work in zip(waits, works, strict=True)],
    }
    stages = {
        stage: round(float(np.median([row["timings_ms"][stage] for row in rows])), 2) for stage in rows[0]["timings_ms"]
    }
    return {f"{name}_ms": _percentiles(times, 0.2) for name, times in parts.items()} | {"stages_p50_ms": stages}


def _at_rate(found: list[tuple[float, float]], late: list[float]) -> list[float]:
    """Return the latencies during which, and just before which, no frame was late."""
    return [
        latency
        for when, latency in found
        if not any(when - 0.05 < moment <= when + min(latency, 0.2) + 0.001 for moment in late)
    ]


def _next(times: list[float], after: float) -> float:
    return next((time for time in times if time > after), float("inf"))


def _shows(row: dict[str, Any], value: int) -> bool:
    return bool(abs(row["controls"].get(f"midi.cc.1.{CC}", -1.0) - value / 127) < 1e-6)


def _percentiles(seconds: list[float], longest: float) -> dict[str, float]:
    """Return count, how many were missed (longer than ``longest`` s), and percentiles in ms."""
    seen = np.asarray([s for s in seconds if s <= longest]) * 1e3
    p50, p95, p99 = np.percentile(seen, [50, 95, 99]) if len(seen) else (np.nan,) * 3
    found = {"p50": p50, "p95": p95, "p99": p99, "max": seen.max() if len(seen) else np.nan}
    missed = {"count": len(seconds), "missed": len(seconds) - len(seen)}
    return missed | {name: round(float(value), 1) for name, value in found.items()}


if __name__ == "__main__":
    sys.exit(main())
