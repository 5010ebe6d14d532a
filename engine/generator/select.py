"""Which backend plays a network: by device, by what is installed, and by what this processor is good at."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import torch

from engine.errors import UserError
from engine.generator import native_build
from engine.generator.aspect import reshape
from engine.generator.blocks import DTYPES, Blocks, Unavailable
from engine.generator.eager import EagerBlocks
from engine.generator.fast import FastGenerator
from engine.generator.network import StyleGAN2
from engine.generator.prepare import Prepared, prepare
from engine.generator.runtime import EagerGenerator

BACKENDS = ("auto", "eager", "native", "openvino", "inductor", "graph", "tensorrt", "plain")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")


def open_generator(
    network: Any,
    *,
    device: str = "cpu",
    backend: str = "auto",
    precision: str = "auto",
    resolution: int | None = None,
    aspect: Fraction | None = None,
    fill: str = "mirror",
) -> Any:
    """Return a generator for ``network`` that can paint at once; `settle` waits for its final backend.

    ``aspect`` is width / height of its pictures (None: the model's own), see aspect.py, and so is ``fill``.
    ``backend``: "auto", or one of BACKENDS ("plain" is the readable network itself); ``precision``: "auto" is
    fp16 on CUDA, bf16 on processors that multiply it in hardware, else fp32. A network that is no StyleGAN2
    plays on "plain". PyTorch's threads are limited to `rendering_threads`; fewer are respected. UserError names
    a wish that this machine cannot fulfil.
    """
    if backend not in BACKENDS:
        raise UserError(f"--backend {backend}: unknown; choose one of {', '.join(BACKENDS)}")
    if precision not in PRECISIONS:
        raise UserError(f"--precision {precision}: unknown; choose one of {', '.join(PRECISIONS)}")
    if aspect is not None and aspect != 1:
        if not isinstance(network, StyleGAN2):
            raise UserError("--aspect: a StyleGAN3 model paints its own shape only; --fit crop fills a wide window")
        generator = open_generator(
            reshape(network, aspect, fill), device=device, backend=backend, precision=precision, resolution=resolution
        )
        generator.aspect = aspect
        return generator
    kind = torch.device(device).type
    if backend == "plain" or not isinstance(network, StyleGAN2):
        if backend not in ("auto", "plain") or precision not in ("auto", "fp32"):
            raise UserError("this model plays with --backend plain --precision fp32 only; leave both out")
        return EagerGenerator(network, device, resolution)
    network = network.eval().requires_grad_(False).to(device)
    if kind == "cuda":
        return _open_cuda(network, backend, precision, resolution)
    if precision == "fp16":
        raise UserError("--precision fp16: a CPU computes it hundreds of times slower; choose fp32 or bf16")
    if backend in ("graph", "tensorrt"):
        wishes = "auto, or one of eager, native, openvino, inductor"
        raise UserError(f"--backend {backend}: needs an NVIDIA GPU; choose {wishes}")
    if kind != "cpu":  # mps and others: torch's own kernels, in the precision they all have
        return _open(network, "eager", "fp32", resolution)
    chosen = precision if precision != "auto" else ("bf16" if has_fast_bf16() else "fp32")
    return _open(network, backend, chosen, resolution)


def has_fast_bf16() -> bool:
    """Whether this processor multiplies bf16 in hardware, on x86 by AVX-512 BF16 or AMX, on ARM by BF16."""
    told = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    if any(ask() for ask in told if ask is not None):
        return True
    ask_all = getattr(torch.cpu, "get_capabilities", None)
    return ask_all is not None and bool(ask_all().get("bf16", False))


def rendering_threads() -> int:
    """How many threads the generator uses: all cores up to two, else one is left for sound and the screen."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if cores <= 2 else cores - 1


def _open_cuda(network: StyleGAN2, backend: str, precision: str, resolution: int | None) -> FastGenerator:
    from engine.generator.cuda import open_cuda

    if backend not in ("auto", "eager", "graph", "tensorrt"):
        raise UserError(f"--backend {backend}: is for CPUs; on this GPU choose auto, eager, graph or tensorrt")
    chosen = "fp16" if precision == "auto" else precision
    if backend == "tensorrt":
        return _open_tensorrt(network, chosen, resolution)
    return open_cuda(network, backend, chosen, resolution)


def _open_tensorrt(network: StyleGAN2, precision: str, resolution: int | None) -> FastGenerator:
    """Begin on PyTorch's graph, and let the engines take over once they are built or found."""
    from engine.generator.cuda import open_cuda
    from engine.generator.tensorrt_build import MISSING

    try:
        from engine.generator import tensorrt
    except ImportError as error:  # onnx is part of the same extra
        raise UserError(f"--backend tensorrt: {MISSING}, or choose auto") from error
    generator = open_cuda(network, "graph", precision, resolution)
    prepared = generator.blocks.prepared
    try:
        tensorrt.check(prepared, precision)
    except Unavailable as error:
        raise UserError(f"--backend tensorrt: {error}, or choose auto") from error
    generator.improve(lambda: tensorrt.open_blocks(prepared, precision))
    return generator


def _open(network: StyleGAN2, backend: str, precision: str, resolution: int | None) -> FastGenerator:
    """Begin on plain PyTorch, and let something faster take over."""
    torch.set_num_threads(min(torch.get_num_threads(), rendering_threads()))
    prepared = prepare(network)
    generator = FastGenerator(network, EagerBlocks(prepared, DTYPES[precision]), resolution)
    make = _faster(prepared, backend, precision)
    if make is not None:
        generator.improve(make)
    return generator


def _faster(prepared: Prepared, backend: str, precision: str) -> Callable[[], Blocks] | None:
    """Return what builds the backend wished for, or, with "auto", the best one this machine can have.

    The order: native, openvino, inductor, eager. The first two were measured against each other (benchmarks/).
    """
    from engine.generator import native

    if backend == "eager":
        return None
    can_compile = native_build.compiler() is not None
    refused = native.refusal(prepared) if can_compile else "there is no C++ compiler (g++)"
    if backend == "native" and refused is not None:
        raise UserError(f"--backend native: {refused}; choose auto")
    if backend == "inductor" and not can_compile:
        raise UserError("--backend inductor: there is no C++ compiler (g++); choose auto")
    found = importlib.util.find_spec("openvino") is not None
    if backend == "openvino" and not found:
        raise UserError('--backend openvino: is not installed; run  pip install "latentvj[cpu]"  or choose auto')
    if backend in ("auto", "native") and refused is None:
        return lambda: native.NativeBlocks(prepared, torch.get_num_threads(), precision == "bf16")
    if backend == "openvino" or (backend == "auto" and found):
        return lambda: _openvino(prepared, precision)
    return (lambda: _inductor(prepared, precision)) if can_compile else None


def _openvino(prepared: Prepared, precision: str) -> Blocks:
    from engine.generator.openvino import OpenVinoBlocks

    return OpenVinoBlocks(prepared, precision, torch.get_num_threads())


def _inductor(prepared: Prepared, precision: str) -> Blocks:
    from engine.generator.inductor import InductorBlocks

    return InductorBlocks(prepared, precision)
