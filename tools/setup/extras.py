"""The optional extras that start.py installs: what fits this machine, and what is asked for. Standard library only.

An extra makes the engine faster and is never needed: a failure here is one line, and the start goes on.
"""

from __future__ import annotations

import glob
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

GAIN = {
    "cpu": "OpenVINO, for processors without a C++ compiler at hand",
    "cuda": "frames from CUDA to the window without a host copy",
    "tensorrt": "the generator as TensorRT engines (--backend tensorrt)",
}
# pip itself waits for minutes on a bad line; an extra is not worth that.
PATIENCE = ("--retries", "1", "--timeout", "20")


def fitting() -> str:
    """Return the extra that fits this machine."""
    return "cuda" if has_nvidia() else "cpu"


def has_nvidia() -> bool:
    """Whether there is an NVIDIA GPU with a driver."""
    return bool(glob.glob("/dev/nvidia[0-9]*")) or shutil.which("nvidia-smi") is not None


def lock_of(root: Path, name: str) -> Path:
    """Return the file that pins an extra."""
    return root / f"requirements-{name}.lock"


def install(
    root: Path,
    venv: Path,
    names: Sequence[str],
    pip: Sequence[str],
    run: Callable[..., int],
    say: Callable[[str], None],
) -> None:
    """Install those of ``names`` that are not there as pinned. One that fails is told once, not at every start."""
    for name in dict.fromkeys(names):
        lock, stamp = lock_of(root, name), venv / f".extra-{name}"
        wanted = lock.read_text(encoding="utf-8") if lock.is_file() else ""
        if not wanted or (stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted):
            continue
        say(f"installing the extra {name}: {GAIN[name]}")
        if run([*pip, *PATIENCE, "-r", str(lock)], progress=True) != 0:
            say(f'going on without it; to have it later:  {pip[0]} -m pip install -r "{lock.name}"')
            if name != fitting():
                continue  # asked for by name; it is tried again at the next request
        stamp.write_text(wanted, encoding="utf-8")
