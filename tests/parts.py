"""What a test needs that is not Python: ``from tests.parts import need``, then ``need("Xvfb")``.

Where the part is missing the test is skipped with the reason; with ``CI=true`` it fails, because there
tools/test.py has installed everything and a missing part means that the check no longer happens.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

SOUNDFONTS = (
    "/usr/share/sounds/sf2/FluidR3_GM.sf2",
    "/usr/share/sounds/sf2/default-GM.sf2",
    "/usr/share/sounds/sf3/default-GM.sf3",
)


def in_ci() -> bool:
    """Whether a missing part is a failure here."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def missing(reason: str) -> NoReturn:
    """Skip the calling test because of ``reason``; in CI fail it."""
    if in_ci():
        pytest.fail(f"{reason} (CI=true: a missing part is a failure)", pytrace=False)
    pytest.skip(reason)


def soundfont() -> Path:
    """Return a General MIDI soundfont to play with fluidsynth."""
    for path in SOUNDFONTS:
        if Path(path).is_file():
            return Path(path)
    missing("no General MIDI soundfont (Debian: fluid-soundfont-gm)")


def _library(name: str) -> Callable[[], bool]:
    return lambda: ctypes.util.find_library(name) is not None


# Parts that are not a program on the PATH: how to see them, what to install.
_PARTS: dict[str, tuple[Callable[[], bool], str]] = {
    "EGL": (_library("EGL"), "libegl1 and libgl1-mesa-dri"),
    "libXrandr": (_library("Xrandr"), "libxrandr2"),
    "portaudio": (_library("portaudio"), "libportaudio2"),
    "libjack": (_library("jack"), "libjack-jackd2-0"),
    "soundfont": (lambda: any(Path(path).is_file() for path in SOUNDFONTS), "fluid-soundfont-gm"),
}
_PACKAGES = {"Xvfb": "xvfb", "jackd": "jackd2"}


def need(*parts: str) -> None:
    """Return if every one of ``parts`` is here: programs by name, or EGL, portaudio, libjack, soundfont."""
    for part in parts:
        here, package = _PARTS.get(part, (None, _PACKAGES.get(part, part)))
        if not (here() if here else shutil.which(part)):
            missing(f"{part} is not installed (Debian: {package}; python3 tools/test.py installs it as root)")


def need_cuda() -> None:
    """Return if a CUDA device is here. Most machines have none, CI included: this one always skips."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
