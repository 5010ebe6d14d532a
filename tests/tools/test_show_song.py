"""The song of the demo's show: it begins at once, builds up, drops, breaks and ends; its setlist plays six looks."""

import numpy as np
import pytest

from engine.audio.songs import song as songs
from engine.control.presets import setlist
from engine.control.presets.preset import find
from engine.show.opening import find_song, preset_folders
from engine.system import resources
from tests.builders.params import TABLE
from tools.show_song import BAR, BEAT, SECONDS, SECTIONS


@pytest.fixture(scope="module")
def song() -> songs.AnySong:
    return songs.load(find_song("show"))


def level(song: songs.AnySong, begin: float, end: float) -> float:
    """Return the rms of a passage."""
    part = np.asarray(song.read(round(begin * song.samplerate), round(end * song.samplerate)))
    return float(np.sqrt(np.mean(np.square(part))))


def test_it_begins_at_once_and_lasts_as_long_as_it_says(song: songs.AnySong) -> None:
    assert song.duration == pytest.approx(SECONDS, abs=0.05)
    assert level(song, 0.0, 0.25) > 0.05


def test_a_build_up_a_drop_a_break_and_an_end(song: songs.AnySong) -> None:
    at = {name: (first * BAR, last * BAR) for name, (first, last) in SECTIONS.items()}
    loud = {name: level(song, *times) for name, times in at.items()}
    assert loud["drop"] > 1.15 * loud["groove"] > 1.15 * loud["break"]
    assert loud["drop"] > 3 * loud["break"]
    for name in ("drop", "end"):
        nothing = level(song, at[name][0] - 1.2 * BEAT, at[name][0] - 0.1)
        assert nothing < 0.2 * level(song, at[name][0], at[name][0] + BAR), "half a bar of nothing before it"
    assert level(song, SECONDS - 0.3, SECONDS) < 0.02


def test_the_setlist_plays_six_looks_at_the_songs_times() -> None:
    entries = setlist.load(resources.resource("presets", "setlists", "show.toml"))
    assert len({entry.preset for entry in entries}) == 6
    for entry in entries:
        assert find(entry.preset, preset_folders(), TABLE).params["picture.matte"] == 1.0
    times = [SECTIONS[name][0] * BAR for name in ("groove", "build", "drop", "break", "end")]
    marks = [entry.at.minutes * 60 + entry.at.seconds + entry.at.part for entry in entries[1:] if entry.at]
    assert marks == pytest.approx(times, abs=1.0)
