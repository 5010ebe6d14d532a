"""The bar: its length and its first beat, from beats of which the network is more or less sure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from engine.audio.hearing.bar import BarPointer, Harmony
from engine.audio.hearing.tempo import TempoTracker

FRAME = 0.02  # seconds


@dataclass
class Told:
    """What a pointer tells right after a beat, and where in its bar that beat is in truth."""

    beats: int
    place: int
    sure: float
    truth: int


def follow(metre, first, bars=12, down=0.8, other=0.08, bpm=120.0, extra_at=None, seed=0):
    """Let a pointer follow bars whose first beat is number ``first``; ``extra_at`` is a beat that is told twice."""
    rng, pointer, told, shift = np.random.default_rng(seed), BarPointer(), [], 0
    for frame in range(int(bars * metre * 60.0 / bpm / FRAME)):
        turn = frame * FRAME * bpm / 60.0
        beat, phase = int(turn), turn % 1.0
        shift = 1 if extra_at is not None and beat > extra_at else 0
        truth = (beat - shift - first) % metre
        share = np.clip((down if truth == 0 else other) + rng.normal(0.0, 0.05), 0.0, 1.0)
        heard = 0.8 if phase < FRAME * bpm / 60.0 else 0.03
        if pointer(phase, heard * (1.0 - share), heard * share):
            told.append(Told(pointer.beats, pointer.place, pointer.sure, truth))
    return told


@pytest.mark.parametrize(("metre", "first"), [(4, 0), (4, 2), (4, 3), (3, 0), (3, 1)])
def test_the_bar_is_found_whatever_beat_the_song_begins_with(metre, first):
    told = follow(metre, first, bars=24)
    assert [(one.beats, one.place) for one in told[-8:]] == [(metre, one.truth) for one in told[-8:]]
    assert min(one.sure for one in told[-8:]) > 0.6
    assert len(told) == metre * 24


def test_a_beat_too_many_is_forgiven_in_time():
    told = follow(4, 0, bars=30, extra_at=41)
    assert all(one.place == one.truth for one in told[20:41])
    assert not all(one.place == one.truth for one in told[42:46])
    assert all(one.place == one.truth for one in told[42 + 60 :])


def test_beats_that_are_all_alike_are_no_bar():
    assert max(one.sure for one in follow(4, 0, down=0.25, other=0.25, bars=20)) < 0.5


def chords(beats, every):
    """Let a harmony hear a chord of its own for ``every`` beats; return what it says of each beat."""
    harmony, said = Harmony(), []
    for beat in range(beats):
        pitches = np.full(12, 0.01, np.float32)
        pitches[[(5 * (beat // every) + third) % 12 for third in (0, 4, 7)]] = 1.0
        for _ in range(80):
            harmony(pitches)
        said.append(harmony.turn())
    return np.array(said)


def test_harmony_changes_are_larger_than_usual_and_silence_says_nothing():
    said = chords(32, 4)[8:].reshape(-1, 4)
    assert said[:, 0].min() > 2.0
    assert said[:, 1:].max() < 0.1
    silent = Harmony()
    assert [silent.turn() for _ in range(3)] == [1.0] * 3


def test_harmony_tells_which_of_two_halves_of_a_bar_begins_it():
    """The network finds a first beat in every second beat alike."""
    pointer = BarPointer()
    for beat, change in enumerate(chords(64, 4)):
        for phase in (0.0, 0.3, 0.6):
            pointer(phase, 0.3, 0.5 if beat % 2 == 0 and phase == 0.0 else 0.02)
        pointer.weigh(change)
    assert (pointer.beats, pointer.place) == (4, 63 % 4)
    assert pointer.sure > 0.6


def test_a_bar_is_forgotten():
    pointer = BarPointer()
    for beat in range(40):
        for phase in (0.0, 0.3, 0.6):
            pointer(phase, 0.2, 0.6 if beat % 4 == 0 and phase == 0.0 else 0.01)
    assert pointer.sure > 0.4
    pointer.forget()
    assert (pointer.sure, pointer.place, pointer.beats) == (0.0, 0, 4)


def test_without_a_tempo_there_is_no_bar():
    tracker = TempoTracker(44100, 256)
    for _ in range(200):
        tracker(np.zeros(256, np.float32), False, np.zeros(12, np.float32))
    assert (tracker.bar_beats, tracker.bar_phase, tracker.bar_confidence) == (0, 0.0, 0.0)
