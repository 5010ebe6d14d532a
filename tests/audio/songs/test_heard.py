"""What was heard of a song once is there for the next film of it, to the bit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.audio.hearing import known
from engine.audio.hearing.analyser import Analyser
from engine.audio.songs import heard as heard_module
from engine.audio.songs.film_ears import FilmEars
from engine.audio.songs.heard import Heard, folder_of
from engine.audio.songs.song import Song
from engine.audio.songs.song_ears import SongEars
from engine.borders.features import AudioFeatures
from engine.borders.tick import Tick
from tests.builders.signals import SAMPLERATE, clicks, sine

TIMES = [*np.arange(0.0, 2.0, 1 / 12).tolist(), 1.9, 2.6]
SPAN = 2.6 * SAMPLERATE // 256  # hops
PIECE = 50  # hops


@pytest.fixture(autouse=True)
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heard_module, "PIECE", PIECE)


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Song:
    dice = np.random.default_rng(3)
    left = clicks(np.arange(0.1, 2.2, 0.31).tolist(), 2.3) + sine(110, 2.3, 0.2)
    right = 0.4 * left + dice.normal(0.0, 0.02, len(left)).astype(np.float32)
    path = tmp_path_factory.mktemp("song") / "clicks.raw"
    path.write_bytes(left.tobytes())
    return Song(path, np.stack([left, right], axis=1).astype(np.float32), SAMPLERATE)


@pytest.fixture
def analysed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many hops have been analysed."""
    count, whole = [0], Analyser.__call__

    def counted(self: Analyser, hop: Any) -> AudioFeatures:
        count[0] += 1
        return whole(self, hop)

    monkeypatch.setattr(Analyser, "__call__", counted)
    return count


def follow(ears: FilmEars | SongEars, times: list[float]) -> list[AudioFeatures]:
    found = [ears.latest(Tick(n, time, 0.0)) for n, time in enumerate(times)]
    ears.close()
    return found


@pytest.fixture(scope="module")
def reference(song: Song) -> list[AudioFeatures]:
    return follow(SongEars(song), TIMES)


def assert_same(found: list[AudioFeatures], wanted: list[AudioFeatures]) -> None:
    assert found == wanted[: len(found)]
    for one, other in zip(found, wanted, strict=False):
        assert repr(one) == repr(other).replace("np.float64(", "(")  # not one number is of another kind
        np.testing.assert_array_equal(one.wave, other.wave)
        np.testing.assert_array_equal(one.spectrum, other.spectrum)


def test_a_film_hears_what_a_rehearsal_does(song: Song, reference: list[AudioFeatures]) -> None:
    assert reference[-1].onsets
    assert_same(follow(FilmEars(Heard(song)), TIMES), reference)


def test_the_next_film_analyses_nothing(
    song: Song, reference: list[AudioFeatures], tmp_path: Path, analysed: list[int]
) -> None:
    follow(FilmEars(Heard(song, tmp_path / "a")), TIMES)
    assert analysed == [SPAN]
    assert_same(follow(FilmEars(Heard(song, tmp_path / "a")), TIMES), reference)
    assert analysed == [SPAN]


@pytest.mark.parametrize("frames", [5, 23])
def test_a_longer_film_hears_on(
    song: Song, reference: list[AudioFeatures], tmp_path: Path, analysed: list[int], frames: int
) -> None:
    follow(FilmEars(Heard(song, tmp_path / "a")), TIMES[:frames])
    assert_same(follow(FilmEars(Heard(song, tmp_path / "a")), TIMES), reference)
    assert analysed == [SPAN], "every hop once"


def test_two_films_at_once_take_what_the_other_has(
    song: Song, reference: list[AudioFeatures], tmp_path: Path, analysed: list[int]
) -> None:
    slow, fast = (FilmEars(Heard(song, tmp_path / "a")) for _ in range(2))
    found = [slow.latest(Tick(0, TIMES[0], 0.0)), slow.latest(Tick(1, TIMES[1], 0.0))]
    follow(fast, TIMES)
    found += [slow.latest(Tick(n, time, 0.0)) for n, time in enumerate(TIMES[2:], 2)]
    assert_same(found, reference)
    assert SPAN < analysed[0] <= SPAN + PIECE


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive"])
def test_a_damaged_piece_is_heard_again(
    song: Song, reference: list[AudioFeatures], tmp_path: Path, analysed: list[int], content: bytes
) -> None:
    follow(FilmEars(Heard(song, tmp_path / "a")), TIMES)
    (tmp_path / "a/000002.npz").write_bytes(content)
    assert_same(follow(FilmEars(Heard(song, tmp_path / "a")), TIMES), reference)
    assert analysed == [SPAN + PIECE]


def test_what_knows_nothing_of_its_kind_is_heard_again(song: Song, tmp_path: Path, analysed: list[int]) -> None:
    follow(FilmEars(Heard(song, tmp_path / "a")), TIMES)
    with np.load(tmp_path / "a/000000.npz") as file:
        there = dict(file)
    np.savez(tmp_path / "a/000000.npz", **{**there, "text": np.array("[]")})
    follow(FilmEars(Heard(song, tmp_path / "a")), TIMES)
    assert analysed == [SPAN + PIECE]


def test_without_a_place_to_keep_it_the_film_is_heard(
    song: Song, reference: list[AudioFeatures], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    assert_same(follow(FilmEars(Heard(song, tmp_path / "file" / "a")), TIMES), reference)


def test_a_song_is_known_by_its_sound_and_by_who_hears(
    song: Song, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENTVJ_CACHE", str(tmp_path))
    own = folder_of(song)
    assert own is not None
    assert own.parent == tmp_path / "heard"
    (tmp_path / "copy.raw").write_bytes(song.path.read_bytes())
    assert folder_of(Song(tmp_path / "copy.raw", song.samples, SAMPLERATE)) == own
    (tmp_path / "copy.raw").write_bytes(song.path.read_bytes() + b"1234")
    assert folder_of(Song(tmp_path / "copy.raw", song.samples, SAMPLERATE)) != own
    monkeypatch.setenv("NPY_DISABLE_CPU_FEATURES", "AVX2")
    heard_module._ears.cache_clear()
    assert folder_of(song) != own
    heard_module._ears.cache_clear()


def test_the_songs_that_were_heard_first_make_room(song: Song, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heard_module, "MOST", 2500)
    for number in range(4):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "000000.npz").write_bytes(bytes(1000))
        os.utime(tmp_path / str(number), (number, number))
    follow(FilmEars(Heard(song, tmp_path / "new")), TIMES[:5])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["2", "3", "new"]


def test_what_cannot_be_told_is_said() -> None:
    analyser = Analyser()
    analyser._tempo.bpm = {}  # type: ignore[assignment]
    with pytest.raises(TypeError, match="dict"):
        known.take(analyser, Analyser())
