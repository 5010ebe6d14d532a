"""Does a show of hours grow? python -m benchmarks.soak --minutes 100 --json benchmarks/soak.json

``vj live`` in a window under Xvfb with everything at once: sound through a JACK server, a controller that never rests,
the operator's window, a recording, a trace, and a setlist that goes round through the presets and a second model. Its
memory, threads and file descriptors are looked at every ten seconds. A line is fitted to the memory (PSS) after minute
20; its upper 95 % bound must be at most 20 MB an hour. PSS moves, too, when other programs that share the libraries'
pages start and end; own_mb, what the show's processes have written themselves, does not. A minute's memory is that of
the preset that plays in it, so that the same line is told through the means over rounds of the setlist, too. Ctrl+C
ends it early, with the figures of what was played.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.night import pictures, vitals  # noqa: E402

LOOK_SECONDS = 10.0  # s; from one look at the process to the next
SETTLED_MINUTES = 20.0  # minutes; what grows before is not counted
BOUND = 20.0  # MB an hour
CC_SECONDS = 0.1  # s; from one CC to the next
CUE_SECONDS = 20.0  # s; a cue plays this long
PRESETS = ("default", "tidal", "market", "pond", "chimera", "whirlpool", "shutter", "mandala", "ghosts", "harvest")
ROUND_SECONDS = CUE_SECONDS * (len(PRESETS) + 1)  # s; minutes differ by the preset that plays, rounds do not
OTHER = """
name = "other"
model = "{model}"
passes = ["trails", "bloom"]
[latent]
seeds = [1, 2, 3]
[params]
speed = 0.05
[[routes]]
source = "midi.knob_1"
target = "picture.zoom"
mode = "set"
range = [0.5, 2.0]
"""


def main() -> int:
    """Play, and print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=100.0)
    parser.add_argument("--settled", type=float, default=SETTLED_MINUTES, help="minutes that are not counted")
    parser.add_argument("--every", type=float, default=LOOK_SECONDS, help="seconds from one look to the next")
    parser.add_argument("--size", default="320x180")
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--fps", type=float, default=12.0)
    parser.add_argument("--folder", type=Path, help="where the trace and the film stay; a temporary folder without")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = args.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        figures = {"command": " ".join(["python -m benchmarks.soak", *sys.argv[1:]]), **soak(args, folder)}
    print(json.dumps({key: value for key, value in figures.items() if key != "minutes"}, indent=2))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if figures["holds"] else 1


def soak(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Play the show; return its figures."""
    from tests.builders.show import screen
    from tests.builders.sound_server import SoundServer

    server = SoundServer(1024)
    stop, early = threading.Event(), threading.Event()
    signal.signal(signal.SIGINT, lambda *_: early.set())
    try:
        with screen(folder, "1366x768x24") as display:
            server.source("music", gap=0.47)
            playing = threading.Thread(target=play_knobs, args=(stop,), daemon=True)
            playing.start()
            env = server.env | {"DISPLAY": display.env["DISPLAY"]}
            process = start(args, folder, env)
            begun = time.monotonic()
            watcher = vitals.Watcher(lambda: process.pid, args.every)
            while time.monotonic() < begun + args.minutes * 60 and process.poll() is None and not early.wait(0.2):
                pass
            seen = watcher.close()
            process.send_signal(signal.SIGTERM)
            code = process.wait(60.0)
            stop.set()
            playing.join(5.0)
    finally:
        stop.set()
        server.close()
    return summary(args, seen, begun, code, pictures.read(folder / "trace.jsonl"))


def start(args: argparse.Namespace, folder: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start the show; what it says goes to a file of the folder."""
    from tests.builders.sound_server import MODEL

    (folder / "other.toml").write_text(OTHER.format(model=MODEL), encoding="utf-8")
    cues = [*PRESETS[:5], "other.toml", *PRESETS[5:]]
    rows = [f'[[cues]]\npreset = "{each}"\nafter = {CUE_SECONDS}\nmorph = 2.0\n' for each in cues]
    (folder / "round.toml").write_text("\n".join(rows), encoding="utf-8")
    words = ["live", "--audio-in", "music", "--midi", "knobs", "--setlist", folder / "round.toml"]
    words += ["--size", args.size, "--resolution", args.resolution, "--fps", args.fps, "--windowed", "--operator"]
    words += ["--no-governor", "--trace", folder / "trace.jsonl", "--record", folder / "film.mkv"]
    homes = {f"XDG_{each}_HOME": str(folder / each) for each in ("CONFIG", "DATA", "STATE")}
    with (folder / "said.txt").open("w") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "engine", *map(str, words)],
            cwd=ROOT, env={**env, **homes}, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
        )  # fmt: skip


def play_knobs(stop: threading.Event) -> None:
    """Move eight controls of a virtual port until ``stop`` is set."""
    import rtmidi

    out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, "soak-knobs")
    out.open_virtual_port("knobs")
    sent = 0
    while not stop.wait(CC_SECONDS):
        out.send_message([0xB0, 16 + sent % 8, (sent * 5) % 128])
        sent += 1
    out.close_port()
    out.delete()


def summary(
    args: argparse.Namespace, seen: list[vitals.Vitals], begun: float, code: int, shown: pictures.Pictures
) -> dict[str, Any]:
    """Return the figures of a soak."""
    minutes = vitals.means(seen, 60.0)
    late = [each for each in seen if each.at - begun >= args.settled * 60]
    figures = {**fits(late, 60.0, ""), **fits(late, ROUND_SECONDS, "_by_round")}
    return {
        "minutes_played": round((seen[-1].at - begun) / 60, 1) if seen else 0.0,
        "counted_from_minute": args.settled,
        "size": args.size,
        "resolution": args.resolution,
        "fps_asked": args.fps,
        **figures,
        "threads": spread([each.threads for each in late]),
        "descriptors": spread([each.descriptors for each in late]),
        "processes": spread([each.processes for each in late]),
        "pictures": shown.shown,
        "longest_gap_s": round(max((gap.seconds for gap in shown.gaps), default=0.0), 3),
        "exit_code": code,
        "cores": os.cpu_count(),
        "load_at_end": round(os.getloadavg()[0], 1),
        "holds": "pss_mb_per_hour" in figures and code == 0 and figures["pss_mb_per_hour"]["upper_95"] <= BOUND,
        "minutes": [
            {
                "minute": round((each.at - begun) / 60, 1),
                "pss_mb": round(each.pss_mb, 1),
                "rss_mb": round(each.rss_mb, 1),
                "own_mb": round(each.own_mb, 1),
                "threads": each.threads,
                "descriptors": each.descriptors,
            }
            for each in minutes
        ],
    }


def fits(late: list[vitals.Vitals], seconds: float, by: str) -> dict[str, dict[str, float]]:
    """Return the lines fitted to the means over ``seconds``; their names end with ``by``."""
    steady = vitals.means(late, seconds) if late else []
    if len(steady) < 4:
        return {}
    at, figures = [each.at for each in steady], {}
    for name in ("pss", "rss", "own"):
        line = vitals.fit(at, [getattr(each, f"{name}_mb") for each in steady])
        figures[f"{name}_mb_per_hour{by}"] = {
            "slope": round(line.per_hour, 2),
            "standard_error": round(line.error, 2),
            "upper_95": round(line.upper, 2),
            "residual_correlation": round(line.correlation, 2),
        }
    return figures


def spread(values: list[int]) -> dict[str, int]:
    """Return the least, the most, the first and the last of some counts."""
    return {"least": min(values), "most": max(values), "first": values[0], "last": values[-1]} if values else {}


if __name__ == "__main__":
    sys.exit(main())
