"""A video in: how soon it is back, and what it costs the loop.

    python -m benchmarks.video --json benchmarks/video.json

A film of another rate and size than the show is taken away and laid back, as a camera is pulled out and plugged in; a
pipe's writer ends, and another begins. Told is when the line comes, back is when the first new frame is seen. The cost
to the loop is the processor's time of its thread for one picture's questions, while another decodes 640x360.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

from engine.stage.recording.movie import Movie
from engine.stage.video.place import PATTERN, parse
from engine.stage.video.video_in import VideoIn

ROUNDS = 8
AWAY_SECONDS = 1.5
PATIENCE = 30.0  # seconds


def film(path: Path, level: int) -> Path:
    """Write a film of 24 frames a second."""
    movie = Movie(path, (320, 180), 24.0)
    for index in range(48):
        movie.picture(np.full((180, 320, 3), level + index % 2, np.uint8))
    movie.close()
    return path


def until(seen: Callable[[], bool]) -> float:
    """Wait, frame by frame; return the seconds."""
    begun = time.monotonic()
    while not seen():
        if time.monotonic() - begun > PATIENCE:
            raise SystemExit("nothing came")
        time.sleep(1 / 60)
    return time.monotonic() - begun


def of_film(folder: Path) -> dict[str, float]:
    """Return the seconds until a film that is taken away is told, and until it is back."""
    kept, path = film(folder / "kept.mp4", 90), folder / "plugged.mp4"
    shutil.copy(kept, path)
    begun, lines = time.monotonic(), list[str]()
    video = VideoIn(parse(str(path)), lines.append)
    told, back = [], []
    for _ in range(ROUNDS):
        path.unlink()
        told.append(until(lambda: video.at(time.monotonic() - begun) is not None and video.line() == "lost"))
        time.sleep(AWAY_SECONDS)
        shutil.copy(kept, folder / "whole.mp4")
        (folder / "whole.mp4").rename(path)
        back.append(until(lambda: video.at(time.monotonic() - begun) is not None and video.line() != "lost"))
    video.close()
    return summary(told, back)


def of_pipe(folder: Path) -> dict[str, float]:
    """Return the same of a pipe and its writers."""
    kept, path = film(folder / "kept.mkv", 90).read_bytes(), folder / "pipe"
    os.mkfifo(path)
    begun, lines = time.monotonic(), list[str]()
    video = VideoIn(parse(str(path)), lines.append)
    told, back = [], []
    for _ in range(ROUNDS):
        last = video.at(time.monotonic() - begun)
        threading.Thread(target=path.write_bytes, args=(kept,), daemon=True).start()
        back.append(until(lambda last=last: video.at(time.monotonic() - begun) is not last))  # type: ignore[misc]
        told.append(until(lambda: video.at(time.monotonic() - begun) is not None and video.line() == "lost"))
    video.close()
    return summary(told, back)


def summary(told: list[float], back: list[float]) -> dict[str, float]:
    """Return the middle and the worst."""
    return {
        "told_s_p50": round(float(np.median(told)), 3),
        "told_s_max": round(max(told), 3),
        "back_s_p50": round(float(np.median(back)), 3),
        "back_s_max": round(max(back), 3),
    }


def of_loop() -> dict[str, float]:
    """Return what the loop's thread pays for a picture's questions, microseconds of the processor."""
    begun = time.monotonic()
    video = VideoIn(parse(PATTERN), print)
    until(lambda: video.at(time.monotonic() - begun) is not None)
    costs = []
    for _ in range(600):
        before = time.thread_time()
        video.values(time.monotonic() - begun)
        video.at(time.monotonic() - begun)
        costs.append(time.thread_time() - before)
        time.sleep(1 / 240)
    video.close()
    return {
        "us_p50": round(1e6 * float(np.median(costs)), 1),
        "us_p99": round(1e6 * float(np.percentile(costs, 99)), 1),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="F")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = {
            "av": av.__version__,
            "rounds": ROUNDS,
            "load": round(os.getloadavg()[0], 1),
            "film": of_film(Path(name)),
            "pipe": of_pipe(Path(name)),
            "loop": of_loop(),
        }
    text = json.dumps(found, indent=1)
    print(text)
    if args.json is not None:
        args.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
