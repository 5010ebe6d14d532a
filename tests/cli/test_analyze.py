"""The contract of vj analyze."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.audio.songs.song import Song
from engine.borders.errors import UserError
from engine.cli import analyze
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
    assert list(result) == ["samplerate", "hop_length", "bpm", "onsets", "beats"]
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


def test_files(song, tmp_path, capsys):
    assert analyze.report(song, tmp_path / "f.json", tmp_path / "f.png") == 0
    assert json.loads((tmp_path / "f.json").read_text())["hop_length"] == 256
    with Image.open(tmp_path / "f.png") as picture:
        colours = {tuple(pixel) for pixel in np.asarray(picture.convert("RGB")).reshape(-1, 3)[::7]}
        assert picture.width == 1800
    assert len(colours) > 50
    assert capsys.readouterr().out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.json", "f.png"]


def test_without_a_file_it_prints(capsys):
    silence = Song(Path("silence.wav"), np.zeros((1000, 1), np.float32), SAMPLERATE)
    assert analyze.report(silence, None, None) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["bpm"], result["onsets"], result["beats"]) == (0.0, [], [])


def test_a_place_that_cannot_be_written(song, heard, tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        analyze.report(Song(song.path, song.samples[:1000], SAMPLERATE), tmp_path / "nowhere" / "f.json", None)
