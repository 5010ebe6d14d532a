"""Everything that waits for a GPU, in one run: ``python -m benchmarks.gpu_check [--json FILE]``. NOT YET RUN ON A GPU.

Checks fp16 against fp32, counts graph captures and allocations while knobs turn and sizes step, times frames
against the plain fp32 and fp16 reference, with every warp, on TensorRT where it is installed, and with pictures in
between; and carries a frame into an OpenGL texture without a host copy. One JSON under benchmarks/; exit code 1
when a check fails, 2 where there is no GPU. What it takes to train a model of one's own is a command of its own:
``python -m tools.train --help``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.bench.rates import config_f, interleave, lively, machine_rates, percentiles, signal_to_noise_db
from engine.bench.textbook import reference_frame
from engine.bench.warps import measure_model
from engine.borders.params import Params
from engine.generator.backends.cost import flops
from engine.generator.backends.select import open_generator
from engine.generator.networks.stylegan2 import StyleGAN2
from engine.show.interpolation import Between
from engine.show.render_size import governed

WANTED = {  # what issue "Fast" asks of a GPU; (figure, comparison, bound)
    "snr_db": (">=", 40.0),
    "captures_by_knobs": ("<=", 0),
    "allocated_by_knobs_bytes": ("<=", 0),
    "captures_by_steps": ("<=", 0),
    "ratio_to_fp32_reference": (">=", 4.0),
    "ratio_to_fp16_reference": (">=", 2.5),
    "frame_p50_ms": ("<=", 2.0),
    "host_ms": ("<=", 0.3),
}
AT_FULL_SIZE = ("ratio_to_fp32_reference", "ratio_to_fp16_reference", "frame_p50_ms")  # asked of 1024 px, unreduced


def main() -> int:
    """Run every check, print what was found, write the JSON; return the exit code."""
    parser = argparse.ArgumentParser(description="Run what can only be run on a CUDA GPU.")
    parser.add_argument("--sizes", default="256,512,1024")
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/gpu_check.json"))
    args = parser.parse_args()
    if not torch.cuda.is_available():
        print("gpu_check: no CUDA GPU here; nothing was checked", file=sys.stderr)
        return 2
    device = torch.device("cuda")
    result: dict[str, Any] = {
        "command": " ".join(["python", "-m", "benchmarks.gpu_check.__main__", *sys.argv[1:]]),
        "device": torch.cuda.get_device_name(device),
        "torch": torch.__version__,
        "rates": machine_rates(device),
        "rows": [],
        "texture": _attempt(check_texture),
        "between": _attempt(check_between),
    }
    for size in map(int, args.sizes.split(",")):
        network = lively(config_f(size)).cuda()
        for resolution in (size, size // 4):
            row = _attempt(lambda r=resolution, n=network: check_size(n, r, args.frames))  # type: ignore[misc]
            row |= {"model": size, "resolution": resolution}
            result["rows"].append(row)
            print(json.dumps(row))
        if importlib.util.find_spec("tensorrt") is not None:
            row = _attempt(lambda n=network: check_tensorrt(n, args.frames))  # type: ignore[misc]
            result["rows"].append(row | {"model": size, "resolution": size})
            print(json.dumps(result["rows"][-1]))
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    failed = [f"{row['model']} px at {row['resolution']}: {what}" for row in result["rows"] for what in judge(row)]
    for part in ("texture", "between"):
        failed += [f"{part}: {result[part]['error']}"] if "error" in result[part] else []
    print("\n".join(failed) or "gpu_check: everything holds")
    return 1 if failed else 0


def _attempt(check: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run one check; its failure is a result, and the others still run."""
    try:
        return check()
    except (RuntimeError, ImportError, OSError, ValueError, AssertionError) as error:
        return {"error": f"{type(error).__name__}: {error}"}


def judge(row: dict[str, Any]) -> list[str]:
    """Return one line for every figure of a row that misses its bound; ratios count at full size only."""
    if "error" in row:
        return [str(row["error"])]
    misses = []
    for name, (comparison, bound) in WANTED.items():
        if name in AT_FULL_SIZE and (row["resolution"] != row["model"] or row["model"] < 1024):
            continue
        if name not in row:  # another backend is not asked for it
            continue
        good = row[name] >= bound if comparison == ">=" else row[name] <= bound
        if not good:
            misses.append(f"{name} is {row[name]}, wanted {comparison} {bound}")
    return misses


def check_size(network: StyleGAN2, resolution: int, frames: int) -> dict[str, Any]:
    """Return the figures of one network at one resolution."""
    size = network.config.img_resolution
    stop = None if resolution == size else resolution
    generator = open_generator(network, device="cuda", resolution=resolution)
    draw = np.random.default_rng(0)
    path = generator.map(draw.standard_normal((frames, generator.z_dim)).astype(np.float32))
    ws = torch.from_numpy(path[:1]).cuda()
    with torch.inference_mode():
        quality = signal_to_noise_db(network.synthesis(ws, stop_at=stop), generator.image(ws))
        finite = bool(torch.isfinite(generator.image(ws * 2)).all())
    knobs = check_knobs(generator, path) | check_steps(generator, path)
    half = StyleGAN2(network.config).cuda().eval().requires_grad_(False)
    half.load_state_dict(network.state_dict())
    half.synthesis.half()
    low = ws.half()
    turns = iter(range(10**9))
    tasks: dict[str, Callable[[], object]] = {
        "graph": lambda: generator(path[next(turns) % frames], Params()),
        "reference fp32": lambda: reference_frame(network, ws, stop),
        "reference fp16": lambda: reference_frame(half, low, stop),
    }
    seconds = interleave(tasks, 30, generator.device)
    mine = float(np.median(seconds["graph"]))
    work = flops(network.config, resolution)
    return {
        "backend": generator.backend,
        "precision": generator.precision,
        "notes": generator.notes,
        "snr_db": round(quality, 1),
        "finite_at_psi_2": finite,
        **knobs,
        "frame_ms": percentiles(seconds["graph"]),
        "frame_p50_ms": percentiles(seconds["graph"])["p50"],
        "warps": measure_model(generator) if resolution >= 64 else {},
        "tflops": round(work / mine / 1e12, 1),
        "ratio_to_fp32_reference": round(float(np.median(seconds["reference fp32"])) / mine, 2),
        "ratio_to_fp16_reference": round(float(np.median(seconds["reference fp16"])) / mine, 2),
        "peak_memory_mb": round(torch.cuda.max_memory_allocated() / 2**20, 1),
    }


