"""The modulation matrix: what a route sends, and that the frame rate does not matter."""

import math
from dataclasses import replace

import pytest

from engine.borders.controls import Controls
from engine.borders.features import AudioFeatures, Onset
from engine.borders.preset import Route
from engine.borders.tick import Tick
from engine.control.routing.routing import Routing
from engine.show.clock import FixedClock
from tests.builders.params import TABLE

HOP = 256 / 44100
QUIET = Controls()


def wobble(time: float) -> float:
    return 0.5 + 0.5 * math.sin(7.0 * time) * math.cos(31.0 * time)


class Ears:
    """Hops of a known loudness, handed over as the engine's own ears do."""

    def __init__(self) -> None:
        self.heard = 0

    def latest(self, tick: Tick) -> AudioFeatures:
        due = math.floor(tick.time / HOP + 1e-6)
        hops = tuple(self.hop(i) for i in range(self.heard + 1, due + 1))
        self.heard = due
        return replace(hops[-1] if hops else AudioFeatures(), recent=hops)

    def hop(self, index: int) -> AudioFeatures:
        time = index * HOP
        onsets = (Onset(time, time, 1.0),) if index % 86 == 0 else ()
        return AudioFeatures(time=time, rms=wobble(time), onsets=onsets)


def travelled(fps: float) -> list[float]:
    """Return the travel at every thirtieth of a second."""
    routing = Routing(
        {"speed": 0.05},
        [
            Route("audio.rms", "speed", amount=0.5, attack=0.02, release=0.3),
            Route("audio.onset", "speed", amount=0.2, release=0.2),
        ],
        TABLE,
    )
    ears, t, out = Ears(), 0.0, []
    for tick in FixedClock(fps, 10.0):
        t += routing(ears.latest(tick), QUIET, tick)["speed"] * tick.dt
        if tick.index % round(fps / 30) == 0:
            out.append(t)
    return out


def test_travel_is_the_same_at_30_60_and_120_fps() -> None:
    slow, normal, fast = travelled(30), travelled(60), travelled(120)
    assert slow[-1] > 2.0
    assert max(abs(a - b) for a, b in zip(slow, normal, strict=True)) < 1e-9
    assert max(abs(a - b) for a, b in zip(slow, fast, strict=True)) < 1e-9


def one(route: Route, features: AudioFeatures, controls: Controls = QUIET, base: float = 1.0) -> float:
    routing = Routing({route.target: base}, [route], TABLE)
    routing(features, controls, Tick(0, 0.0, 0.0))
    return routing(features, controls, Tick(1, 0.1, 0.1))[route.target]


def test_modes_add_multiply_and_set() -> None:
    loud = AudioFeatures(rms=0.5)
    assert one(Route("audio.rms", "picture.zoom", amount=2.0), loud) == pytest.approx(2.0)
    assert one(Route("audio.rms", "picture.zoom", mode="multiply"), loud) == pytest.approx(0.5)
    assert one(Route("audio.rms", "picture.zoom", mode="set", range=(2.0, 4.0)), loud) == pytest.approx(3.0)


def test_an_untouched_knob_leaves_the_presets_value() -> None:
    route = Route("midi.knob_1", "picture.zoom", mode="set", range=(2.0, 4.0))
    assert one(route, AudioFeatures()) == 1.0
    assert one(route, AudioFeatures(), Controls({"midi.knob_1": 0.25})) == pytest.approx(2.5)


def test_values_stay_in_range_and_nan_is_silence() -> None:
    assert one(Route("audio.rms", "picture.blackout", amount=9.0), AudioFeatures(rms=1.0), base=0.0) == 1.0
    assert one(Route("audio.bass", "picture.zoom"), AudioFeatures(bass=math.nan)) == 1.0


def test_every_onset_strikes_once_even_between_frames() -> None:
    routing = Routing({}, [Route("audio.onset", "picture.blackout", release=0.1)], TABLE)
    hops = tuple(AudioFeatures(time=t, onsets=(Onset(t, t, 1.0),) if t == 0.02 else ()) for t in (0.01, 0.02, 0.03))
    value = routing(AudioFeatures(time=0.03, recent=hops), QUIET, Tick(1, 0.04, 0.04))["picture.blackout"]
    assert value == pytest.approx(math.exp(-0.02 / 0.1))
