"""The very kernels of maps.cu on a CPU: its source compiled as C++, every CUDA thread a coroutine. No GPU, no CUDA."""

from __future__ import annotations

import ctypes
import functools
import re
import subprocess
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from engine.generator.backends.kernels.kernels import Value, arguments
from engine.generator.backends.kernels.nvrtc import SOURCE
from engine.system.compiled import compiler

NAMES = [f"{kind}_{precision}" for kind in ("finish", "finish_up", "paint") for precision in ("fp16", "bf16", "fp32")]
FLAGS = ("-O1", "-std=c++17", "-shared", "-fPIC", "-fno-strict-aliasing", "-w")


@functools.cache
def library() -> ctypes.CDLL:
    """Compile maps.cu behind the header that stands for CUDA."""
    program = compiler()
    assert program is not None
    source = SOURCE.read_text(encoding="utf-8")
    assert len(re.findall(r"extern \"C\" __global__", source)) * 3 == len(NAMES), "a kernel that nobody looks at"
    entries = "".join(f"    INTERPRET({name})\n" for name in NAMES)
    main = 'extern "C" int interpret(const char *name, unsigned blocks, unsigned threads, void **from, int count) {\n'
    with tempfile.TemporaryDirectory() as folder:
        unit, made = Path(folder) / "maps.cpp", Path(folder) / "maps.so"
        unit.write_text(f"{source}\n{main}{entries}    return 1;\n}}\n", encoding="utf-8")
        header = str(Path(__file__).with_suffix(".h"))
        subprocess.run([program, *FLAGS, "-include", header, "-o", str(made), str(unit)], check=True)
        return ctypes.CDLL(str(made))


class Interpreter:
    """Stands where the launcher on a GPU stands; notes what was launched."""

    def __init__(self) -> None:
        self.launched: list[str] = []

    def __call__(self, kernel: str, blocks: int, threads: int, *values: Value) -> None:
        """See Launcher."""
        held = arguments(values)
        self.launched.append(kernel)
        if any(isinstance(value, Tensor) and value.device != torch.device("cpu") for value in values):
            raise ValueError("not on this device")
        places = (ctypes.c_void_p * len(held))(*(ctypes.addressof(one) for one in held))
        code = library().interpret(kernel.encode(), blocks, threads, places, len(held))
        assert code == 0, f"{kernel}: {'unknown' if code == 1 else f'takes not {len(held)} arguments'}"
