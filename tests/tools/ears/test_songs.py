"""Songs that measure are the ones that were annotated, and none that is taught."""

import json
from hashlib import sha256

import numpy as np
import pytest

from tests.builders.signals import SAMPLERATE, sine, write
from tools.ears import songs


@pytest.fixture
def package(tmp_path):
    """An unpacked package with one song in it."""
    music = tmp_path / "songs" / "packages" / "some-game-data" / "music"
    music.mkdir(parents=True)
    write(music / "tune.wav", np.stack([sine(440, 1.0)] * 2, axis=1))
    return music


def annotate(tmp_path, **about):
    folder = tmp_path / "annotations"
    folder.mkdir()
    known = {"package": "some-game-data", "file": "tune.wav", "seconds": 0.5, "sha256_of_file": ""}
    (folder / "some-game-data__tune.json").write_text(json.dumps(known | about))
    return folder


def test_a_song_lies_beside_its_annotation(tmp_path, package):
    digest = sha256((package / "tune.wav").read_bytes()).hexdigest()
    folder = annotate(tmp_path, sha256_of_file=digest)
    assert songs.main(["measure", str(folder), str(tmp_path / "songs")]) == 0
    assert (tmp_path / "songs" / "some-game-data__tune.json").exists()
    assert len(songs.mono(tmp_path / "songs" / "some-game-data__tune.wav")) == SAMPLERATE // 2


def test_another_song_of_that_name_is_refused(tmp_path, package, capsys):
    assert songs.main(["measure", str(annotate(tmp_path)), str(tmp_path / "songs")]) == 2
    assert "is not the file" in capsys.readouterr().err


def test_a_taught_song_does_not_measure(tmp_path, capsys):
    folder = annotate(tmp_path, package=songs.TAUGHT[0])
    assert songs.main(["measure", str(folder), str(tmp_path / "songs")]) == 2
    assert "is taught" in capsys.readouterr().err
