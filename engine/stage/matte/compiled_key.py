"""The key for a processor: passes over the picture in compiled code (key.cpp), with the flood of bits between.

Each pass does what a dozen of tensor operations do, row by row, in the cache. The bytes are those of key.py, which
plays where no compiler is.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from engine.borders.contracts import Frame
from engine.borders.keying import Keying
from engine.stage.matte import ground as grounds
from engine.stage.matte import key as keys
from engine.stage.matte import passage as passages
from engine.stage.matte import rim as rims
from engine.stage.matte.bits import Bits, stride_of
from engine.stage.matte.flood import Mask
from engine.system.compiled import NotCompiled, Signatures, load

SOURCES = (Path(__file__).with_name("key.cpp"),)
FLAGS = (  # no sum is contracted or reordered
    *("-O3", "-std=c++17", "-shared", "-fPIC", "-ffp-contract=off"),
    *("-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros"),
)
_P, _I, _B = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
SIGNATURES: Signatures = {
    "vj_look": ((*(_P, _I, _I), *(_P,) * 9, _I), None),
    "vj_mix": ((_P, _I, _I, _P, _P, _P, _B, _B, _P, _B, _I, _P, _P), None),
    "vj_lay": ((_P, _P, _I, _I, _P, _P, _P, _P, _P), None),
}
_FOUR = ctypes.c_char_p * 4
_THREE = ctypes.c_float * 3


class Numbers(ctypes.Structure):
    """What key.cpp is told of the key and of the picture."""

    _fields_ = [
        *(
            (name, ctypes.c_float)
            for name in ("pure_darker", "pure_away", "pale", "tint", "tinted", "solid", "nothing")
        ),
        *((name, ctypes.c_float) for name in ("strong", "hint", "hued")),
        *((name, ctypes.c_float) for name in ("knee", "faint", "slope", "shine", "hueless", "steep")),
        *((name, _THREE) for name in ("level", "rest", "inverse", "ground")),
        *((name, ctypes.c_float) for name in ("darkest", "tolerance", "step", "strength", "shown")),
    ]


def open_key() -> CompiledKey | None:
    """Return the compiled key, or None where this machine has no compiler that makes it."""
    try:
        return CompiledKey(load("key", SOURCES, FLAGS, SIGNATURES))
    except NotCompiled:
        return None


class CompiledKey:
    """Keys frames of a processor; its planes are made once for a size."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._planes = torch.empty(0)
        self._masks = torch.empty(0, dtype=torch.uint8)

    def __call__(
        self,
        frame: Frame,
        painted: Frame,
        ground: Sequence[float],
        keying: Keying,
        tolerance: float,
        strength: float,
        shadow: float,
        goes_on: bool,
    ) -> Frame:
        """Return ``painted`` without the background ``ground`` of ``frame``, both uint8 RGBA [H, W, 4]; see Matte.

        ``tolerance`` multiplies the model's; ``shadow`` is how much of the subject's shadow is left; see key() for
        ``goes_on``.
        """
        pixels = frame.contiguous()
        over = None if painted is frame else painted.contiguous()
        assert over is None or (over.shape, over.dtype) == (pixels.shape, pixels.dtype)  # the code does not ask
        height, width = pixels.shape[:2]
        stride = stride_of(width) // 8
        numbers = numbers_of(ground, keying, tolerance, strength, shadow)
        planes, masks = self._room(height, width, stride)
        opaque, away, subject, veil = (plane.data_ptr() for plane in planes)
        self._library.vj_look(
            *(pixels.data_ptr(), height, width, ctypes.byref(numbers), opaque, away),
            *(each.data_ptr() for each in masks),
            stride,
        )
        plain, wall, pale, solid, strong, tinted = (_bits(each, height, width) for each in masks)
        side = min(height, width)
        shut: tuple[Mask, Mask] = wall, pale
        if reach := passages.reach_of(keying, side):
            shut = passages.shut(wall, pale, strong, tinted, reach)
        inside = keys.subject_in(plain, *shut, keying, side)
        ghost: Mask | None = None
        if goes_on or height != width:
            inside, ghost = keys.without_ghosts(inside, solid, height == width)
        rim = rims.rim_of(inside)
        rings = _FOUR(*(_bytes(ring) for ring in rim.rings))
        self._library.vj_mix(
            *(pixels.data_ptr(), height, width, ctypes.byref(numbers), opaque, away),
            *(_bytes(rim.within), _bytes(rim.mixed), rings, None if ghost is None else _bytes(ghost), stride),
            *(subject, veil),
        )
        made = torch.empty(height, width, 4, dtype=torch.uint8)
        self._library.vj_lay(
            *(pixels.data_ptr(), None if over is None else over.data_ptr(), height, width, ctypes.byref(numbers)),
            *(opaque, subject, veil, made.data_ptr()),
        )
        return made

    def _room(self, height: int, width: int, stride: int) -> tuple[Tensor, Tensor]:
        """Return four planes and six masks of bits, made anew for another size."""
        if self._planes.shape != (4, height, width):
            self._planes = torch.empty(4, height, width)
            self._masks = torch.zeros(6, height, stride, dtype=torch.uint8)  # what guards a row stays 0
        return self._planes, self._masks


def numbers_of(ground: Sequence[float], keying: Keying, tolerance: float, strength: float, shadow: float) -> Numbers:
    """Return the numbers for a picture on ``ground``, 0..1."""
    if keying.background is None:
        levels = [min(max(level, grounds.TINY), 1.0 - grounds.TINY) for level in ground]
        rest = [1.0 - level for level in levels]
    else:
        levels = list(ground)
        rest = [0.0 if x >= 1.0 - grounds.TINY else -1.0 if x <= grounds.TINY else 1.0 - x for x in levels]
    seen = [keying.background is None or level > grounds.TINY for level in levels]
    inverse = [1.0 / level if asked else 0.0 for level, asked in zip(levels, seen, strict=True)]
    return Numbers(
        *(keys.PURE_DARKER, keys.PURE_AWAY, keys.PALE, keys.TINT, keys.TINTED),
        *(keys.SOLID, grounds.NOTHING, passages.STRONG, passages.TINT, passages.HUED),
        *(grounds.KNEE, rims.FAINT, rims.SLOPE, rims.SHINE),
        *(rims.HUELESS, 1.0 / (rims.SLOPE * rims.USUAL - rims.HUELESS)),
        *(_THREE(*levels), _THREE(*rest), _THREE(*inverse), _THREE(*ground)),
        1.0 - keying.shadow if keying.shadow > 0.0 and any(seen) else 1.0,
        *(keying.tolerance * tolerance, keying.step),
        *(strength, shadow),
    )


def _bits(rows: Tensor, height: int, width: int) -> Bits:
    return Bits(int.from_bytes(rows.numpy().tobytes(), "little"), height, width)


def _bytes(mask: Mask) -> bytes:
    assert isinstance(mask, Bits)
    return mask.word.to_bytes(mask.height * mask.stride // 8, "little")
