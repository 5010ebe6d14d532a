"""Which backend plays a network: by device, by what is installed, and by what this processor is good at."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from fractions import Fraction
from typing import Any

import torch

from engine.borders.errors import UserError
from engine.generator.aspect import reshape
from engine.generator.backends.blocks import DTYPES, Blocks, Unavailable
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.native import native_build
from engine.generator.backends.prepare import Prepared, prepare
from engine.generator.backends.processor import NO_BF16, has_fast_bf16, multiplies_bf16
from engine.generator.incremental import FastGenerator
from engine.generator.networks.stylegan2 import StyleGAN2
from engine.generator.player import EagerGenerator, Player

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
) -> Player:
    """Return a generator for ``network`` that can paint at once; `settle` waits for its final backend.

    ``aspect`` is width / height of its pictures (None: the model's own), see aspect.py, and so is ``fill``.
    ``backend``: "auto", or one of BACKENDS ("plain" is the readable network itself); ``precision``: "auto" is
    fp16 on CUDA, bf16 on processors that multiply it in hardware, else fp32. A processor without instructions for
    bf16 plays in fp32, with a note, where ``backend`` is "auto". A network that is no StyleGAN2 plays on "plain".
    PyTorch's threads are limited to `rendering_threads`; fewer are respected. UserError names a wish that this
    machine cannot fulfil.
    """
    for option, wish, known in (("backend", backend, BACKENDS), ("precision", precision, PRECISIONS)):
        if wish not in known:
            raise UserError(f"--{option} {wish}: unknown; choose one of {', '.join(known)}")
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
    if backend == "auto" and chosen == "bf16" and not multiplies_bf16():
        generator = _open(network, backend, "fp32", resolution)
        generator.note("plays in fp32: this processor has no instructions for bf16")
        return generator
    return _open(network, backend, chosen, resolution)


def rendering_threads() -> int:
    """How many threads the generator uses: all cores up to two, else one is left for sound and the screen."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if cores <= 2 else cores - 1


def _open_cuda(network: StyleGAN2, backend: str, precision: str, resolution: int | None) -> FastGenerator:
    from engine.generator.backends.cuda_graphs import open_cuda

    if backend not in ("auto", "eager", "graph", "tensorrt"):
        raise UserError(f"--backend {backend}: is for CPUs; on this GPU choose auto, eager, graph or tensorrt")
    chosen = "fp16" if precision == "auto" else precision
    if backend == "tensorrt":
        return _open_tensorrt(network, chosen, resolution)
    return open_cuda(network, backend, chosen, resolution)


def _open_tensorrt(network: StyleGAN2, precision: str, resolution: int | None) -> FastGenerator:
    """Begin on PyTorch's graph, and let the engines take over once they are built or found."""
    from engine.generator.backends.cuda_graphs import open_cuda
    from engine.generator.backends.tensorrt_build import MISSING

    try:
        from engine.generator.backends import tensorrt
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
    if backend != "eager":
        wanted = _wanted(backend, refusals(prepared, precision))
        if wanted:
            generator.improve(lambda: _build(wanted, prepared, precision))
    return generator


def refusals(prepared: Prepared, precision: str = "fp32") -> dict[str, str | None]:
    """Say why each backend for CPUs cannot play a network in ``precision`` here, or None; the fastest first."""
    from engine.generator.backends.native import native

    no_compiler = None if native_build.compiler() is not None else "there is no C++ compiler (g++)"
    no_openvino = None if importlib.util.find_spec("openvino") else 'is not installed; run  pip install "latentvj[cpu]"'
    no_bf16 = NO_BF16 if precision == "bf16" and not multiplies_bf16() else None
    return {
        "native": no_compiler or native.refusal(prepared) or no_bf16,
        "inductor": no_compiler,
        "openvino": no_openvino or no_bf16,
    }


def _wanted(backend: str, refused: dict[str, str | None]) -> list[str]:
    """Return the backends to try, in order: the one wished for, or, with "auto", all that may do."""
    if backend == "auto":
        return [name for name, reason in refused.items() if reason is None]
    if reason := refused[backend]:
        raise UserError(f"--backend {backend}: {reason}; or choose auto")
    return [backend]


def _build(wanted: list[str], prepared: Prepared, precision: str) -> Blocks:
    """Build the first of ``wanted`` that can be built after all; what the last one raises is raised."""
    for name in wanted[:-1]:
        with contextlib.suppress(Unavailable, ImportError):  # a compiler that is there may still not compile
            return _blocks(name, prepared, precision)
    return _blocks(wanted[-1], prepared, precision)


def _blocks(name: str, prepared: Prepared, precision: str) -> Blocks:
    if name == "native":
        from engine.generator.backends.native.native import NativeBlocks

        return NativeBlocks(prepared, torch.get_num_threads(), precision == "bf16")
    if name == "inductor":
        from engine.generator.backends.inductor import InductorBlocks

        return InductorBlocks(prepared, precision)
    from engine.generator.backends.openvino import OpenVinoBlocks

    return OpenVinoBlocks(prepared, precision, torch.get_num_threads())
