"""What this processor is good at: how many threads render, and what it can do with bf16."""

from __future__ import annotations

import os

import torch

from engine.system.compiled import held_back

WITHOUT_BF16 = "this processor has no instructions for bf16"
NO_BF16 = f"{WITHOUT_BF16}, choose --precision fp32"


def multiplies_bf16() -> bool:
    """Whether oneDNN convolves in bf16 here: on x86 that takes AVX-512 or AVX-NE-CONVERT, on ARM the BF16 extension.

    Without it, PyTorch's own bf16 is many times slower than fp32, and the compiled backends have none.
    """
    with_onednn = torch._C._has_mkldnn and torch._C._get_mkldnn_enabled()
    return with_onednn and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def lacks(precision: str) -> str | None:
    """Say why this processor cannot multiply in ``precision``, or None."""
    return NO_BF16 if precision == "bf16" and not multiplies_bf16() else None


def has_fast_bf16() -> bool:
    """Whether bf16 pays here: the processor has products of it, on x86 by AVX-512 BF16 or AMX, on ARM by BF16.

    Not where ATEN_CPU_CAPABILITY holds our layers back: without these instructions theirs are slower than fp32.
    """
    if held_back() or not multiplies_bf16():
        return False
    told = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    if any(ask() for ask in told if ask is not None):
        return True
    ask_all = getattr(torch.cpu, "get_capabilities", None)
    return ask_all is not None and bool(ask_all().get("bf16", False))


def has_amx() -> bool:
    """Whether this processor has matrix units for bf16."""
    ask = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return ask is not None and bool(ask())


def rendering_threads() -> int:
    """How many threads the generator uses: all cores up to two, else one is left for sound and the screen."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if cores <= 2 else cores - 1


def limit_threads() -> None:
    """Let PyTorch use no more threads than `rendering_threads`; fewer are respected."""
    torch.set_num_threads(min(torch.get_num_threads(), rendering_threads()))
