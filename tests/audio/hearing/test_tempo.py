"""Tempo and beat phase of click tracks whose beat is known."""

from __future__ import annotations

import numpy as np
import pytest

from engine.audio.hearing.analyser import Analyser
from engine.audio.hearing.rhythm import Rhythm
from engine.audio.hearing.tempo import fold
from engine.audio.songs.song import whole
from engine.borders.features import Onset
from engine.system.resources import resource
from tests.builders.signals import SAMPLERATE, clicks

HOP = 256


def hear(samples):
    analyser = Analyser(SAMPLERATE, HOP)
    count = len(samples) // HOP
    return [analyser(hop) for hop in samples[: count * HOP].reshape(count, HOP)]


@pytest.mark.parametrize("bpm", [90, 120, 150])
def test_a_click_track(bpm):
    beats = np.arange(0.5, 12, 60 / bpm)
    features = [hop for hop in hear(clicks(beats, 12)) if hop.time > 8]
    assert np.median([hop.bpm for hop in features]) == pytest.approx(bpm, rel=0.02)
    # On a beat the phase is near 0 (or near 1), that is its distance from a whole number is small.
    phases = [min(features, key=lambda hop: abs(hop.time - beat)).beat_phase for beat in beats if beat > 8.1]
    assert np.median([min(phase, 1 - phase) for phase in phases]) < 0.1


def test_the_phase_only_runs_forwards_and_outlives_a_break():
    features = hear(np.concatenate([clicks(np.arange(0.5, 8, 0.5), 8), np.zeros(3 * SAMPLERATE, np.float32)]))
    phase = np.array([hop.beat_phase for hop in features if hop.time > 4])
    steps = np.diff(phase) % 1.0
    assert steps.max() < 0.03
    assert (np.diff(phase)[-2 * SAMPLERATE // HOP :] != 0).all()


def test_it_forgets_after_long_silence():
    features = hear(np.concatenate([clicks(np.arange(0.5, 6, 0.5), 6), np.zeros(7 * SAMPLERATE, np.float32)]))
    assert features[6 * SAMPLERATE // HOP].bpm > 0
    assert features[-1].bpm == 0
    assert features[-1].beat_phase == 0


def test_fold():
    assert fold(60) == 120
    assert fold(240) == 120
    assert fold(87, near=174) == 174
    assert fold(174, near=86) == 87
    assert fold(128, near=100) == 128


def test_the_demo_keeps_its_tempo_once_it_has_one():
    song = whole(resource("presets", "songs", "demo.ogg"))
    analyser, mono = Analyser(song.samplerate, HOP), song.mono()
    heard = [analyser(mono[start : start + HOP]) for start in range(0, len(mono) - HOP, HOP)]
    assert {round(hop.bpm) for hop in heard if hop.time > 7.0} == {120}


def halftime(bpm, bars=6):
    """A kick on one, a snare on three, hats on every eighth but soft: onsets of a slow groove."""
    beat = 60.0 / bpm
    loud = {0: 1.0, 4: 0.9}
    times = [i * beat / 2 for i in range(8 * bars)]
    return [Onset(time, time + 0.01, loud.get(i % 8, 0.3)) for i, time in enumerate(times)]


@pytest.mark.parametrize("ratio", [3 / 4, 4 / 3, 2 / 3, 3 / 2])
def test_onsets_tell_a_tempo_from_its_relatives(ratio):
    rhythm = Rhythm()
    assert rhythm.settle(92.0 * ratio) == 92.0 * ratio  # nothing is known yet
    rhythm.hear(halftime(92.0)[:20])
    assert rhythm.settle(92.0 * ratio) == 92.0 * ratio  # nor does the beginning say anything
    rhythm.hear(halftime(92.0)[20:])
    assert rhythm.settle(92.0) == 92.0
    assert fold(rhythm.settle(92.0 * ratio)) == pytest.approx(92.0)  # or an octave of it
    beat = 60.0 / 92.0
    last = rhythm.beat(15.2, 92.0)
    assert 15.2 - beat < last <= 15.2
    assert abs(last / beat - round(last / beat)) < 0.05
    rhythm.forget()
    assert rhythm.settle(92.0 * ratio) == 92.0 * ratio
