"""What the machine is: driver, torch, compilers, libraries."""

from __future__ import annotations

import platform
import subprocess
import sysconfig
from importlib.metadata import distributions
from pathlib import Path

import torch

from benchmarks.gpu_check.report import Report

PACKAGES = ("cuda", "triton", "moderngl", "glcontext", "platformdirs", "numpy", "safetensors", "tensorrt", "onnx")
CARD = "nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader"
LIBRARIES = r"ldconfig -p | grep -E 'libEGL|libGL\.|libcuda\.'"


def environment(report: Report) -> None:
    """Tell what the other figures were made with."""
    header = Path(sysconfig.get_paths()["include"]) / "Python.h"
    report.tell(
        python=platform.python_version(),
        torch=torch.__version__,
        cudnn=torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        built_for=torch.cuda.get_arch_list(),
        device=torch.cuda.get_device_name(0),
        card=answer(CARD),
        gcc=answer("gcc --version | head -1"),
        python_header=f"{header}: {'there' if header.exists() else 'missing'}",
        packages=packages(),
        libraries=answer(LIBRARIES),
        tf32_convolutions=torch.backends.cudnn.allow_tf32,
    )


def packages() -> dict[str, str]:
    """Return the versions of the packages that matter here."""
    found = {one.metadata["Name"]: one.version for one in distributions()}
    return {name: found[name] for name in sorted(found) if name and name.lower().startswith(PACKAGES)}


def answer(command: str) -> str:
    """Return what a shell command says, or why it says nothing."""
    try:
        return subprocess.run(command, shell=True, capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        return f"{type(error).__name__}: {error}"
