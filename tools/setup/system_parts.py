"""What the engine and its tests need of the operating system.

It is looked for without a package manager, installed with apt-get where that is allowed, and else named in the one
line to run.

Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import ctypes.util
import glob
import importlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
LINUX = sys.platform.startswith("linux")


@dataclass(frozen=True)
class Part:
    """Something of the system: how it is seen, the Debian packages that bring it, what goes without it."""

    name: str
    here: Callable[[], bool]
    packages: tuple[str, ...]
    needed: bool = True  # False: where it is missing, the set-up prints a notice and goes on


def _library(name: str) -> Callable[[], bool]:
    return lambda: ctypes.util.find_library(name) is not None


def _program(*names: str) -> Callable[[], bool]:
    return lambda: any(shutil.which(name) for name in names)


def _header(name: str, folder: str | None = None) -> Callable[[], bool]:
    folders = [folder] if folder else ["/usr/include", "/usr/local/include"]
    return lambda: any(os.path.exists(os.path.join(place, name)) for place in folders)


def _files(*patterns: str) -> Callable[[], bool]:
    return lambda: any(glob.glob(pattern) for pattern in patterns)


def has_display() -> bool:
    """Whether a window can be opened: always assumed off Linux, where every user has a desktop."""
    return not LINUX or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def parts_to_make_an_environment() -> list[Part]:
    """Return what `python -m venv` needs (Debian cuts it out of its Python)."""

    def here() -> bool:
        importlib.invalidate_caches()  # apt-get may just have brought it
        return importlib.util.find_spec("ensurepip") is not None

    return [Part("venv for this Python", here, (f"{PYTHON}-venv",))] if LINUX else []


def parts_to_install(wheels_build: bool, test: bool = False) -> list[Part]:
    """Return what compiles. Elsewhere than Linux nothing is compiled.

    On Linux that is the generator's fast path on a CPU, for this very processor, which can be done without. With
    ``test`` PyAudio is compiled, and where ``wheels_build`` says so moderngl.
    """
    if not LINUX:
        return []
    parts = [Part("a C++ compiler", _program("g++", "c++"), ("g++",), needed=wheels_build)]
    if wheels_build or test:
        parts += [
            Part("a C compiler", _program("gcc", "cc"), ("gcc", "libc6-dev")),
            Part("Python's headers", _header("Python.h", sysconfig.get_path("include")), (f"{PYTHON}-dev",)),
        ]
    if test:
        parts.append(Part("PortAudio's headers", _header("portaudio.h"), ("portaudio19-dev",)))
    return parts


def parts_to_run() -> list[Part]:
    """Return the libraries that the engine opens when it runs."""
    if not LINUX:
        return []
    drivers = [f"/usr/{lib}{name}" for lib in ("lib/*/", "lib/", "lib64/") for name in
               ("dri/*_dri.so", "libgallium-*.so", "libEGL_nvidia.so.0")]  # fmt: skip
    window = ("libx11-6", "libxcursor1", "libxi6", "libxinerama1", "libxrandr2")
    names = ("X11", "Xcursor", "Xi", "Xinerama", "Xrandr")
    return [
        Part("PortAudio", _library("portaudio"), ("libportaudio2",)),
        Part("EGL", _library("EGL"), ("libegl1",)),
        Part("OpenGL", _library("GL"), ("libgl1",)),
        Part("an OpenGL driver", _files(*drivers), ("libgl1-mesa-dri",)),
        Part("X11 libraries", lambda: all(_library(name)() for name in names), window, needed=has_display()),
    ]


def parts_to_test() -> list[Part]:
    """Return the real parts that only tests play with: a screen, a sound server, a synthesizer."""
    if not LINUX:
        return []
    soundfonts = ("/usr/share/sounds/sf2/*GM*.sf2", "/usr/share/sounds/sf3/*GM*.sf3")
    return [
        Part("Xvfb", _program("Xvfb"), ("xvfb",), needed=False),
        Part("xdotool", _program("xdotool"), ("xdotool",), needed=False),
        Part("JACK's server", _program("jackd"), ("jackd2",), needed=False),
        Part("fluidsynth", _program("fluidsynth"), ("fluidsynth",), needed=False),
        Part("a General MIDI soundfont", _files(*soundfonts), ("fluid-soundfont-gm",), needed=False),
    ]


def wheels_are_missing() -> bool:
    """Whether moderngl has no ready-made wheel here: it has none for Linux on ARM (python -m benchmarks.wheels)."""
    return LINUX and platform.machine() != "x86_64"


def missing(parts: Sequence[Part]) -> list[Part]:
    """Return those of ``parts`` that are not here."""
    return [part for part in parts if not part.here()]


def packages(parts: Sequence[Part]) -> list[str]:
    """Return the Debian packages of ``parts``, each once, in order."""
    return list(dict.fromkeys(package for part in parts for package in part.packages))


def has_apt() -> bool:
    """Whether this is Debian or one of its family."""
    return LINUX and shutil.which("apt-get") is not None


def line_to_run(parts: Sequence[Part]) -> str:
    """Return the one line that installs ``parts`` by hand, or their names where there is no apt-get."""
    wanted = " ".join(packages(parts))
    if has_apt():
        return f"sudo apt-get update && sudo apt-get install -y {wanted}"
    return f"install with your package manager what Debian calls: {wanted}"


def apt_prefix() -> list[str] | None:
    """Return how apt-get may be run here without asking: as it is, with sudo, or not at all (None)."""
    if not has_apt():
        return None
    if os.geteuid() == 0:
        return []
    asked = shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    return ["sudo", "-n"] if asked and asked.returncode == 0 else None


def apt_commands(prefix: Sequence[str], parts: Sequence[Part]) -> dict[str, list[str]]:
    """Return the apt-get commands for ``parts``: ``update`` the lists, and ``install``."""
    # env, because sudo drops the variables: jackd2's question and the like take their defaults.
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]
    return {
        "update": [*apt, "update"],
        "install": [*apt, "install", "-y", "--no-install-recommends", *packages(parts)],
    }