def check_knobs(generator: Any, path: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Turn every knob that must cost nothing, back to back; count captures, allocations and the host's time."""
    for index in range(3):
        generator.begin(Params(), index / 60, 1 / 60)
        generator(path[index], Params())
    torch.cuda.synchronize()
    captures, allocated = generator.captures, torch.cuda.memory_stats()["allocation.all.allocated"]
    reserved, host = torch.cuda.memory_reserved(), []
    for index, ws in enumerate(path):
        share = index / len(path)
        params = Params({"noise.strength": 2 * share, "noise.drift": share, "truncation_psi": share})
        start = time.perf_counter()
        generator.begin(params, index / 60, 1 / 60)
        generator(ws, params)
        host.append(time.perf_counter() - start)
        torch.cuda.synchronize()
    return {
        "captures_by_knobs": generator.captures - captures,
        "allocations_by_knobs": torch.cuda.memory_stats()["allocation.all.allocated"] - allocated,
        "allocated_by_knobs_bytes": torch.cuda.memory_reserved() - reserved,
        "host_ms": round(float(np.median(host)) * 1e3, 4),
    }


def check_steps(generator: Any, path: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Step through the sizes a governor may choose, prepared ahead; count captures and the slowest step's time."""
    own, sizes = generator.resolution, governed(generator)
    generator.prepare_sizes(sizes)
    torch.cuda.synchronize()
    captures, slowest = generator.captures, 0.0
    for index, size in enumerate((*reversed(sizes), *sizes)):
        start = time.perf_counter()
        generator.set_resolution(size)
        generator.begin(Params(), index / 60, 1 / 60)
        generator(path[index % len(path)], Params())
        torch.cuda.synchronize()
        slowest = max(slowest, time.perf_counter() - start)
    generator.set_resolution(own)
    told = {"sizes": sizes, "slowest_step_ms": round(slowest * 1e3, 3)}
    return told | {"captures_by_steps": generator.captures - captures}


def check_tensorrt(network: StyleGAN2, frames: int) -> dict[str, Any]:
    """Return the figures of TensorRT's engines beside the graph's; building them may take minutes."""
    start = time.perf_counter()
    generator = open_generator(network, device="cuda", backend="tensorrt")
    generator.settle()
    built = time.perf_counter() - start
    draw = np.random.default_rng(0).standard_normal((frames, generator.z_dim)).astype(np.float32)
    path, turns = generator.map(draw), iter(range(10**9))
    ws = torch.from_numpy(path[:1]).cuda()
    with torch.inference_mode():
        quality = signal_to_noise_db(network.synthesis(ws), generator.image(ws))
    timed = interleave({"tensorrt": lambda: generator(path[next(turns) % frames], Params())}, 30, generator.device)
    told = {"backend": generator.backend, "notes": generator.notes, "ready_s": round(built, 1)}
    return told | {"snr_db": round(quality, 1), "frame_ms": percentiles(timed["tensorrt"])}


def check_between() -> dict[str, Any]:
    """Let a generator take longer than a 240-Hz display, and count what is shown while its stream works."""
    generator = open_generator(lively(config_f(1024)).cuda(), device="cuda", backend="eager", precision="fp32")
    path = generator.map(np.random.default_rng(0).standard_normal((40, generator.z_dim)).astype(np.float32))
    shown: list[float] = []
    between = Between(1 / 240, shown.append)
    start = time.perf_counter()
    for ws in path:
        between(partial(generator, ws, Params()), True, 0.02)
    torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    if not shown:
        raise AssertionError("nothing was shown while the GPU worked")
    return {"generated_fps": round(len(path) / seconds, 1), "shown_fps": round((len(path) + len(shown)) / seconds, 1)}


def check_texture() -> dict[str, Any]:
    """Carry a frame from CUDA into a GL texture on EGL and read it back."""
    import moderngl

    from engine.stage.passes.texture import FrameTexture

    settings: dict[str, Any] = {"standalone": True, "backend": "egl"}
    context = moderngl.create_context(**settings)
    carrier = FrameTexture(context)
    frame = torch.randint(0, 256, (256, 256, 4), dtype=torch.uint8, device="cuda")
    for _ in range(4):  # a ring of buffers shows a frame late
        carrier.write(frame)
        torch.cuda.synchronize()
        context.finish()
    assert carrier.texture is not None
    seen = np.frombuffer(carrier.texture.read(), np.uint8).reshape(256, 256, 4)
    same = bool((seen == frame.cpu().numpy()).all())
    if not same:
        raise AssertionError("the texture does not hold the frame")
    start = time.perf_counter()
    for _ in range(200):
        carrier.write(frame)
    context.finish()
    return {"path": carrier.path, "renderer": context.info["GL_RENDERER"], "ms": (time.perf_counter() - start) * 5}


if __name__ == "__main__":
    sys.exit(main())
