"""The inputs of an ISF file: as the JSON declares them, as rows of the table of parameters, as values of uniforms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from engine.borders.params import Param
from engine.borders.video import VIDEO

Value: TypeAlias = float | int | bool | tuple[float, ...]  # of a uniform

# Each type of input with the GLSL type of its uniform.
KINDS: Mapping[str, str] = {
    "float": "float",
    "bool": "bool",
    "long": "int",
    "event": "bool",
    "color": "vec4",
    "point2D": "vec2",
    "image": "sampler2D",
    "audio": "sampler2D",
    "audioFFT": "sampler2D",
}
SOUNDS = ("audio", "audioFFT")
PICTURES = ("image", *SOUNDS)  # what is no number
PARTS: Mapping[str, tuple[str, ...]] = {"color": ("r", "g", "b", "a"), "point2D": ("x", "y")}
PART_NAMES = {"r": "red", "g": "green", "b": "blue", "a": "alpha", "x": "x", "y": "y"}
PRESSED = 0.5  # an event happens as its parameter rises through this
_WORDS = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}
MAX_SAMPLES = 4096  # columns of a picture of sound


@dataclass(frozen=True, slots=True)
class Input:
    """One input. ``default``, ``low`` and ``high`` have a number for each part, none for pictures."""

    name: str
    kind: str  # one of KINDS
    label: str
    default: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    values: tuple[int, ...] = ()  # that a long may have, each with its label
    labels: tuple[str, ...] = ()
    samples: int = 0  # columns of a picture of sound; 0: as many as there are

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Return the names of its parameters; ``prefix`` is the file's, ``isf.NAME.``."""
        if self.kind == "image":
            return (f"{prefix}{self.name}.{VIDEO}",)
        if not self.default:
            return ()
        parts = PARTS.get(self.kind)
        return tuple(f"{prefix}{self.name}.{part}" for part in parts) if parts else (f"{prefix}{self.name}",)

    def rows(self, prefix: str) -> tuple[Param, ...]:
        """Return its rows of the table."""
        if self.kind == "image":
            (key,) = self.keys(prefix)
            text = f"{self.label}: 0 the picture before this shader, 1 the video (--video-in)"
            return (Param(key, 0.0, 0.0, 1.0, "", text, whole=True),)
        whole = self.kind in ("bool", "long")
        parts = PARTS.get(self.kind, ("",))
        return tuple(
            Param(key, default, low, high, "", self._help(part), whole=whole, label=self._shown(prefix, part))
            for key, default, low, high, part in zip(
                self.keys(prefix), self.default, self.low, self.high, parts, strict=False
            )
        )

    def _shown(self, prefix: str, part: str) -> str:
        """Return what the operator's window calls the parameter: the file, its label, and the part of a colour."""
        if self.label == self.name:
            return ""  # the name says as much
        return f"{prefix.removeprefix('isf.')} {self.label} {part}".replace(". ", ": ", 1).strip()

    def _help(self, part: str) -> str:
        if self.kind == "long" and self.labels:
            return f"{self.label}: " + ", ".join(f"{v} {w}" for v, w in zip(self.values, self.labels, strict=False))
        if self.kind == "event":
            return f"{self.label}: happens as it rises through one half"
        return f"{self.label}: {PART_NAMES[part]}" if part else self.label

    def shows_video(self, params: Mapping[str, object], prefix: str) -> bool:
        """Return whether it is an image that is wired to the video in."""
        if self.kind != "image":
            return False
        (key,) = self.keys(prefix)
        wired = params.get(key, 0.0)
        return isinstance(wired, (int, float)) and wired >= PRESSED

    def value(self, params: Mapping[str, object], prefix: str) -> Value:
        """Return what its uniform is set to; a parameter that is not there is at its default."""
        found = []
        for key, default in zip(self.keys(prefix), self.default, strict=True):
            number = params.get(key, default)
            found.append(float(number) if isinstance(number, (int, float)) else default)
        match self.kind:
            case "bool" | "event":
                return found[0] >= PRESSED
            case "long":
                return min(self.values, key=lambda each: abs(each - found[0])) if self.values else round(found[0])
            case "float":
                return found[0]
        return tuple(found)


