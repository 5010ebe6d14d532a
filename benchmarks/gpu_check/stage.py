"""The way to the screen: CUDA to OpenGL, the whole picture, and pictures between two frames."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import moderngl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.gpu_check.device import DEVICE, DRY, few, middle, sleep, small
from benchmarks.gpu_check.players import open_player, paint, path_of
from benchmarks.gpu_check.report import Report
from engine.borders.controls import Controls
from engine.borders.faults import Faults
from engine.borders.features import AudioFeatures
from engine.borders.latched import Latched
from engine.borders.moment import Moment
from engine.borders.params import Params
from engine.borders.tick import Tick
from engine.control.presets import preset as presets
from engine.show.interpolation import Interpolation
from engine.show.meter import Meter
from engine.show.model_fade import with_fade
from engine.show.picture import Picture
from engine.show.render_size import RenderSize
from engine.show.table import standard
from engine.stage.desktop.overlay import Scene
from engine.stage.matte.stage import Matte
from engine.stage.passes.compositor import Compositor
from engine.stage.passes.texture import Carrier, CudaGL, FrameTexture, Pinned, upload
from engine.stage.style.stage import StyleStage
from engine.stage.windows.headless import HeadlessWindow, headless_context

ROOT = Path(__file__).resolve().parents[2]
BUSY = 0.020  # seconds of work before an upload, to see whether that waits for it
Write = Callable[[moderngl.Texture, Tensor], None]

RING = 4  # writes until every buffer of a carrier was used
DISPLAY = 1 / 240  # seconds; the period of a display that no generator keeps up with


def texture(report: Report) -> None:
    """Carry frames into a texture: which way, the same bytes, how long, and does an upload wait?"""
    context = headless_context()
    report.tell(gl={name: context.info[name] for name in ("GL_VENDOR", "GL_RENDERER", "GL_VERSION")})
    side = small(1024)
    frame = torch.randint(0, 256, (side, side, 4), dtype=torch.uint8, device=DEVICE)
    ways: dict[str, Callable[[], Carrier]] = {
        "cuda-gl": partial(CudaGL, context, frame),
        "pinned": partial(Pinned, context, frame),
    }
    if DRY:
        report.tell(carrier="upload", **carry(upload, context, frame))
    for name, make in ({} if DRY else ways).items():
        try:
            carrier = make()
            report.tell(carrier=name, **carry(carrier.write, context, frame))
            carrier.close()
        except Exception as error:  # noqa: BLE001 - drivers raise what they like; the other way is still tried
            report.tell(carrier=name, error=f"{type(error).__name__}: {error}"[:400])
    choose(report, context, frame)


def carry(write: Write, context: moderngl.Context, frame: Tensor) -> dict[str, object]:
    """Return the figures of one way."""
    target = context.texture((frame.shape[1], frame.shape[0]), 4)
    for _ in range(RING):
        frame.copy_((frame.int() + 1).to(torch.uint8))
        write(target, frame)
    same = bool((np.frombuffer(target.read(), np.uint8).reshape(frame.shape) == frame.cpu().numpy()).all())
    torch.cuda.synchronize()
    context.finish()
    count, start = few(100), time.perf_counter()
    for _ in range(count):
        write(target, frame)
    host = time.perf_counter() - start
    context.finish()
    whole, waits = time.perf_counter() - start, []
    for _ in range(few(5)):
        sleep(BUSY)
        start = time.perf_counter()
        write(target, frame)
        returned = time.perf_counter() - start
        context.finish()
        waits.append((round(1e3 * returned, 2), round(1e3 * (time.perf_counter() - start), 2)))
    return {
        "texture_holds_the_frame": same,
        "write_ms": round(1e3 * host / count, 3),
        "write_and_finish_ms": round(1e3 * whole / count, 3),
        "returned_and_finished_behind_20_ms": waits,
    }


def choose(report: Report, context: moderngl.Context, frame: Tensor) -> None:
    """Tell which way the show would take, and what another size costs."""
    chosen = FrameTexture(context)
    start = time.perf_counter()
    chosen.write(frame)
    first = time.perf_counter() - start
    start = time.perf_counter()
    chosen.write(frame[: len(frame) // 2, : len(frame) // 2].contiguous())
    context.finish()
    other = time.perf_counter() - start
    took = {"first_ms": round(1e3 * first, 2), "resized_ms": round(1e3 * other, 2)}
    report.tell(path=chosen.path, reason=chosen.reason, **took)


def picture(report: Report) -> None:
    """The whole picture at 1024 px on two windows, stage by stage, with the flash guard and without."""
    player, table = open_player(1024).player, standard()
    preset, params = presets.find("default", (ROOT / "presets",), table), Params({}, table)
    for size in ((1280, 720), (1920, 1080)):
        for guard in (True, False):
            window, meter, faults = HeadlessWindow((small(size[0]), small(size[1]))), Meter(), Faults()
            compositor = Compositor(window, with_fade(preset.passes), guard=guard, faults=faults)
            sizes = RenderSize(player, meter, print)
            drawn = Picture(window, player, preset, compositor, meter, sizes, StyleStage(), Matte(), faults, print)
            drawn.warm(params)
            show(window, drawn, meter, path_of(player), params)
            report.tell(
                window=size,
                guard=guard,
                frame_ms=meter.frame_ms(),
                device_ms=round(1e3 * (player.device_seconds or 0.0), 3),
                stages_ms=meter.stages_ms(),
                way=compositor.texture.path,
                reason=compositor.texture.reason,
            )
            compositor.close()
            window.close()


def show(window: HeadlessWindow, drawn: Picture, meter: Meter, path: NDArray[np.float32], params: Params) -> None:
    """Play two seconds in the loop's own order."""
    count = few(120)
    for index in range(count):
        tick, share = Tick(index, index / 60, 1 / 60), index / count
        ws = (1 - share) * path[0] + share * path[1]
        meter.begin()
        frame = drawn.imagine(ws, params, tick)
        shown = drawn.compose(frame, Latched(AudioFeatures(), Controls(), params), Scene(), tick)
        window.present(shown)
        meter.lap("present")
        drawn.look(Moment(tick, Controls(), params, ws, frame, shown))
        meter.mark(tick, AudioFeatures(), Controls(), params, ws)


def interpolation(report: Report) -> None:
    """Let a generator take longer than a 240-Hz display, and count the pictures that are shown meanwhile."""
    player = open_player(1024).player
    path, shown, count = path_of(player), list[float](), few(40) + 8
    between = Interpolation(DISPLAY, always=True)

    def slow(index: int) -> Tensor:
        sleep(BUSY)  # a fast card is done about when the frame is launched
        return paint(player, path[index % len(path)], index=index)

    start = time.perf_counter()
    for index in range(count):
        if between.begins():
            between.run(shown.append, True, slow, index)
        else:
            slow(index)
        between.arrived(time.perf_counter(), BUSY)
    torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    between.close()
    report.tell(
        shown_in_between=len(shown),
        generated_fps=round(count / seconds, 1),
        shown_fps=round((count + len(shown)) / seconds, 1),
        means=[round(middle(shown), 3)] if shown else [],
    )
