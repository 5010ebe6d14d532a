"""How many frames a second the default model plays live: python -m benchmarks.live_path --json F.

``vj live --headless`` with the default preset and model, sound coming in through a JACK server (PortAudio) and
controllers moving through RtMidi all the while. Counted are the lines of its trace: frames that the generator made
(no pictures in between, no governor), from features to present. Must hold on two cores: 24 a second.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def main() -> int:
    """Run the show, print and write its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--size", default="720x720")
    parser.add_argument("--model", default="fruit")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--resolution", type=int, help="the preview's; the model's own by default")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    from tests.builders import sound_server

    server = sound_server.SoundServer(256)
    try:
        rows = _play(sound_server.Show, server, args)
    finally:
        server.close()
    figures = {
        "command": " ".join(["python", *sys.argv]),
        **_figures(rows),
        "model": args.model,
        "size": args.size,
        "resolution": args.resolution,
        "load_at_end": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(),
    }
    print(json.dumps(figures, indent=2))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def _play(open_show: Any, server: Any, args: argparse.Namespace) -> list[dict[str, Any]]:
    import rtmidi

    server.source("music", gap=0.25)
    out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, "live-path-knobs")
    out.open_virtual_port("knobs")
    words = [
        "--audio-in",
        "music",
        "--midi",
        "knobs",
        "--fps",
        "60",
        "--no-governor",
        "--no-interpolation",
        "--size",
        args.size,
        "--model",
        args.model,
        "--preset",
        args.preset,
    ]
    if args.resolution is not None:
        words += ["--resolution", str(args.resolution)]
    with tempfile.TemporaryDirectory() as folder:
        show = open_show(Path(folder), server.env, *words)
        try:
            show.started()
            time.sleep(5.0)  # until the faster backend is there and everything has settled
            begin, sent = time.monotonic(), 0
            while time.monotonic() < begin + args.seconds:
                out.send_message([0xB0, 20 + sent % 8, sent % 128])
                sent += 1
                time.sleep(0.02)
            rows = [row for row in show.end() if row["mono"] >= begin]
        finally:
            show.kill()
    out.close_port()
    assert any("midi.cc.1.20" in row["controls"] for row in rows), "no knob came through"
    assert sum(row["features"]["onsets"] for row in rows) > args.seconds, "the ears were deaf"
    return rows


def _figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    assert all(row["generated"] for row in rows)
    gaps = np.asarray([b["mono"] - a["mono"] for a, b in pairwise(rows)])
    stages = {
        name: round(float(np.median([row["timings_ms"][name] for row in rows])), 2) for name in rows[0]["timings_ms"]
    }
    return {
        "frames": len(rows),
        "fps": {
            "mean": round(float(1 / gaps.mean()), 2),
            "median": round(float(1 / np.median(gaps)), 2),
            "p5": round(float(1 / np.percentile(gaps, 95)), 2),
        },
        "stages_ms": stages,
    }


if __name__ == "__main__":
    sys.exit(main())
