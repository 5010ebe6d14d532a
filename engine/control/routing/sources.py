"""What a route can listen to: sound, hands, the beat, slow oscillators and held random values."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from engine.borders.features import AudioFeatures

# Continuous things heard; an onset is an event and strikes its envelope instead.
AUDIO_SOURCES: Mapping[str, Callable[[AudioFeatures], float]] = MappingProxyType(
    {
        "audio.rms": lambda f: f.rms,
        "audio.bass": lambda f: f.bass,
        "audio.mid": lambda f: f.mid,
        "audio.treble": lambda f: f.treble,
        "audio.onset_strength": lambda f: f.onset_strength,
        "audio.beat_phase": lambda f: f.beat_phase,
        # Hearing is logarithmic in pitch: 100 Hz is dark (0), 10 kHz is bright (1).
        "audio.spectral_centroid": lambda f: min(max(math.log10(max(f.spectral_centroid, 100.0)) / 2 - 1, 0.0), 1.0),
    }
)
# How long a beat is, heard, tapped or told: amount = 2 in mode "set" makes two beats of a parameter in seconds.
TEMPO_SOURCES: Mapping[str, Callable[[float], float]] = MappingProxyType(
    {
        "beat.seconds": lambda bpm: 60.0 / bpm,
        "beat.rate": lambda bpm: bpm / 60.0,  # beats a second, for what turns so much a beat
    }
)
ONSET_SOURCE = "audio.onset"
CONTROL_PREFIXES = ("midi.", "key.", "osc.")
# Held down rather than turned: a knob can stand apart from its parameter, these cannot.
PRESSED_PREFIXES = ("midi.note.", "midi.button_", "midi.pad_", "midi.key_")

PERIOD = r"(\d+(?:\.\d+)?)(s|b)"  # 4s: four seconds, 2b: two beats
LFO = re.compile(rf"lfo\.(sine|triangle|saw|square)\.{PERIOD}")
RANDOM = re.compile(rf"random\.{PERIOD}(\.\w+)?")
BEAT = re.compile(r"beat(?:\.(\d{1,3}))?")
EXAMPLES = ("lfo.sine.4s", "lfo.saw.8b", "random.2s", "random.1b", "beat", "beat.4", "beat.seconds", "beat.rate")


def is_source(name: str) -> bool:
    """Return whether ``name`` is something a route can listen to."""
    if name in AUDIO_SOURCES or name in TEMPO_SOURCES or name == ONSET_SOURCE or beats(name):
        return True
    return cycle(name) is not None or (name.startswith(CONTROL_PREFIXES) and len(name.split(".", 1)[1]) > 0)


def is_knob(name: str) -> bool:
    """Return whether ``name`` is a control that stays where it is put: a knob, a fader, a bend."""
    return name.startswith("midi.") and not name.startswith(PRESSED_PREFIXES) and not name.endswith(".toggle")


def beats(name: str) -> int:
    """Return how many beats lie between two strikes of ``beat`` or ``beat.N``; 0 when it is neither."""
    match = BEAT.fullmatch(name)
    return int(match[1] or 1) if match else 0


@dataclass(frozen=True, slots=True)
class Cycle:
    """A source that is a function of time alone: its period, of what unit, its value and its exact mean."""

    period: float
    unit: str  # s: seconds, b: beats
    value: Callable[[float], float]  # of the count of cycles
    mean_between: Callable[[float, float], float]

    def mean(self, start: float, end: float) -> float:
        """Return the mean from ``start`` to ``end`` (in the unit); the value when they are one moment."""
        a, b = start / self.period, end / self.period
        return self.mean_between(a, b) if b - a > 1e-9 else self.value(b)


def cycle(name: str, seed: int = 0) -> Cycle | None:
    """Return the oscillator or held random value called ``name``, or None. The same seed gives the same values."""
    if match := LFO.fullmatch(name):
        value, integral = SHAPES[match[1]]
        period, unit = float(match[2]), match[3]
        made = Cycle(period, unit, value, lambda a, b: (integral(b) - integral(a)) / (b - a))
    elif match := RANDOM.fullmatch(name):
        held = _held(name, seed)
        period, unit = float(match[1]), match[2]
        made = Cycle(period, unit, lambda x: held(math.floor(x)), lambda a, b: _held_mean(held, a, b))
    else:
        return None
    return made if period > 0.0 else None


def _saw_integral(x: float) -> float:
    whole, part = math.floor(x), x - math.floor(x)
    return whole / 2 + part * part / 2


def _triangle_integral(x: float) -> float:
    whole, part = math.floor(x), x - math.floor(x)
    return whole / 2 + (part * part if part < 0.5 else 2 * part - part * part - 0.5)


# (value, integral) of the cycle count x; every shape runs 0..1.
SHAPES: Mapping[str, tuple[Callable[[float], float], Callable[[float], float]]] = MappingProxyType(
    {
        "sine": (
            lambda x: 0.5 - 0.5 * math.cos(math.tau * x),
            lambda x: x / 2 - math.sin(math.tau * x) / (2 * math.tau),
        ),
        "triangle": (lambda x: 1.0 - abs(1.0 - 2.0 * (x - math.floor(x))), _triangle_integral),
        "saw": (lambda x: x - math.floor(x), _saw_integral),
        "square": (
            lambda x: float(x - math.floor(x) < 0.5),
            lambda x: math.floor(x) / 2 + min(x - math.floor(x), 0.5),
        ),
    }
)


def _held(name: str, seed: int) -> Callable[[int], float]:
    """Return the random value 0..1 of every cycle: a hash, so that any moment can be asked for in any order."""

    def value(index: int) -> float:
        digest = hashlib.blake2b(f"{seed}/{name}/{index}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64

    return value


def _held_mean(held: Callable[[int], float], a: float, b: float) -> float:
    """Return the mean of a held value from cycle ``a`` to ``b``, each cycle by its share."""
    first, last = math.floor(a), math.floor(b)
    shares = ((k, min(b, k + 1) - max(a, k)) for k in range(first, last + 1))
    return math.fsum(held(k) * share for k, share in shares if share > 0.0) / (b - a)
