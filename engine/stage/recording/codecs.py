"""The films that can be written: opaque ones, and those that keep what shows through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np

from engine.borders.contracts import Pixels
from engine.borders.errors import UserError
from engine.stage.matte.straight import straight

BLEED = 8  # pixels; how far colours are drawn out over an edge, where a codec shares them among pixels


@dataclass(frozen=True, slots=True)
class Codec:
    """An encoder of FFmpeg, its options, and the pixels and the suffix that it takes. ``sound`` is its neighbour."""

    encoder: str
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    pixels: str = "yuv420p"
    suffix: str = ""
    sound: str = "aac"
    help: str = ""

    @property
    def even(self) -> bool:
        """Whether two pixels share a colour, so that sides are even."""
        return "420" in self.pixels


# The films with alpha, by the name that --codec takes; a suffix's first one is its usual one.
ALPHA: Mapping[str, Codec] = MappingProxyType(
    {
        "prores": Codec(
            "prores_ks",
            {"profile": "4444", "alpha_bits": "16", "vendor": "apl0"},
            "yuva444p10le",
            ".mov",
            help="ProRes 4444, for editors and media servers",
        ),
        "qtrle": Codec("qtrle", {}, "argb", ".mov", help="QuickTime Animation: exact, and large"),
        "vp9": Codec(
            "libvpx-vp9",
            {"crf": "6", "b": "0", "auto-alt-ref": "0", "deadline": "good", "cpu-used": "4", "row-mt": "0"},
            "yuva420p",
            ".webm",
            sound="libopus",
            help="VP9, for browsers and OBS",
        ),
    }
)
SUFFIXES = tuple(dict.fromkeys(codec.suffix for codec in ALPHA.values()))


def with_alpha(path: Path, name: str | None = None) -> Codec:
    """Return the codec for a film with alpha at ``path``, by its suffix or its ``name``; UserError where none fits."""
    suffix = path.suffix.lower()
    if name is not None and ALPHA[name].suffix != suffix:
        raise UserError(f"{path}: --codec {name} is written to a {ALPHA[name].suffix} file")
    found = ALPHA[name] if name is not None else next((c for c in ALPHA.values() if c.suffix == suffix), None)
    if found is None:
        raise UserError(f"{path}: --alpha needs a film that has alpha: end it in {' or '.join(SUFFIXES)}")
    return found


def layer(pixels: Pixels) -> Pixels:
    """Return premultiplied ``pixels``, uint8 [H, W, 4], straight, with the subject's colours drawn out over its edge.

    Behind alpha 0 a codec may keep any colour; it would mix black into the edge where pixels share colours.
    """
    made = straight(pixels)
    if made is pixels:
        return made
    known = made[..., 3] > 0
    colours = np.where(known[..., None], made[..., :3], 0).astype(np.uint16)
    count = known.astype(np.uint16)
    for _ in range(BLEED):
        if count.all():
            break
        total, near = _around(colours * count[..., None]), _around(count)
        fresh = (count == 0) & (near > 0)
        colours[fresh] = total[fresh] // near[fresh][:, None]
        count[fresh] = 1
    made = made.copy()
    made[..., :3] = colours
    return made


def _around(
    values: np.ndarray[tuple[int, ...], np.dtype[np.uint16]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    """Return the sum over a pixel and its four neighbours."""
    total = values.copy()
    total[1:] += values[:-1]
    total[:-1] += values[1:]
    total[:, 1:] += values[:, :-1]
    total[:, :-1] += values[:, 1:]
    return total
