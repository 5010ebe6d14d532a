"""Every knob of the picture, declared once.

Preset checks, MIDI ranges, overlay labels, ``--help`` and the docs all read TABLE. A new knob is
one row here and one line where it is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Param:
    """One knob: its dotted name, default, range, unit and one line of help.

    ``rate`` marks a quantity that is integrated over time (loops per second): its value for a frame
    is its mean over the frame, not the value at its end. ``whole`` marks whole numbers.
    """

    name: str
    default: float
    low: float
    high: float
    unit: str
    help: str
    rate: bool = False
    whole: bool = False

    def clamp(self, value: float) -> float:
        """Return ``value`` inside the range; not-a-number becomes the default."""
        if math.isnan(value):
            return self.default
        value = min(max(value, self.low), self.high)
        return float(round(value)) if self.whole else value


TABLE: Mapping[str, Param] = MappingProxyType(
    {
        param.name: param
        for param in (
            Param("speed", 0.05, -4.0, 4.0, "loops/s", "travel along the closed spline", rate=True),
            Param("truncation_psi", 0.7, 0.0, 2.0, "", "distance from the average w: 0 average, 1 as sampled"),
            Param("noise.strength", 1.0, 0.0, 4.0, "x", "StyleGAN's per-pixel noise, relative to the model's own"),
            Param("picture.brightness", 1.0, 0.0, 4.0, "x", "gain of the finished picture"),
            Param("picture.contrast", 1.0, 0.0, 4.0, "x", "contrast around middle grey"),
            Param("picture.saturation", 1.0, 0.0, 4.0, "x", "0 grey, 1 as generated"),
            Param("picture.zoom", 1.0, 0.25, 8.0, "x", "size of the picture in its window"),
            Param("picture.rotation", 0.0, -16.0, 16.0, "turns", "rotation of the finished picture"),
            Param("picture.blackout", 0.0, 0.0, 1.0, "", "0 the picture, 1 black"),
        )
    }
)


class Params(Mapping[str, float]):
    """The value of every knob for one frame: immutable, every name of TABLE present, all in range.

    >>> Params({"speed": 0.2})["speed"]
    0.2
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, float] | None = None) -> None:
        given = dict(values or {})
        unknown = sorted(set(given) - set(TABLE))
        if unknown:
            raise KeyError(f"unknown parameter {unknown[0]!r}")
        self._values = {
            name: param.clamp(given[name]) if name in given else param.default for name, param in TABLE.items()
        }

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        changed = {n: v for n, v in self._values.items() if v != TABLE[n].default}
        return f"Params({changed})"
