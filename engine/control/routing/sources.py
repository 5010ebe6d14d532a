"""What a route can listen to: sound, hands, the beat, slow oscillators and held random values."""

from __future__ import annotations

import hashlib
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from types import MappingProxyType

from engine.borders.errors import nearest
from engine.borders.features import BANDS, AudioFeatures, level_of
from engine.borders.video import PREFIX as VIDEO
from engine.borders.video import VIDEO_SOURCES
from engine.control.hands.key_sources import PREFIX as KEY
from engine.control.hands.key_sources import is_key_source, nearest_key
from engine.control.hands.kinds import PRESSED_NAMES
from engine.control.hands.midi_sources import PREFIX as MIDI
from engine.control.hands.midi_sources import is_midi_source, nearest_midi

SOFTEST_LUFS = -60.0  # LUFS; the loudness whose source is 0; that of 0 LUFS is 1


def band(number: int) -> Callable[[AudioFeatures], float]:
    """Return what takes one of the seven bands from the features."""
    return lambda features: features.bands[number]


# Continuous things heard; an onset is an event and strikes its envelope instead. A drum and a drop last one hop.
AUDIO_SOURCES: Mapping[str, Callable[[AudioFeatures], float]] = MappingProxyType(
    {
        "audio.rms": attrgetter("rms"),
        "audio.level": level_of,
        "audio.bass": attrgetter("bass"),
        "audio.mid": attrgetter("mid"),
        "audio.treble": attrgetter("treble"),
        "audio.onset_strength": attrgetter("onset_strength"),
        "audio.beat_phase": attrgetter("beat_phase"),
        "audio.beat_confidence": attrgetter("beat_confidence"),
        # Hearing is logarithmic in pitch: 100 Hz is dark (0), 10 kHz is bright (1).
        "audio.spectral_centroid": lambda f: min(max(math.log10(max(f.spectral_centroid, 100.0)) / 2 - 1, 0.0), 1.0),
        **{f"audio.band.{name}": band(number) for number, name in enumerate(BANDS)},
        "audio.loudness": lambda f: min(max(1.0 - f.loudness / SOFTEST_LUFS, 0.0), 1.0),
        "audio.energy_trend": attrgetter("energy_trend"),
        "audio.spectral_flux": attrgetter("spectral_flux"),
        "audio.kick": attrgetter("kick"),
        "audio.snare": attrgetter("snare"),
        "audio.hat": attrgetter("hat"),
        "audio.drop": attrgetter("drop"),
        "audio.pitch_class": attrgetter("pitch_class"),
        "audio.bar_phase": attrgetter("bar_phase"),
        "audio.bar_confidence": attrgetter("bar_confidence"),
    }
)
# The length of a beat, heard, tapped or told: amount = 2 in mode "set" makes two beats of a parameter in seconds.
TEMPO_SOURCES: Mapping[str, Callable[[float], float]] = MappingProxyType(
    {
        "beat.seconds": lambda bpm: 60.0 / bpm,
        "beat.rate": lambda bpm: bpm / 60.0,  # beats a second: amount 0.25 is a quarter turn a beat
    }
)
ONSET_SOURCE = "audio.onset"
BAR_SOURCE = "beat.bar"  # the first beat of every bar
OSC = "osc."
DMX = "dmx."
CONTROL_PREFIXES = (MIDI, KEY, OSC, DMX, VIDEO)
# Pressed rather than turned: a knob can stand apart from its parameter, these cannot.
PRESSED_PREFIXES = ("midi.note.", "midi.switch.", *(f"midi.{name}" for name in PRESSED_NAMES))

PERIOD = r"(\d+(?:\.\d+)?)(s|b)"  # 4s: four seconds, 2b: two beats
LFO = re.compile(rf"lfo\.(sine|triangle|saw|square)\.{PERIOD}")
RANDOM = re.compile(rf"random\.{PERIOD}(\.\w+)?")
BEAT = re.compile(r"beat(?:\.(\d{1,3}))?")
CHANNEL = re.compile(r"dmx\.(0|[1-9]\d{0,4})\.([1-9]|[1-9]\d|[1-4]\d\d|50\d|51[0-2])")
EXAMPLES = ("lfo.sine.4s", "lfo.saw.8b", "random.2s", "random.1b", "beat", "beat.4", BAR_SOURCE, *TEMPO_SOURCES)
KNOWN = (*AUDIO_SOURCES, ONSET_SOURCE, *VIDEO_SOURCES, *EXAMPLES)


