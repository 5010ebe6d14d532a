"""Offline teachers: what they hear in sounds whose onsets are known, and how it is taught."""

import numpy as np
import pytest

from tests.builders.signals import clicks
from tools.ears import teachers
from tools.onsets.hearing import SECONDS, Lesson, hear, refined, take_of
from tools.onsets.teach import LENGTH, clips

TIMES = [0.4, 0.9, 1.3, 1.8, 2.4]


def test_the_teachers_agree_on_clicks() -> None:
    told = teachers.label(clicks(TIMES, 3.0))
    assert told["onsets"] == pytest.approx(TIMES, abs=0.012)


def test_what_a_teacher_says_is_moved_to_where_the_sound_grows() -> None:
    song = clicks(TIMES, 3.0)
    assert refined(hear(song), np.array(TIMES) + 0.009) == pytest.approx(TIMES, abs=0.004)
    about = {"onsets": [time - 0.01 for time in TIMES], "unsure": [2.0], "teachers": []}
    heard = take_of(song, about, plain=True, rng=np.random.default_rng(0))
    assert heard.onsets == pytest.approx(TIMES, abs=0.004)
    assert len(heard.unsure) == 1


def test_a_song_that_is_played_faster_keeps_its_onsets() -> None:
    rng = np.random.default_rng(1)  # its first draw plays it at another speed
    heard = take_of(clicks(TIMES, 3.0), {"onsets": TIMES}, plain=False, rng=rng)
    assert np.diff(heard.onsets) / np.diff(TIMES) == pytest.approx(np.full(4, np.diff(heard.onsets)[0] / 0.5))
    assert abs(np.diff(heard.onsets)[0] / 0.5 - 1.0) > 0.01


def test_where_the_teachers_differ_nothing_is_taught() -> None:
    level = np.zeros((LENGTH, 66), np.float16)
    batch = clips([(Lesson(level, np.array([0.1]), np.array([0.5])), 0)])
    ends = (np.arange(LENGTH) + 1) * SECONDS
    weight = batch.weight[0].numpy()
    assert (weight[(ends > 0.505) & (ends < 0.55)] == 0.0).all()
    assert (weight[(ends > 0.6) & (ends < 1.0)] == 1.0).all()
