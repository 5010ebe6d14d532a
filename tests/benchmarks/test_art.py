"""The measure of the presets' pictures: known pictures have known figures, a song heard once is heard the same."""

import numpy as np
import pytest

from benchmarks.art import DARK, Seen, smooth
from benchmarks.art_play import Heard, HeardEars, Passage, ticks
from engine.audio.songs.song_ears import SongEars
from engine.borders.tick import Tick
from engine.control.presets.preset import find
from engine.show.opening import preset_folders
from tests.builders.params import TABLE


def grey(level: int) -> np.ndarray:
    return np.full((9, 16, 3), level, np.uint8)


def test_motion_light_and_coverage_of_known_pictures() -> None:
    seen = Seen(fps=2.0)
    for level in (0, 51, 0, 51):  # a fifth of full light
        picture = grey(0)
        picture[:, :8] = level
        seen(picture, held=level > 0)
    assert seen.motion == pytest.approx([0.1, 0.1, 0.1], abs=1e-6)
    assert np.mean(seen.light) == pytest.approx(0.05, abs=1e-6)
    assert seen.coverage() == 0.5, "the left half was lit at some time"
    assert seen.percentile(0.05) == 0.0
    assert seen.percentile(0.995) == pytest.approx(0.2, abs=0.005)
    assert np.mean(seen.held) == 0.5


def test_pairs_measure_the_motion_within_a_pair_alone() -> None:
    clock = list(ticks(2.0, 30.0, pairs=5.0))
    assert len(clock) == 20
    assert [b.time - a.time for a, b in zip(clock[::2], clock[1::2], strict=True)] == pytest.approx([1 / 30] * 10)
    assert clock[-1].time == pytest.approx(sum(tick.dt for tick in clock))
    seen = Seen(30.0, 5.0)
    for level in (0, 51, 204, 255):  # within a pair a fifth each; between two pairs more
        seen(grey(level), held=False)
    assert seen.motion == pytest.approx([0.2, 0.2], abs=1e-6)


def test_what_was_heard_once_is_what_the_ears_hear() -> None:
    passage = Passage("show", 30.0, 0.5)
    heard, ears = HeardEars(Heard(passage)), SongEars(passage)
    for tick in (Tick(0, 0.0, 0.0), Tick(1, 0.2, 0.2), Tick(2, 0.23, 0.03), Tick(3, 0.45, 0.22)):
        assert heard.latest(tick) == ears.latest(tick)


def test_silence_is_silent_and_a_second_is_smoothed() -> None:
    assert not np.any(Passage("silence", 0.0, 1.0).read(0, 44_100))
    assert smooth(np.array([0.0, 0.0, 3.0, 0.0]), 3.0) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("name", DARK)
def test_every_dark_preset_listens_to_loudness_and_has_eight_knobs(name: str) -> None:
    preset = find(name, preset_folders(), TABLE)
    loud = {route.target for route in preset.routes if route.source == "audio.level"}
    assert {"speed", "picture.brightness"} <= loud
    assert len({route.target for route in preset.routes if route.source.startswith("midi.knob_")}) == 8
