"""maps.cu, compiled by NVRTC for the GPU at hand: no compiler, no header and no Python.h on the user's machine.

It takes a second once for a card, and is kept in the user's cache. cuda.core compiles, loads and launches; the package
comes with the extra ``cuda``. NOT YET RUN ON A GPU (benchmarks/gpu_check).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
from pathlib import Path
from typing import Any

import torch

from engine.borders.errors import UserError
from engine.generator.backends.kernels.kernels import Kernels, Value, arguments
from engine.generator.backends.table import PRECISIONS
from engine.system.files import write_whole

SOURCE = Path(__file__).with_name("maps.cu")


def compile_for(core: Any, arch: str, precision: str, folder: Path) -> Any:
    """Return maps.cu as ``core`` (cuda.core) loads it, for ``arch`` ("sm_90"), from ``folder`` where it is kept.

    The kernels of ``precision`` alone are compiled.
    """
    source = SOURCE.read_text(encoding="utf-8")
    digest = hashlib.sha256(f"{arch}\0{precision}\0{core.__version__}\0{source}".encode()).hexdigest()[:24]
    path = folder / f"{digest}.cubin"
    with contextlib.suppress(OSError):
        return core.ObjectCode.from_cubin(path.read_bytes())
    without = [f"WITHOUT_{other.upper()}" for other in PRECISIONS if other != precision]
    options = core.ProgramOptions(std="c++17", arch=arch, define_macro=without)
    made = core.Program(source, "c++", options).compile("cubin")
    with contextlib.suppress(OSError, UserError):  # a disk that is full costs the next start a second
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, Path.write_bytes, bytes(made.code))
    return made


class CudaLauncher:
    """Starts kernels on torch's current stream, also while a graph is recorded."""

    def __init__(self, core: Any, code: Any) -> None:
        self._core, self._code = core, code
        self._kernels: dict[str, Any] = {}
        self._streams: dict[int, Any] = {}

    def __call__(self, kernel: str, blocks: int, threads: int, *values: Value) -> None:
        """See Launcher."""
        handle = int(torch.cuda.current_stream().cuda_stream)
        if handle not in self._streams:
            self._streams[handle] = self._core.Stream.from_handle(handle)
        if kernel not in self._kernels:
            self._kernels[kernel] = self._code.get_kernel(kernel)
        given = [None if value is None else one for value, one in zip(values, arguments(values), strict=True)]
        config = self._core.LaunchConfig(grid=blocks, block=threads)
        self._core.launch(self._streams[handle], config, self._kernels[kernel], *given)


def open_kernels(device: torch.device, precision: str) -> Kernels:
    """Compile or load the kernels for ``device`` and ``precision``; what cuda.core raises is raised."""
    from platformdirs import user_cache_path

    core = importlib.import_module("cuda.core")
    index = device.index or 0
    core.Device(index).set_current()  # torch's own context: the primary one
    major, minor = torch.cuda.get_device_capability(index)
    code = compile_for(core, f"sm_{major}{minor}", precision, user_cache_path("latentvj") / "kernels")
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:8]
    return Kernels(CudaLauncher(core, code), f"nvrtc {digest}")