def read_input(name: str, kind: str, said: Mapping[str, Any]) -> Input:
    """Return the input that an object of INPUTS declares; ValueError for a number that is none."""
    label = said.get("LABEL")
    label = label if isinstance(label, str) and label.strip() else name
    label = " ".join(label.split())
    match kind:
        case "image":
            return Input(name, kind, label)
        case "audio" | "audioFFT":
            most = _number(said.get("MAX"), 0.0, "MAX")
            return Input(name, kind, label, samples=int(min(max(most, 0.0), MAX_SAMPLES)))
        case "event":
            return Input(name, kind, label, (0.0,), (0.0,), (1.0,))
        case "bool":
            default = _number(said.get("DEFAULT"), 0.0, "DEFAULT")
            return Input(name, kind, label, (float(default >= PRESSED),), (0.0,), (1.0,))
        case "long":
            return _long(name, label, said)
        case "float":
            return _ranged(name, kind, label, said, 1, (0.0, 1.0))
        case "point2D":
            return _ranged(name, kind, label, said, 2, (0.0, 1.0))
    return _ranged(name, kind, label, said, 4, (0.0, 1.0), 1.0)


def _long(name: str, label: str, said: Mapping[str, Any]) -> Input:
    """Return an input of whole numbers: those of VALUES, or all from MIN to MAX."""
    found, texts = said.get("VALUES"), said.get("LABELS")
    texts = texts if isinstance(texts, list) else []
    if isinstance(found, list) and found:
        values = tuple(int(_number(each, 0.0, "VALUES")) for each in found)
        low, high = float(min(values)), float(max(values))
    else:
        values = tuple(range(len(texts)))
        low = float(int(_number(said.get("MIN"), 0.0, "MIN")))
        high = float(int(_number(said.get("MAX"), max(low + 1.0, len(texts) - 1.0), "MAX")))
    default = float(int(_number(said.get("DEFAULT"), float(values[0]) if values else low, "DEFAULT")))
    low, high = _span(min(low, default), max(high, default))
    labels = tuple(" ".join(str(text).split()) for text in texts)
    return Input(name, "long", label, (default,), (low,), (high,), values, labels)


def _ranged(
    name: str,
    kind: str,
    label: str,
    said: Mapping[str, Any],
    parts: int,
    usual: tuple[float, float],
    default: float | None = None,
) -> Input:
    """Return an input of fractions. A range that is upside down is turned, one without the default is widened."""
    low = _numbers(said.get("MIN"), [usual[0]] * parts, "MIN")
    high = _numbers(said.get("MAX"), [max(usual[1], each) for each in low], "MAX")
    ends = [_span(*sorted(pair)) for pair in zip(low, high, strict=True)]
    middle = [(a + b) / 2.0 if default is None else default for a, b in ends]
    start = _numbers(said.get("DEFAULT"), middle, "DEFAULT")
    spans = [(min(a, at), max(b, at)) for (a, b), at in zip(ends, start, strict=True)]
    lows, highs = tuple(a for a, _ in spans), tuple(b for _, b in spans)
    return Input(name, kind, label, tuple(start), lows, highs)


def _span(low: float, high: float) -> tuple[float, float]:
    return (low, high) if low < high else (low, low + 1.0)


def _numbers(said: object, usual: list[float], key: str) -> list[float]:
    """Return a number for each part: a list, which may be shorter, or one number for all."""
    if isinstance(said, list):
        return [_number(each, usual[0], key) for each in said[: len(usual)]] + usual[len(said) :]
    return usual if said is None else [_number(said, usual[0], key)] * len(usual)


def _number(said: object, usual: float, key: str) -> float:
    """Return a number; many files write it as a text."""
    if said is None or said == "":
        return usual
    try:
        number = _WORDS.get(said.lower(), said) if isinstance(said, str) else said
        number = float(number) if isinstance(number, (int, float, str)) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{key} = {said!r} is no number")
    return number
