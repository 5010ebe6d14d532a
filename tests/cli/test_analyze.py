"""The contract of vj analyze."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.audio.songs.song import Song
from engine.borders.errors import UserError
from engine.borders.features import AudioFeatures
from engine.cli import analyze
from engine.cli.analyze_summary import MOVERS, clock, summary, swing
from tests.builders.signals import SAMPLERATE, clicks

BEATS = np.arange(0.5, 9, 0.5)


@pytest.fixture(scope="module")
def song():
    return Song(Path("beats.wav"), clicks(BEATS, 9.0)[:, None], SAMPLERATE)


@pytest.fixture(scope="module")
def heard(song):
    return analyze.listen(song)


def test_the_contract(song, heard):
    result = analyze.analyze(song, heard)
    assert list(result) == ["samplerate", "hop_length", "bpm", "onsets", "beats", "downbeats"]
    assert (result["samplerate"], result["hop_length"]) == (SAMPLERATE, 256)
    assert result["bpm"] == pytest.approx(120, rel=0.02)
    assert [onset["time"] for onset in result["onsets"]] == pytest.approx(BEATS.tolist(), abs=0.015)
    for onset in result["onsets"]:
        assert list(onset) == ["time", "heard_at", "strength"]
        assert onset["time"] <= onset["heard_at"] <= onset["time"] + 0.025
    late = [beat for beat in result["beats"] if beat > 5]
    assert np.diff(late) == pytest.approx(0.5, abs=0.03)
    assert json.loads(json.dumps(result)) == result


def test_every_hop_is_heard_once(song, heard):
    assert [hop.time for hop in heard] == [256 * (n + 1) / SAMPLERATE for n in range(len(heard))]
    assert song.duration <= heard[-1].time < song.duration + 256 / SAMPLERATE
    assert {hop.wave.size + hop.spectrum.size + len(hop.recent) for hop in heard} == {0}  # hours of them fit in memory


def test_files(song, tmp_path, capsys):
    assert analyze.report(song, tmp_path / "f.json", tmp_path / "f.png") == 0
    assert json.loads((tmp_path / "f.json").read_text())["hop_length"] == 256
    with Image.open(tmp_path / "f.png") as picture:
        colours = {tuple(pixel) for pixel in np.asarray(picture.convert("RGB")).reshape(-1, 3)[::7]}
        assert picture.width == 1800
    assert len(colours) > 50
    assert capsys.readouterr().out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.json", "f.png"]


def test_silence(capsys, tmp_path):
    silence = Song(Path("silence.wav"), np.zeros((1000, 1), np.float32), SAMPLERATE)
    assert analyze.report(silence, tmp_path / "f.json", None) == 0
    result = json.loads((tmp_path / "f.json").read_text())
    assert (result["bpm"], result["onsets"], result["beats"]) == (0.0, [], [])
    assert analyze.report(silence, None, None) == 0
    said = capsys.readouterr().out
    assert "silence.wav: 0:00, 44100 Hz, mono" in said
    assert "it is silent" in said


def test_without_a_flag_it_says_what_it_heard_in_a_few_lines(song, heard):
    """Clicks at 120 a minute, 40 dB apart from nothing: the beginnings of sounds move most."""
    lines = summary(song, analyze.analyze(song, heard), heard)
    assert len(lines) < 14
    assert all(len(line) < 110 for line in lines)
    assert lines[0] == "beats.wav: 0:09, 44100 Hz, mono"
    tempo = re.search(r"tempo +([0-9.]+) bpm; (\d+) beats", "\n".join(lines))
    assert tempo
    assert float(tempo[1]) == pytest.approx(120, rel=0.02)
    assert f"onsets     {len(BEATS)}, 1.9 a second" in lines
    assert {name for line in lines for name in MOVERS if name in line} == set(MOVERS)
    shares = [line.count("#") for line in lines if "#" in line]
    assert shares == sorted(shares, reverse=True)


def test_where_a_song_is_loud_and_how_much_it_moves():
    """Ten seconds at -40 dB, ten at -6, ten at -40."""
    level = np.repeat((0.01, 0.5, 0.01), 100)
    heard = [AudioFeatures(time=(n + 1) / 10, rms=float(rms), bass=1.0) for n, rms in enumerate(level)]
    song = Song(Path("loud.wav"), np.zeros((SAMPLERATE * 30, 2), np.float32), SAMPLERATE)
    said = "\n".join(summary(song, {"bpm": 0.0, "beats": [], "onsets": []}, heard))
    assert "loudest from 0:10 on (6 dB), softest from 0:00 on (40 dB)" in said
    assert "none is heard" in said
    assert swing("audio.rms", heard) == pytest.approx((0.01, 0.5))
    assert swing("audio.bass", heard) == (1.0, 1.0)
    assert [clock(seconds) for seconds in (7.9, 205, 3723)] == ["0:07", "3:25", "1:02:03"]


def test_a_place_that_cannot_be_written(song, heard, tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        analyze.report(Song(song.path, song.samples[:1000], SAMPLERATE), tmp_path / "nowhere" / "f.json", None)
