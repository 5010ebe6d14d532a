"""C++ of our own, compiled for the processor it runs on: once per machine, kept in the user's cache, by ctypes."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from platformdirs import user_cache_path

NO_COMPILER = "there is no C++ compiler (g++)"
CAPABILITY = "ATEN_CPU_CAPABILITY"  # PyTorch's own variable: at most which instructions its kernels use
_AVX2 = ("avx2", "fma", "f16c", "bmi1", "bmi2")  # what PyTorch's AVX2 kernels take for granted
Signatures: TypeAlias = Mapping[str, tuple[tuple[type, ...], type | None]]  # of functions: arguments, result


class NotCompiled(RuntimeError):
    """This machine cannot compile or load a source; the message says why, in one line."""


def compiler() -> str | None:
    """Return the C++ compiler to use ($CXX first), or None."""
    wanted = (os.environ.get("CXX"), "g++", "c++", "clang++")
    return next((found for name in wanted if name and (found := shutil.which(name))), None)


def load(name: str, sources: Sequence[Path], flags: Sequence[str], signatures: Signatures) -> ctypes.CDLL:
    """Compile the first of ``sources``, which includes the others, unless the cache has it; load it and declare what it
    has. NotCompiled, which says ``name``, where that is impossible.
    """
    program = compiler()
    if program is None:
        raise NotCompiled("no C++ compiler (g++) on this machine")
    path = library_path(program, sources, flags)
    if not path.is_file():
        _compile(name, [program, *flags], sources[0], path)
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        path.unlink(missing_ok=True)  # a half-written or foreign file: the next start compiles anew
        raise NotCompiled(f"the compiled {name} cannot be loaded: {error}") from error
    for each, (arguments, result) in signatures.items():
        function = getattr(library, each)
        function.argtypes, function.restype = arguments, result
    return library


def processor() -> str:
    """Return what -march=native looks at: a cache shared between machines must not mix them up."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    keys = ("flags", "Features", "model name", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(keys)}))


def held_back() -> bool:
    """Whether PyTorch is told to use fewer instructions than this x86 processor may have (ATEN_CPU_CAPABILITY)."""
    return _x86() and os.environ.get(CAPABILITY) in ("default", "avx2")


def instructions() -> tuple[str, ...]:
    """Return the compiler's flags for the instructions to use: the processor's, or what ATEN_CPU_CAPABILITY allows.

    So a comparison with PyTorch held back is fair, and what an older processor would run can be run here.
    """
    if not held_back():
        return ("-march=native",) if _x86() else ("-mcpu=native",)
    has = processor().split()
    if os.environ[CAPABILITY] == "avx2" and all(each in has for each in _AVX2):
        return ("-mtune=native", *(f"-m{each.removesuffix('1')}" for each in _AVX2))
    return ("-mtune=native",)


def _x86() -> bool:
    return platform.machine() not in ("aarch64", "arm64")


def library_path(program: str, sources: Sequence[Path], flags: Sequence[str]) -> Path:
    """Return where what ``program`` makes of the sources is kept: a change of anything is another place."""
    source = b"".join(path.read_bytes() for path in sources)
    identity = (" ".join((*flags, *instructions())), program, platform.machine(), processor())
    digest = hashlib.sha256(b"\0".join((source, *(text.encode() for text in identity))))
    return user_cache_path("latentvj") / "native" / f"{digest.hexdigest()[:24]}.so"


def _compile(name: str, command: Sequence[str], source: Path, path: Path) -> None:
    made = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, made = tempfile.mkstemp(suffix=".so", dir=path.parent)
        os.close(handle)
        line = [*command, *instructions(), "-o", made, str(source)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            said = (done.stderr.strip().splitlines() or ["no message"])[0]
            raise NotCompiled(f"{Path(command[0]).name} does not compile the {name}: {said}")
        os.replace(made, path)  # whole or not at all, also while another process compiles
    except subprocess.TimeoutExpired as error:
        raise NotCompiled(f"{Path(command[0]).name} takes too long") from error
    except OSError as error:
        raise NotCompiled(f"the {name} cannot be compiled: {error}") from error
    finally:
        if made is not None:
            Path(made).unlink(missing_ok=True)
