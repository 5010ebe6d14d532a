"""Ears that follow a clock hear every hop once, however the clock ticks."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.audio.songs.song import Song
from engine.audio.songs.song_ears import SongEars
from engine.borders.tick import Tick
from tests.builders.signals import SAMPLERATE, clicks, sine

CLICKS = [0.3, 0.71, 1.113, 1.5, 1.98]


@pytest.fixture(scope="module")
def song():
    left = clicks(CLICKS, 2.2) + sine(100, 2.2, 0.1)
    return Song(Path("clicks.wav"), np.stack([left, 0.5 * left], axis=1), SAMPLERATE)


def follow(song, times):
    ears = SongEars(song)
    return [ears.latest(Tick(i, time, 0.0)) for i, time in enumerate(times)]


def hops(heard):
    return [hop for features in heard for hop in features.recent]


@pytest.fixture(scope="module")
def reference(song):
    return hops(follow(song, [3.0]))


@pytest.mark.parametrize("fps", [24, 30, 60, 120, 1000])
def test_any_tick_spacing_hears_the_same(song, reference, fps):
    heard = follow(song, [n / fps for n in range(3 * fps + 1)])
    assert hops(heard) == reference
    assert [o for features in heard for o in features.onsets] == [o for hop in reference for o in hop.onsets]
    for features in heard:
        assert features.onsets == tuple(o for hop in features.recent for o in hop.onsets)


def test_uneven_ticks_and_a_long_pause_hear_the_same(song, reference):
    times = [0.0, 0.001, 0.5, 0.4, 0.5, 2.9, 3.0]
    assert hops(follow(song, times)) == reference


def test_the_clicks_are_all_there(reference):
    assert [o.time for hop in reference for o in hop.onsets if o.time > 0.1] == pytest.approx(CLICKS, abs=0.015)


def test_only_hops_that_have_ended_are_heard(song):
    for features in follow(song, [n / 60 for n in range(30)]):
        assert all(hop.time <= n_time + 1e-7 for hop in features.recent for n_time in [features.time])
    ears = SongEars(song)
    assert ears.latest(Tick(0, 256 / SAMPLERATE - 1e-5, 0.0)).recent == ()
    assert len(ears.latest(Tick(1, 256 / SAMPLERATE, 0.0)).recent) == 1


def test_a_tick_between_hops_repeats_the_last_without_its_onsets(song):
    ears = SongEars(song)
    first = ears.latest(Tick(0, 0.32, 0.0))
    again = ears.latest(Tick(1, 0.3201, 0.0001))
    assert first.onsets
    assert again == replace(first, onsets=(), recent=())


def test_after_the_end_there_is_silence(song):
    last = follow(song, [2.0, 4.0, 12.0])[-1]
    assert len(last.recent) == pytest.approx(8 * SAMPLERATE / 256, abs=1)
    assert (last.rms, last.bass, last.mid, last.treble, last.onsets) == (0, 0, 0, 0, ())


def test_length_in_seconds(song):
    assert SongEars(song).length == pytest.approx(2.2)


def test_what_was_heard_ahead_is_the_same_and_costs_the_frame_nothing(song, reference):
    """A stall of two seconds: the hops of it are there, and the frame's thread has analysed none of them."""
    ears = SongEars(song, ahead=4.0)
    try:
        first = ears.latest(Tick(0, 0.01, 0.0))
        deadline = time.monotonic() + 60.0
        while ears.ready < len(reference) - len(first.recent):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        before = time.thread_time()
        heard = ears.latest(Tick(1, 3.0, 2.99))
        assert time.thread_time() - before < 0.02  # to analyse them takes some 0.15 s
        assert hops([first, heard]) == reference
    finally:
        ears.close()


@pytest.mark.parametrize("ahead", [0.01, 0.5])
def test_a_tick_beyond_what_was_heard_ahead_hears_everything_in_order(song, reference, ahead):
    ears = SongEars(song, ahead=ahead)
    try:
        times = [0.0, 0.02, 0.4, 1.9, 1.91, 2.5, 3.0]
        assert hops([ears.latest(Tick(i, at, 0.0)) for i, at in enumerate(times)]) == reference
    finally:
        ears.close()
