"""How long the overlay takes of the main thread's own time: python -m benchmarks.overlay_cost

Thread time, so that llvmpipe's threads and a busy machine do not count; OpenGL's calls themselves do.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from engine.borders.params import Params
from engine.borders.tick import Tick
from engine.show.table import standard
from engine.stage.desktop.desktop import Desktop
from engine.stage.desktop.overlay import Overlay
from engine.stage.operator import layout
from engine.stage.operator.panel import Panel
from engine.stage.operator.status import Status
from engine.stage.windows.headless import HeadlessWindow
from engine.system.telemetry import Telemetry

FRAMES, FPS, SIZE = 300, 60, (1280, 720)


def main() -> None:
    """Print median, 95th and 99th percentile, milliseconds a frame."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    window, telemetry = HeadlessWindow(SIZE), Telemetry()
    overlay, desktop, panel = Overlay(lambda: telemetry.latest), Desktop(window.ctx), Panel(window.ctx)
    params = Params({"desktop.mode": 2.0}, standard())
    ws = np.random.default_rng(1).normal(size=(12, 128)).astype(np.float32)
    status = Status(cue="overlay", wanted_fps=60.0, params=params)
    spent: dict[str, list[float]] = {"desktop": [], "head-up panel": []}
    sheet = layout.headup(status, SIZE)
    for index in range(FRAMES):
        tick = Tick(index, index / FPS, 1.0 / FPS)
        start = time.thread_time()
        scene = overlay(tick, ws + np.float32(index), params)
        desktop.step(params, scene, tick.dt)
        desktop.under(window.target, SIZE, params)
        desktop.over(window.target, SIZE, params)
        spent["desktop"].append(time.thread_time() - start)
        window.ctx.finish()
        start = time.thread_time()
        if index % 3 == 0:  # twenty times a second, as the show does
            sheet = layout.headup(status, SIZE)
        panel.draw(sheet, window.target)
        spent["head-up panel"].append(time.thread_time() - start)
        window.ctx.finish()
        time.sleep(0.002)
    telemetry.close()
    for name, seconds in spent.items():
        p50, p95, p99 = np.percentile(np.array(seconds[30:]) * 1e3, [50, 95, 99])
        print(f"{name}: {p50:.2f} ms a frame, p95 {p95:.2f}, p99 {p99:.2f} ({FRAMES} frames, {SIZE[0]}x{SIZE[1]})")


if __name__ == "__main__":
    main()
