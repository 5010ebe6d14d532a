"""The captured graphs: beside other threads, while knobs turn and sizes step, and with every warp."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import numpy as np
import torch

from benchmarks.gpu_check.device import DEVICE, few, reserved_mb, small
from benchmarks.gpu_check.players import Path, frame_ms, open_player, paint, path_of
from benchmarks.gpu_check.report import Report
from engine.bench.warps import settings
from engine.borders.params import Params
from engine.generator import cuda
from engine.generator.backends.cuda_graphs import GraphPlayer
from engine.generator.backends.recorder import Recorder
from engine.show.render_size import governed
from engine.show.table import standard

CAPTURES = 5  # a mode


class Neighbour:
    """A thread that copies and allocates on the GPU, as a cue that is being loaded does."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        stream = cuda.stream()
        while not self._stop.is_set():
            try:
                with torch.cuda.stream(stream):
                    numbers = torch.randn(1 << 20).to(DEVICE)
                    torch.empty(8 << 20, dtype=torch.uint8, device=DEVICE).zero_()
                    numbers.cpu()
            except RuntimeError as error:
                self.errors.append(str(error)[:80])
                time.sleep(0.01)

    def leave(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()


def threads(report: Report) -> None:
    """Capture beside another thread's work, in CUDA's three modes; then whether cuDNN's search is each thread's own."""
    player = open_player(256).player
    neighbour = Neighbour()
    try:
        for mode in ("thread_local", "relaxed", "global"):
            player._recorder.mode = mode
            failures = [failure for _ in range(few(CAPTURES)) if (failure := capture(player))]
            report.tell(
                mode=mode,
                captured=few(CAPTURES) - len(failures),
                failed=len(failures),
                first_failure=failures[:1],
                errors_of_the_other_thread=neighbour.errors[:2],
            )
            neighbour.errors.clear()
    finally:
        neighbour.leave()
        player._recorder.mode = Recorder.mode
    here = [paint_s(player), paint_s(player)]
    there: list[float] = []
    thread = threading.Thread(target=lambda: there.extend((paint_s(player), paint_s(player))))
    thread.start()
    thread.join()
    report.tell(paint_s_in_this_thread=here, paint_s_in_another=there)


@torch.inference_mode()
def capture(player: GraphPlayer) -> str:
    """Capture the frame anew; return what went wrong, or nothing."""
    player._graphs.clear()
    try:
        player._capture((player.resolution, ()))
    except RuntimeError as error:
        return f"{type(error).__name__}: {error}"[:160]
    return ""


@torch.inference_mode()
def paint_s(player: GraphPlayer) -> float:
    """Return the seconds of a frame that is not replayed."""
    start = time.perf_counter()
    player._paint_frame()
    torch.cuda.synchronize()
    return round(time.perf_counter() - start, 3)


def knobs(report: Report) -> None:
    """Turn the knobs that must cost nothing, then step through the sizes that a governor chooses among."""
    for size, resolution in ((1024, None), (1024, 256)):
        player = open_player(size, resolution).player
        path = path_of(player)
        figures = turn(player, path) | step(player, path) | change(player, path)
        report.tell(size=size, resolution=resolution, **figures, notes=player.take_notes())


def turn(player: GraphPlayer, path: Path) -> dict[str, object]:
    """Return the captures, the allocations and the host's time while knobs turn in every frame."""
    for index in range(3):
        paint(player, path[index % len(path)], index=index)
    torch.cuda.synchronize()
    captures, reserved = player.captures, torch.cuda.memory_reserved()
    allocations = torch.cuda.memory_stats()["allocation.all.allocated"]
    host = []
    for index, ws in enumerate(path):
        share = index / len(path)
        params = Params({"noise.strength": 2 * share, "noise.drift": share, "truncation_psi": share}, standard())
        start = time.perf_counter()
        paint(player, ws, params, index)
        host.append(time.perf_counter() - start)
        torch.cuda.synchronize()
    made = torch.cuda.memory_stats()["allocation.all.allocated"]
    return {
        "captures_by_knobs": player.captures - captures,
        "allocations_by_knobs": made - allocations,
        "allocated_by_knobs_bytes": torch.cuda.memory_reserved() - reserved,
        "host_ms": round(1e3 * float(np.median(host)), 4),
    }


def step(player: GraphPlayer, path: Path) -> dict[str, object]:
    """Return the captures and the slowest frame while the size steps down and up again, prepared ahead."""
    among = governed(player)
    player.prepare_sizes(among)
    torch.cuda.synchronize()
    captures = player.captures
    slowest = slowest_ms(player, path, (*reversed(among), *among), Params({}, standard()))
    return {"sizes": among, "slowest_step_ms": slowest, "captures_by_steps": player.captures - captures}


def change(player: GraphPlayer, path: Path) -> dict[str, object]:
    """Return what another preset's warps cost: its first frames, which record its sizes, and the steps after them."""
    among, own = governed(player), player.resolution
    player.reach(("rotate",))
    params = Params({"rotate.turns": 0.1, "rotate.layer": 8.0}, standard())
    first = slowest_ms(player, path, (own,) * (len(among) + 1), params)
    captures = player.captures
    after = slowest_ms(player, path, (*reversed(among), *among), params)
    return {
        "slowest_after_cue_ms": first,
        "slowest_step_after_cue_ms": after,
        "captures_by_steps_after_cue": player.captures - captures,
    }


def slowest_ms(player: GraphPlayer, path: Path, sizes: Sequence[int], params: Params) -> float:
    """Paint a frame at each of ``sizes``; return the slowest frame's milliseconds."""
    own, slowest = player.resolution, 0.0
    for index, size in enumerate(sizes):
        start = time.perf_counter()
        player.set_resolution(size)
        paint(player, path[index % len(path)], params, index)
        torch.cuda.synchronize()
        slowest = max(slowest, time.perf_counter() - start)
    player.set_resolution(own)
    return round(1e3 * slowest, 3)


def warps(report: Report) -> None:
    """Each warp inside a captured graph: what it adds, how long its first use stops the show, what its graph holds."""
    player = open_player(1024).player
    path = path_of(player)
    plain = frame_ms(player, path, 40)["gpu_ms"]
    report.tell(plain_ms=plain)
    for name, params in settings(small(32)).items():
        reserved, captures = reserved_mb(), player.captures
        torch.cuda.synchronize()
        start = time.perf_counter()
        paint(player, path[0], params)
        torch.cuda.synchronize()
        hitch = time.perf_counter() - start
        report.tell(
            warp=name,
            hitch_ms=round(1e3 * hitch, 1),
            captured=player.captures - captures,
            reserved_mb=reserved_mb() - reserved,
            more_ms=round(frame_ms(player, path, 30, params)["gpu_ms"] - plain, 4),
            notes=player.take_notes()[-1:],
        )
        player.warps.reset()
