"""The level is the rms of a live mix, whatever the master; a log from before it had one is heard as it was."""

from __future__ import annotations

import numpy as np
import pytest

from engine.audio.hearing.analyser import Analyser
from engine.audio.hearing.loudness import LEVEL_FULL, Level
from engine.audio.songs.song import whole
from engine.borders.features import AudioFeatures, level_of
from engine.gesture.rows import MEASURES, features_of, measured
from engine.system.resources import resource
from tests.builders.signals import sine

HOP = 256 / 44100  # seconds


def lasting(rms, seconds):
    return [rms] * round(seconds / HOP)


def test_what_is_loud_for_long_is_turned_down_and_comes_back_after_a_break():
    level, loud, quiet = Level(HOP), 0.424, 0.0707
    rms = [*lasting(loud, 40), *lasting(quiet, 60), *lasting(loud, 40)]
    heard = [level(each) for each in rms]
    at = {seconds: heard[round(seconds / HOP)] for seconds in (1, 39, 99, 100.5, 139)}
    assert LEVEL_FULL < at[1] < 1.3 * LEVEL_FULL  # all that is heard before a seek's first hop
    assert at[39] == pytest.approx(LEVEL_FULL, rel=0.1)
    assert at[99] == quiet  # what is soft is never turned up
    assert at[100.5] > 2 * LEVEL_FULL  # a drop after a break is loud
    assert at[139] == pytest.approx(LEVEL_FULL, rel=0.15)
    assert all(one <= other for one, other in zip(heard, rms, strict=True))


def test_the_ears_tell_the_level_of_what_they_hear():
    analyser, level = Analyser(), Level(HOP)
    samples = sine(220, 3, 0.6)
    heard = [analyser(hop) for hop in samples[: len(samples) // 256 * 256].reshape(-1, 256)]
    assert heard[-1].rms == pytest.approx(0.424, rel=0.02)
    assert [hop.level for hop in heard] == pytest.approx([level(hop.rms) for hop in heard])
    assert heard[-1].level < heard[-1].rms


@pytest.mark.parametrize("name", ["demo", "show", "duet", "visualizer"])
def test_our_own_songs_are_heard_as_they_are(name):
    song = whole(resource("presets", "songs", f"{name}.ogg"))
    hops = np.sqrt(np.mean(np.square(song.mono()[: int(song.duration) * 44100].reshape(-1, 900)), axis=1)).tolist()
    level = Level(900 / song.samplerate)
    assert max(hops) > 0.3
    assert [level(rms) for rms in hops] == hops


def test_a_log_without_levels_plays_its_rms():
    row, measures = measured(AudioFeatures(rms=0.4, level=0.2)), list(MEASURES)
    assert level_of(features_of(row, MEASURES)) == 0.2
    del row[measures.index("level")], measures[measures.index("level")]
    assert level_of(features_of(row, tuple(measures))) == 0.4
    assert level_of(AudioFeatures()) == 0.0
