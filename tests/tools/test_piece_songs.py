"""The songs of the two pieces: silence after each phrase of the singer's, four parts of the visualizer's."""

import numpy as np
import pytest

from engine.audio.songs import song as songs
from engine.control.presets.preset import find
from engine.show.opening import find_song, preset_folders
from tests.builders.params import TABLE
from tools.piece_songs import (
    DUET_BARS,
    DUET_BPM,
    PART_BARS,
    PARTS,
    PERIOD_BARS,
    PHRASE_BARS,
    PHRASES,
    VISUALIZER_BARS,
    VISUALIZER_BPM,
)

NAMES = ("duet", "visualizer")


def level(song: songs.AnySong, begin: float, end: float) -> float:
    """Return the rms of a passage."""
    part = np.asarray(song.read(round(begin * song.samplerate), round(end * song.samplerate)))
    return float(np.sqrt(np.mean(np.square(part))))


@pytest.mark.parametrize("name", NAMES)
def test_each_has_the_name_of_its_preset_and_begins_at_once(name: str) -> None:
    assert find(name, preset_folders(), TABLE).name == name
    assert level(songs.load(find_song(name)), 0.0, 0.5) > 0.03


def test_after_every_phrase_of_the_singers_song_nothing_sounds() -> None:
    song, bar = songs.load(find_song("duet")), 240.0 / DUET_BPM
    assert song.duration == pytest.approx(DUET_BARS * bar, abs=0.05)
    for number in range(len(PHRASES)):
        begin = number * PERIOD_BARS * bar
        end = begin + PHRASE_BARS * bar
        assert level(song, begin, end) > 0.08
        assert level(song, end + 0.5, end + bar - 0.1) < 0.002


def test_the_visualizers_song_swells_is_drawn_out_and_is_chopped() -> None:
    song, bar = songs.load(find_song("visualizer")), 240.0 / VISUALIZER_BPM
    assert song.duration == pytest.approx(VISUALIZER_BARS * bar, abs=0.05)
    assert len(PARTS) * PART_BARS == VISUALIZER_BARS
    for number in range(PART_BARS):  # the volume drives the travel
        assert level(song, (number + 0.4) * bar, (number + 0.7) * bar) > 2 * level(
            song, number * bar, (number + 0.2) * bar
        )
    loud = [level(song, i * PART_BARS * bar, (i + 1) * PART_BARS * bar) for i in range(len(PARTS))]
    assert loud[1] < loud[2] < loud[3]


def test_the_visualizer_has_a_part_for_each_part_of_its_song() -> None:
    """Four times four bars: nothing, then time is scanned, then it turns, then it is sliced."""
    preset = find("visualizer", preset_folders(), TABLE)
    beats = {route.target for route in preset.routes if route.source == f"lfo.saw.{4 * VISUALIZER_BARS}b"}
    assert beats == {"slitscan.strength", "rotate.speed", "slice.offset"}
