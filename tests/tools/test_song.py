"""The built-in song has the parts it claims, is what tools/song.py makes, and lies straight in its file."""

from __future__ import annotations

import json
from functools import cache

import av
import numpy as np
import pytest

from engine.system.resources import find
from tools import song
from tools.song_voices import SAMPLERATE, hat


@cache
def composed():
    return song.compose(seed=0)


@cache
def shipped():
    path = find("presets/songs", "demo", ".ogg")
    with av.open(str(path)) as file:
        return np.concatenate([frame.to_ndarray() for frame in file.decode(audio=0)], axis=1).T


def rms(sound, name):
    start, end = (round(at * SAMPLERATE) for at in song.SECTIONS[name])
    return float(np.sqrt(np.mean(np.square(sound[start:end]))))


def test_the_parts_are_as_loud_as_they_say():
    level = {name: rms(shipped(), name) for name in song.SECTIONS}
    assert level["silence"] < 1e-3
    assert 0.005 < level["intro"] < 0.2 * level["groove"]
    assert level["breakdown"] < 0.2 * level["groove"]
    assert level["groove"] <= level["lead"] < level["end"]
    assert level["end"] > 0.15


def test_the_first_ten_seconds_hold_silence_and_loudness():
    assert song.SECTIONS["silence"][1] >= 1.0
    assert song.SECTIONS["groove"][0] <= 5.0
    assert song.SECONDS >= 24


def test_the_limiter_keeps_it_below_full_scale():
    assert 0.5 < np.max(np.abs(composed()[0])) < 0.95


def test_the_same_seed_gives_the_same_samples():
    again, onsets = song.compose(seed=0)
    assert np.array_equal(again, composed()[0])
    assert onsets == composed()[1]
    one, other = (hat(np.random.default_rng(seed), 0.03) for seed in (0, 1))
    assert not np.array_equal(one, other)


def test_the_shipped_file_is_what_the_script_makes_and_starts_on_the_sample():
    ours, file = composed()[0], shipped()
    assert file.shape == ours.shape
    part = slice(5 * SAMPLERATE, 9 * SAMPLERATE)
    assert np.corrcoef(ours[part, 0], file[part, 0])[0, 1] > 0.98  # a sample or two off and hats decorrelate
    highs = [np.diff(sound[part, 0], n=2) for sound in (ours, file)]
    match = {lag: float(np.dot(highs[0][9:-9], np.roll(highs[1], lag)[9:-9])) for lag in range(-8, 9)}
    assert max(match, key=match.__getitem__) == 0


def test_the_truth_beside_it_is_this_song():
    truth = json.loads(song.ONSETS.read_text(encoding="utf-8"))
    assert truth["bpm"] == song.BPM
    assert truth["onsets"] == {name: pytest.approx(times, abs=1e-3) for name, times in composed()[1].items()}
    assert min(truth["onsets"]["kick"]) == song.SECTIONS["groove"][0]


def test_it_is_small():
    assert song.SONG.stat().st_size <= 700_000