def is_source(name: str) -> bool:
    """Return whether ``name`` is something a route can listen to."""
    if name in AUDIO_SOURCES or name in TEMPO_SOURCES or name in (ONSET_SOURCE, BAR_SOURCE) or beats(name):
        return True
    if name.startswith(CONTROL_PREFIXES):
        return (
            is_midi_source(name)
            if name.startswith(MIDI)
            else is_key_source(name)
            if name.startswith(KEY)
            else bool(CHANNEL.fullmatch(name))
            if name.startswith(DMX)
            else name in VIDEO_SOURCES
            if name.startswith(VIDEO)
            else name != OSC
        )
    return cycle(name) is not None


def nearest_source(name: str) -> str:
    """Return what to say of a name that is no source: the most similar one, or all there are."""
    plain = name.casefold()
    if not plain.startswith(MIDI) and is_midi_source(MIDI + plain):
        return f"did you mean {MIDI + plain!r}?"
    if plain.startswith(DMX):
        return "write dmx.UNIVERSE.CHANNEL, the channel 1 to 512"
    if plain.startswith(MIDI):
        return nearest_midi(plain)
    return nearest_key(plain) if plain.startswith(KEY) else nearest(name, KNOWN)


def is_knob(name: str) -> bool:
    """Return whether ``name`` is a control that stays where it is put: a knob, a fader, a bend."""
    return name.startswith("midi.") and not name.startswith(PRESSED_PREFIXES) and not name.endswith(".toggle")


def beats(name: str) -> int:
    """Return how many beats lie between two strikes of ``beat`` or ``beat.N``; 0 when it is neither."""
    match = BEAT.fullmatch(name)
    return int(match[1] or 1) if match else 0


@dataclass(frozen=True, slots=True)
class Cycle(ABC):
    """A source that is a function of time alone. ``unit`` of its period is "s" for seconds or "b" for beats."""

    period: float
    unit: str

    @abstractmethod
    def value(self, count: float) -> float:
        """Return the value, 0..1, after ``count`` cycles."""

    @abstractmethod
    def means(self, moments: Sequence[float]) -> list[float]:
        """Return the exact mean between each two of ``moments`` (in the unit); the value when two are one moment."""

    def mean(self, start: float, end: float) -> float:
        """Return the mean from ``start`` to ``end`` (in the unit); the value when they are one moment."""
        return self.means((start, end))[0]


@dataclass(frozen=True, slots=True)
class Oscillator(Cycle):
    """A wave. ``shape`` and its ``integral`` are functions of the count of cycles."""

    shape: Callable[[float], float]
    integral: Callable[[float], float]

    def value(self, count: float) -> float:
        """Return the wave's value after ``count`` cycles."""
        return self.shape(count)

    def means(self, moments: Sequence[float]) -> list[float]:
        """Return the mean between each two of ``moments``, from the integral."""
        means, integral = [], self.integral
        a = moments[0] / self.period
        area = integral(a)
        for moment in moments[1:]:
            b, before = moment / self.period, area
            area = integral(b)
            means.append((area - before) / (b - a) if b - a > 1e-9 else self.shape(b))
            a = b
        return means


@dataclass(frozen=True, slots=True)
class Held(Cycle):
    """A random value for each cycle, the same for the same ``name`` and ``seed``."""

    name: str
    seed: int

    def value(self, count: float) -> float:
        """Return the value of the cycle that ``count`` lies in."""
        return held(self.seed, self.name, math.floor(count))

    def means(self, moments: Sequence[float]) -> list[float]:
        """Return the mean between each two of ``moments``, each cycle by its share."""
        means, a = [], moments[0] / self.period
        for moment in moments[1:]:
            b = moment / self.period
            means.append(self._mean(a, b) if b - a > 1e-9 else self.value(b))
            a = b
        return means

    def _mean(self, a: float, b: float) -> float:
        parts = []
        for k in range(math.floor(a), math.floor(b) + 1):
            share = min(b, k + 1) - max(a, k)
            if share > 0.0:
                parts.append(held(self.seed, self.name, k) * share)
        return math.fsum(parts) / (b - a)


@lru_cache(maxsize=256)  # a frame asks for the cycle of the frame before
def held(seed: int, name: str, index: int) -> float:
    """Return the random value, 0..1, of cycle ``index``: a hash, so that moments can be asked for in any order."""
    digest = hashlib.blake2b(f"{seed}/{name}/{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def cycle(name: str, seed: int = 0) -> Cycle | None:
    """Return the oscillator or held random value called ``name``, or None. The same seed gives the same values."""
    made: Cycle | None = None
    if match := LFO.fullmatch(name):
        made = Oscillator(float(match[2]), match[3], *SHAPES[match[1]])
    elif match := RANDOM.fullmatch(name):
        made = Held(float(match[1]), match[2], name, seed)
    return made if made is not None and made.period > 0.0 else None


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
