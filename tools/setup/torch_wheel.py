"""Installs the build of torch that fits the machine, before the lock is: the lock's torch is then there already.

Standard library only. What is chosen, and why, is a line on the terminal; the command is one, too.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

from engine.system.torch_build import PLAYS, Choice
from tools.setup.installer import Installer

# What it costs when the build cannot be had and PyPI's is taken.
COSTS = {
    "cpu": "PyPI's brings CUDA with it, two gigabytes more to fetch; it plays the same",
    "cu126": "PyPI's needs another driver, so the GPU stands idle and the processor plays",
    "cu130": "PyPI's is for the processor alone, so the GPU stands idle",
    "rocm7.2": "PyPI's is not for AMD, so the GPU stands idle and the processor plays",
    "xpu": "PyPI's is not for Intel's GPUs, so the GPU stands idle and the processor plays",
}


def pinned(lock: str) -> str:
    """Return the version of torch that a lock names."""
    found = re.search(r"^torch==([\w.]+)", lock, re.MULTILINE)
    if found is None:
        raise ValueError("requirements.lock names no torch")
    return found[1]


def command(choice: Choice, version: str, installer: Installer, lock: Path, has: str | None = None) -> list[str] | None:
    """Return the command that installs a build, None where the lock itself brings it. ``has`` is what is there."""
    if choice.index is not None:
        return installer.from_index(choice.index, "--constraint", str(lock), choice.requirement(version))
    if has is None or "+" not in has:
        return None
    # Another build of the same version satisfies the lock, which would leave it there.
    return installer.install("--force-reinstall", "--no-deps", choice.requirement(version))


def install(
    choice: Choice,
    lock: Path,
    environment: Path,
    installer: Installer,
    run: Callable[..., int],
    say: Callable[[str], None],
) -> None:
    """Install the build; where that fails, say what it costs and leave torch to the lock."""
    say(f"torch: {choice.why}")
    version = pinned(lock.read_text(encoding="utf-8"))
    wanted = command(choice, version, installer, lock, installed_version(environment))
    if wanted is None:
        return
    say(f"  {shlex.join(wanted)}")
    if run(wanted, progress=True) != 0:
        name, cost = PLAYS.get(choice.build, choice.build), COSTS.get(choice.build, "the one that is there stays")
        say(f"the torch for {name} cannot be had now: {cost}. To try again: python3 tools/start.py --torch=auto")


def installed_version(environment: Path) -> str | None:
    """Return the version of the torch in an environment, such as 2.13.0+cpu, or None."""
    for path in _packages(environment, "torch-*.dist-info"):
        return path.name.removeprefix("torch-").removesuffix(".dist-info")
    return None


def installed_build(environment: Path) -> str | None:
    """Return what the torch in an environment plays on: "cuda", "hip", "xpu" or "cpu"; None where there is none."""
    for path in _packages(environment, "torch/version.py"):
        text = path.read_text(encoding="utf-8", errors="replace")
        for kind in ("cuda", "hip", "xpu"):
            if re.search(rf"^{kind}\b[^=]*= *['\"]", text, re.MULTILINE):
                return kind
        return "cpu"
    return None


def _packages(environment: Path, pattern: str) -> list[Path]:
    """Return what matches in the folders of packages of an environment, on Linux, macOS and Windows."""
    return [path for place in ("lib/python3*", "Lib") for path in environment.glob(f"{place}/site-packages/{pattern}")]
