"""native.cpp, compiled for the CPU it runs on: its files, how it is compiled, and its functions."""

from __future__ import annotations

import ctypes
from pathlib import Path

from engine.generator.backends.blocks import Unavailable
from engine.system import compiled

_PARTS = ("up", "rgb", "chunks", "direct", "tiles", "vectors")  # headers
SOURCES = tuple(Path(__file__).with_name(name) for name in ("native.cpp", *(f"native_{part}.h" for part in _PARTS)))
# What -ffast-math would bring, less the start-up code that makes it flush denormals in the whole process.
FLAGS = (
    *("-O3", "-std=c++17", "-shared", "-fPIC", "-fopenmp", "-ffp-contract=fast"),
    *("-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros", "-fassociative-math"),
)

_P, _I, _F, _L = ctypes.c_void_p, ctypes.c_int, ctypes.c_float, ctypes.c_long
_AFTER = (_P, _P, _P, _F, _F, _F)  # scale, bias, noise, noise_gain, slope, clamp
SIGNATURES: compiled.Signatures = {
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


def load() -> ctypes.CDLL:
    """Compile unless the cache has it, load, declare the signatures; Unavailable where that is impossible."""
    try:
        return compiled.load("layers", SOURCES, FLAGS, SIGNATURES)
    except compiled.NotCompiled as error:
        raise Unavailable(str(error)) from error
