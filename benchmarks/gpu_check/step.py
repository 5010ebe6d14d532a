"""One step, inside its own process: finds the function, runs it, and tells what it raised."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from pkgutil import resolve_name

from benchmarks.gpu_check.report import Report
from benchmarks.gpu_check.steps import NO_GPU, Step

DRY = bool(os.environ.get("DRY"))


def perform(step: Step, out: Path) -> int:
    """Run ``step``; return its exit code."""
    report = Report(step.name, out, judged=not DRY)
    try:
        if DRY:
            from benchmarks.gpu_check import dry

            dry.pretend()
        elif not _has_gpu():
            return NO_GPU
        resolve_name(f"benchmarks.gpu_check.{step.module}:{step.name}")(report)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told, and the next step runs
        report.tell(error=f"{type(error).__name__}: {error}"[:1500], trace=traceback.format_exc()[-1500:])
        return 1
    report.tell(done=True)
    return 0


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
