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


def hear(samples):
    analyser = Analyser()
    return [analyser(hop) for hop in samples[: len(samples) // 256 * 256].reshape(-1, 256)]


def test_what_is_loud_for_long_is_turned_down_and_comes_back_after_a_break():
    loud, quiet = sine(220, 40, 0.6), sine(220, 60, 0.1)
    heard = hear(np.concatenate([loud, quiet, loud[: 44100 * 40]]))
    at = {seconds: heard[int(seconds * 44100 / 256)] for seconds in (1, 39, 99, 100.5, 139)}
    assert at[1].rms == pytest.approx(0.424, rel=0.02)
    assert LEVEL_FULL < at[1].level < 1.3 * LEVEL_FULL  # all that is heard before a seek's first hop
    assert at[39].level == pytest.approx(LEVEL_FULL, rel=0.1)
    assert at[99].level == at[99].rms == pytest.approx(0.0707, rel=0.02)  # what is soft is never turned up
    assert at[100.5].level > 2 * LEVEL_FULL  # a drop after a break is loud
    assert at[139].level == pytest.approx(LEVEL_FULL, rel=0.15)
    assert all(hop.level <= hop.rms for hop in heard)


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
