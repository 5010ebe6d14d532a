"""native.cpp, compiled for the CPU it runs on: once per machine, kept in the user's cache, loaded with ctypes."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from platformdirs import user_cache_path

from engine.generator.backends.blocks import Unavailable

SOURCES = tuple(
    Path(__file__).with_name(name) for name in ("native.cpp", "native_direct.h", "native_tiles.h", "native_vectors.h")
)
# What -ffast-math would bring, less the start-up code that makes it flush denormals in the whole process.
FLAGS = (
    *("-O3", "-std=c++17", "-shared", "-fPIC", "-fopenmp", "-ffp-contract=fast"),
    *("-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros", "-fassociative-math"),
)

_P, _I, _F, _L = ctypes.c_void_p, ctypes.c_int, ctypes.c_float, ctypes.c_long
_AFTER = (_P, _P, _P, _F, _F, _F)  # scale, bias, noise, noise_gain, slope, clamp
SIGNATURES: dict[str, tuple[tuple[type, ...], type | None]] = {
    "vj_block": ((_I,), _I),
    "vj_bf16": ((), _I),
    "vj_work": ((_I, _I, _I, _I, _I, _I, _I), _L),
    "vj_conv3": ((_P, _I, _I, _I, _P, _I, _P, *_AFTER, _P, _P, _I, _I), None),
    "vj_up3": ((_P, _I, _I, _I, _P, _I, _P, *_AFTER, _P, _F, _P, _P, _I, _I), None),
    "vj_styles": ((_P, _I, _P, _I, _P, _P, _P, _I), None),
    "vj_modulate": ((_P, _L, _I, _P, _P, _I), None),
    "vj_finish": ((_P, _I, _I, _I, *_AFTER, _P, _I), None),
    "vj_filter": ((_P, _P, _P, _P, _I, _I, _I, *_AFTER, _P, _P, _P, _I), None),
    "vj_adain": ((_P, _L, _I, _P, _P, _P, _F, _F, _P, _P, _P, _I), None),
    "vj_pixel_norm": ((_P, _L, _I, _I, _F, _F, _I), None),
    "vj_rgb": ((_P, _I, _I, _I, _P, _P, _F, _I, _P, _P, _P, _P, _I), None),
}


NO_COMPILER = "there is no C++ compiler (g++)"


def compiler() -> str | None:
    """Return the C++ compiler to use ($CXX first), or None."""
    wanted = (os.environ.get("CXX"), "g++", "c++", "clang++")
    return next((found for name in wanted if name and (found := shutil.which(name))), None)


def load() -> ctypes.CDLL:
    """Compile unless the cache has it, load, declare the signatures; Unavailable where that is impossible."""
    program = compiler()
    if program is None:
        raise Unavailable("no C++ compiler (g++) on this machine")
    path = _library_path(program)
    if not path.is_file():
        _compile(program, path)
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        path.unlink(missing_ok=True)  # a half-written or foreign file: the next start compiles anew
        raise Unavailable(f"the compiled layers cannot be loaded: {error}") from error
    for name, (arguments, result) in SIGNATURES.items():
        function = getattr(library, name)
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


def _library_path(program: str) -> Path:
    source = b"".join(path.read_bytes() for path in SOURCES)
    identity = (" ".join(FLAGS), program, platform.machine(), processor())
    digest = hashlib.sha256(b"\0".join((source, *(text.encode() for text in identity))))
    return user_cache_path("latentvj") / "native" / f"{digest.hexdigest()[:24]}.so"


def _compile(program: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    native = "-mcpu=native" if platform.machine() in ("aarch64", "arm64") else "-march=native"
    handle, name = tempfile.mkstemp(suffix=".so", dir=path.parent)
    os.close(handle)
    try:
        command = [program, *FLAGS, native, "-o", name, str(SOURCES[0])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            said = (done.stderr.strip().splitlines() or ["no message"])[0]
            raise Unavailable(f"{Path(program).name} does not compile the layers: {said}")
        os.replace(name, path)  # whole or not at all, also while another process compiles
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{Path(program).name} takes too long") from error
    finally:
        Path(name).unlink(missing_ok=True)
