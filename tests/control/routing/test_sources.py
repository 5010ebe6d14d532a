"""Oscillators, held random values and beats: exact in time, the same at any frame rate, the same for a seed."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from engine.borders.controls import Controls, Tempo
from engine.borders.errors import UserError
from engine.borders.features import AudioFeatures
from engine.borders.preset import Route
from engine.borders.tick import Tick
from engine.control.presets.preset import parse
from engine.control.routing.beat import Beat, MidiClock, Taps
from engine.control.routing.routing import Routing
from engine.control.routing.sources import cycle, is_source, nearest_source
from engine.control.routing.steps import fold
from engine.show.clock import FixedClock
from engine.system import user_folders
from tests.builders.params import TABLE


@pytest.mark.parametrize("name", ["lfo.sine.4s", "lfo.saw.0.5b", "random.2s", "random.1b.left", "beat", "beat.16",
                                  "midi.knob_1", "key.A.toggle", "osc.fader", "audio.onset", "midi.cc.16.127",
                                  "midi.nrpn.1.300", "midi.bend.2", "midi.note.1.36.toggle",
                                  "midi.button_1.toggle"])  # fmt: skip
def test_sources_are_known(name: str) -> None:
    assert is_source(name)


@pytest.mark.parametrize("name", ["lfo", "lfo.sine", "lfo.sin.4s", "lfo.sine.0s", "lfo.sine.4", "random", "beat.0",
                                  "beats", "midi.", "audio", "", "midi.knob1", "midi.cc.17.1", "key.", "osc.",
                                  "midi.cc.1.1@Box"])  # fmt: skip
def test_others_are_not(name: str) -> None:
    assert not is_source(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("midi.knob1", "midi.knob_1"),
        ("midi.nob_3", "midi.knob_3"),
        ("midi.Knob_2", "midi.knob_2"),
        ("midi.knob-2", "midi.knob_2"),
        ("midi.fadr_4", "midi.fader_4"),
        ("midi.button1.toggel", "midi.button_1.toggle"),
        ("midi.knob_1.togle", "midi.knob_1.toggle"),
        ("midi.cc.17.1", "midi.cc.16.1"),
        ("midi.cc.0.1", "midi.cc.1.1"),
        ("midi.cc.1.128", "midi.cc.1.127"),
        ("midi.cc.21", "midi.cc.1.21"),
        ("midi.cc1.21", "midi.cc.1.21"),
        ("midi.notes.1.36", "midi.note.1.36"),
        ("midi.bend.17", "midi.bend.16"),
        ("midi.nrpn.1.20000", "midi.nrpn.1.16383"),
        ("MIDI.KNOB_1", "midi.knob_1"),
        ("knob_1", "midi.knob_1"),
        ("key.a", "key.A"),
        ("key.SPCAE", "key.SPACE"),
        ("key.page-up.togle", "key.PAGE_UP.toggle"),
        ("audio.bas", "audio.bass"),
    ],
)
def test_a_misspelt_source_is_told_with_the_nearest(name: str, meant: str) -> None:
    assert not is_source(name)
    assert nearest_source(name) == f"did you mean {meant!r}?"
    assert is_source(meant)


def test_a_name_of_a_profile_of_your_own_is_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_folders, "folder", lambda *parts: tmp_path.joinpath(*parts))
    assert not is_source("midi.lever")
    assert "midi.cc.CHANNEL.CONTROL" in nearest_source("midi.zzzzz")
    (tmp_path / "controllers").mkdir()
    (tmp_path / "controllers" / "mine.toml").write_text('[controls]\nlever = "cc.1.9"\n', encoding="utf-8")
    assert is_source("midi.lever")


def test_a_preset_with_a_misspelt_source_is_refused_but_not_in_a_log_of_another_machine(tmp_path: Path) -> None:
    text = '[[routes]]\nsource = "midi.knob1"\ntarget = "speed"\n'
    with pytest.raises(UserError, match=r"p.toml:2: .*routes.*'midi.knob1'; did you mean 'midi.knob_1'"):
        parse(text, tmp_path / "p.toml", TABLE)
    assert parse(text, tmp_path / "p.toml", TABLE, elsewhere=True).routes[0].source == "midi.knob1"


@pytest.mark.parametrize("shape", ["sine", "triangle", "saw", "square"])
def test_a_mean_is_the_integral(shape: str) -> None:
    made = cycle(f"lfo.{shape}.2s")
    assert made is not None
    for a, b in ((0.0, 0.7), (0.3, 1.9), (1.2, 7.7)):
        n = 20000
        steps = math.fsum(made.value((a + (b - a) * (i + 0.5) / n) / 2.0) for i in range(n)) / n
        assert made.mean(a, b) == pytest.approx(steps, abs=2e-4)


def test_random_holds_its_value_and_depends_on_the_seed_alone() -> None:
    one, same, other = cycle("random.2s", 5), cycle("random.2s", 5), cycle("random.2s", 6)
    assert one is not None
    assert same is not None
    assert other is not None
    assert one.mean(0.1, 1.9) == pytest.approx(one.value(0.5))
    assert one.mean(1.0, 3.0) == pytest.approx((one.value(0.5) + one.value(1.5)) / 2)
    values = [one.value(k) for k in range(500)]
    assert values == [same.value(k) for k in range(500)]
    assert values != [other.value(k) for k in range(500)]
    assert (min(values) < 0.05, max(values) > 0.95) == (True, True)


def travelled(fps: float) -> list[float]:
    routing = Routing({"speed": 0.0}, [
        Route("lfo.sine.3s", "speed", amount=1.0),
        Route("lfo.square.0.7s", "speed", amount=0.5, attack=0.1, release=0.3),
        Route("random.0.3s", "speed", amount=0.5, curve="cube"),
        Route("beat.2", "speed", amount=0.4, release=0.2),
    ], TABLE, seed=3)  # fmt: skip
    t, out = 0.0, []
    for tick in FixedClock(fps, 12.0):
        t += routing(AudioFeatures(), Controls(), tick)["speed"] * tick.dt
        if tick.index % round(fps / 30) == 0:
            out.append(t)
    return out


def test_travel_by_oscillators_is_the_same_at_30_60_and_120_fps() -> None:
    slow, normal, fast = travelled(30), travelled(60), travelled(120)
    assert slow[-1] > 5.0
    assert max(abs(a - b) for a, b in zip(slow, normal, strict=True)) < 1e-3
    assert max(abs(a - b) for a, b in zip(slow, fast, strict=True)) < 1e-3


def test_an_oscillator_is_exact_at_the_tick() -> None:
    routing = Routing({}, [Route("lfo.saw.1s", "picture.blackout")], TABLE)
    for tick in FixedClock(60, 0.9):
        value = routing(AudioFeatures(), Controls(), tick)["picture.blackout"]
        assert value == pytest.approx(tick.time, abs=1e-9)


def beats(feed, seconds: float = 4.0) -> Beat:
    beat = Beat()
    for tick in FixedClock(60, seconds):
        features, given = feed(tick.time)
        beat(features, given, 1.0, tick)
    return beat


def test_beats_are_counted_at_120_until_they_are_heard() -> None:
    assert beats(lambda _: (AudioFeatures(), None)).position == pytest.approx(2 * (4.0 - 1 / 60))


def test_heard_beats_give_tempo_and_phase() -> None:
    beat = beats(lambda t: (AudioFeatures(time=t, bpm=90.0, beat_phase=(1.5 * t + 0.25) % 1.0), None))
    assert beat.bpm == 90.0
    assert beat.position % 1.0 == pytest.approx((1.5 * (4.0 - 1 / 60) + 0.25) % 1.0)


def test_a_beat_that_is_heard_strikes_as_hard_as_the_ears_are_sure() -> None:
    def strongest(confidence: float, *, tapped: bool = False) -> float:
        routing, most = Routing({"speed": 0.0}, [Route("beat", "speed", release=0.1)], TABLE), 0.0
        for tick in FixedClock(60, 2.0):
            heard = AudioFeatures(
                time=tick.time, bpm=120.0, beat_phase=2.0 * tick.time % 1.0, beat_confidence=confidence
            )
            controls = Controls(tempo=Tempo(120.0, 2.0 * tick.time)) if tapped else Controls()
            most = max(most, routing(heard, controls, tick)["speed"])
        return most

    sure, half, unsure = (strongest(confidence) for confidence in (0.9, 0.5, 0.2))
    assert sure > half > unsure == 0.0
    assert strongest(0.2, tapped=True) == pytest.approx(sure, rel=0.1)  # what is tapped is sure


def test_taps_overrule_what_is_heard() -> None:
    taps = Taps()
    assert taps.tempo(0.0) is None
    for k in range(5):
        taps.tap(k * 0.4)
    tempo = taps.tempo(1.8)
    assert tempo is not None
    assert (tempo.bpm, tempo.beats % 1.0) == (pytest.approx(150.0), pytest.approx(0.5))
    taps.scale(0.5)
    assert beats(lambda t: (AudioFeatures(bpm=90.0), taps.tempo(t))).bpm == pytest.approx(75.0)
    taps.tap(60.0)  # a lone tap long after begins a new count and leaves the tempo alone
    tempo = taps.tempo(60.0)
    assert tempo is not None
    assert tempo.bpm == pytest.approx(75.0)


def test_midi_clock_counts_from_its_start() -> None:
    clock = MidiClock()
    clock.hear("start", 10.0)
    for k in range(24 * 3 + 1):
        clock.hear("clock", 10.0 + k * 60 / 128 / 24)
    now = 10.0 + 3 * 60 / 128
    tempo = clock.tempo(now)
    assert tempo is not None
    assert (tempo.bpm, tempo.beats) == (pytest.approx(128.0), pytest.approx(3.0))
    assert clock.tempo(now + 5.0) is None
    clock.hear("stop", now)
    stopped = clock.tempo(now + 0.01)
    assert stopped is not None
    assert stopped.beats == pytest.approx(3.0)


def test_a_start_of_midi_clock_sets_the_position() -> None:
    beat = beats(lambda t: (AudioFeatures(), Tempo(120.0, 2.0 * t - 3.0, exact=True) if t >= 1.5 else None))
    assert beat.position == pytest.approx(2.0 * (4.0 - 1 / 60) - 3.0)


def test_a_preset_says_two_beats_in_whatever_unit_the_parameter_has() -> None:
    """Heard at 90, then tapped at 150: two beats are 1.33 s, then 0.8; a turn every four beats follows as well."""
    routes = (
        Route("beat.seconds", "slitscan.seconds", amount=2.0, mode="set"),
        Route("beat.rate", "rotate.speed", amount=0.25, mode="set"),
    )
    for fps in (24, 60):
        routing, turned = Routing({}, routes, TABLE), 0.0
        for tick in FixedClock(fps, 4.0):
            tapped = Tempo(150.0, tick.time * 2.5) if tick.time > 2.0 + 1e-9 else None
            heard = AudioFeatures(time=tick.time, bpm=90.0, beat_phase=(1.5 * tick.time) % 1.0)
            params = routing(heard, Controls(tempo=tapped), tick)
            turned += params["rotate.speed"] * tick.dt
            assert params["slitscan.seconds"] == pytest.approx(2 * 60.0 / (150.0 if tapped else 90.0))
        assert turned == pytest.approx(0.25 * (1.5 * 2.0 + 2.5 * 2.0), rel=0.02)
    assert is_source("beat.seconds")
    assert is_source("beat.rate")


def test_a_slit_scan_of_a_bar_is_four_beats_of_the_song() -> None:
    from engine.control.presets import preset as presets
    from engine.system import resources

    routes = presets.find("tidal", [resources.resource("presets")], TABLE).routes
    routing = Routing({}, routes, TABLE)
    for tick in FixedClock(30, 1.0):
        params = routing(AudioFeatures(time=tick.time, bpm=100.0), Controls(), tick)
    assert params["slitscan.seconds"] == pytest.approx(4 * 0.6)


@pytest.mark.parametrize(
    ("source", "features", "value"),
    [
        ("audio.band.presence", AudioFeatures(bands=(0.0, 0.0, 0.0, 0.0, 0.0, 1.5, 0.0)), 1.5),
        ("audio.loudness", AudioFeatures(loudness=-15.0), 0.75),
        ("audio.loudness", AudioFeatures(), 0.0),
        ("audio.energy_trend", AudioFeatures(energy_trend=-0.5), -0.5),
        ("audio.pitch_class", AudioFeatures(pitch_class=0.75), 0.75),
        ("audio.hat", AudioFeatures(hat=0.5), 0.5),
    ],
)
def test_what_is_heard_moves_a_parameter(source: str, features: AudioFeatures, value: float) -> None:
    routing = Routing({}, [Route(source, "rotate.turns", mode="set")], TABLE)
    said = routing(replace(features, time=0.02), Controls(), Tick(1, 0.04, 0.02))
    assert said["rotate.turns"] == pytest.approx(value)


@pytest.mark.parametrize("late", [False, True])
def test_a_drum_that_lasts_one_hop_is_never_lost(late: bool) -> None:
    """Live, blocks come late: several hops end in the same moment, and only the last has a time of its own."""
    now = Tick(1, 1.0, 0.02)
    times = (1.0, 1.0, 1.0) if late else (0.985, 0.991, 0.997)
    hops = tuple(AudioFeatures(time=time, kick=float(index == 0)) for index, time in enumerate(times))
    folded = fold(now, AudioFeatures(time=0.98), hops)
    assert [hop.kick for hop in folded] == ([1.0, 1.0, 1.0] if late else [1.0, 0.0, 0.0])
    assert fold(now, folded[-1], (folded[-1],)) == (folded[-1],)


def bars(feed, seconds: float = 8.0, fps: float = 60.0) -> list[float]:
    """Return when a route from ``beat.bar`` strikes, harder than a half; ``feed`` gives what is heard and told."""
    routing, struck, before = (
        Routing({"speed": 0.0}, [Route("beat.bar", "picture.blackout", release=0.05)], TABLE),
        [],
        0.0,
    )
    for tick in FixedClock(fps, seconds):
        heard, given = feed(tick.time)
        now = routing(heard, Controls(tempo=given), tick)["picture.blackout"]
        if now > before and now > 0.5:
            struck.append(tick.time)
        before = now
    return struck


def in_three(time: float, sure: float = 1.0) -> AudioFeatures:
    """Return what ears hear of a waltz at 90 beats a minute, whose first bar begins at 0.5 s."""
    beat = 1.5 * (time - 0.5)
    return AudioFeatures(time=time, bpm=90.0, beat_phase=beat % 1.0, beat_confidence=1.0, bar_beats=3,
                         bar_phase=beat / 3.0 % 1.0, bar_confidence=sure)  # fmt: skip


@pytest.mark.parametrize("fps", [24.0, 60.0])
def test_a_bar_strikes_at_its_first_beat(fps: float) -> None:
    assert bars(lambda t: (in_three(t), None), fps=fps) == pytest.approx([2.5, 4.5, 6.5], abs=1.01 / fps)


def test_a_bar_that_nobody_is_sure_of_does_not_strike() -> None:
    assert bars(lambda t: (in_three(t, 0.3), None)) == []


def test_a_told_tempo_has_bars_of_four() -> None:
    told = bars(lambda t: (in_three(t, 0.0), Tempo(120.0, 2.0 * t - 1.0, exact=True)))
    assert told == pytest.approx([2.5, 4.5, 6.5], abs=0.04)


def test_bar_sources_are_known() -> None:
    for name in ("beat.bar", "audio.bar_phase", "audio.bar_confidence"):
        assert is_source(name)
    assert "beat.bar" in nearest_source("beat.bars")
