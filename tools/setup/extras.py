"""The optional extras that start.py installs: what fits this machine, and what is asked for. Standard library only.

An extra makes the engine faster, or brings a model, and is never needed: a failure here is one line, and the start
goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from engine.system.graphics_cards import nvidia_is_here
from tools.setup.installer import Installer

ON_REQUEST = ("tensorrt", "directml", "faces")  # extras that are installed when they are named
ALONE = ("faces",)  # extras whose packages are installed without what they ask for: only a file of theirs is read
GAIN = {
    "cpu": "OpenVINO, for processors without a C++ compiler at hand",
    "cuda": "frames from CUDA to the window without a host copy",
    "tensorrt": "the generator as TensorRT engines (--backend tensorrt)",
    "directml": "the generator on any GPU under Windows (--backend directml)",
    "faces": "the model of the preset faces, 13 MB",
}


def fitting(build: str | None) -> str:
    """Return the extra that fits what torch plays on: "cuda", or anything else where the processor computes."""
    return "cuda" if build == "cuda" and nvidia_is_here() else "cpu"


def lock_of(root: Path, name: str) -> Path:
    """Return the file that pins an extra."""
    return root / f"requirements-{name}.lock"


def install(
    root: Path,
    venv: Path,
    names: Sequence[str],
    find: Callable[[], Installer],
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
        installer = find()
        alone = ["--no-deps"] if name in ALONE else []
        if run(installer.briefly(*alone, "-r", str(lock)), progress=True) != 0:
            later = " ".join(installer.install(*alone, "-r", f'"{lock.name}"'))
            say(f"going on without it; to have it later:  {later}")
            if name in ON_REQUEST:
                continue  # asked for by name; it is tried again at the next request
        stamp.write_text(wanted, encoding="utf-8")
