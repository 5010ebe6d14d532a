"""Seek, pause, loops: what is heard, what the ears hear, and where a show is, are the same at every sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.audio.songs.edited import EditedSong, Passage
from engine.audio.songs.feed import Feed
from engine.audio.songs.player import SilentPlayer, SongPlayer, _Progress
from engine.audio.songs.song import Song
from engine.audio.songs.song_ears import BEFORE_SECONDS, SongEars
from engine.audio.songs.soundtrack import SongTrack
from engine.audio.songs.transport import END_SECONDS, REACTION_SECONDS, Transport, clock
from engine.borders.tick import Tick
from tests.builders.signals import clicks

RATE = 44100


def numbered(seconds: float = 20.0) -> Song:
    """Return a song whose every sample says which it is."""
    count = round(seconds * RATE)
    return Song(Path("numbers.wav"), (np.arange(count, dtype=np.float32) / count)[:, None], RATE)


def places(song: Song, heard: np.ndarray) -> np.ndarray:
    """Return which samples of the song were heard."""
    return np.rint(heard[:, 0].astype(float) * len(song.samples)).astype(int)


class Player:
    """A player whose time the test turns."""

    latency = 0.0

    def __init__(self) -> None:
        self.taken = 0.0
        self.edits: list[int] = []

    def edit(self, at: int) -> None:
        self.edits.append(at)


class Stage:
    """A rehearsal's song without a show."""

    def __init__(self, song: Song, begin: float = 0.0, ahead: float = 0.0) -> None:
        self.song, self.sound, self.player = song, EditedSong(song, begin), Player()
        self.ears = SongEars(self.sound, ahead=ahead, begin=self.sound.begin)
        self.told: list[str] = []
        self.logged: list[Passage] = []
        self.transport = Transport(self.sound, self.player, self.ears, self.told.append, self.logged.append)  # type: ignore[arg-type]
        self.now(begin)

    def now(self, time: float) -> None:
        self.time = self.player.taken = time


def test_a_song_that_nobody_touches_is_the_song() -> None:
    song = numbered(2.0)
    sound = EditedSong(song)
    assert (sound.read(100, 70_000) == song.samples[100:70_000]).all()
    assert len(sound.read(88_000, 99_000)) == 200
    assert sound.duration == song.duration


def test_a_seek_is_heard_at_once_and_nothing_else_moves() -> None:
    stage = Stage(numbered())
    stage.now(3.0)
    stage.transport.seek(12.5)
    (at,) = stage.player.edits
    assert 0.0 <= at / RATE - 3.0 - REACTION_SECONDS < 2 * 256 / RATE
    heard = places(stage.song, stage.sound.read(at - 10, at + 10))
    assert heard.tolist() == [*range(at - 10, at), *range(round(12.5 * RATE), round(12.5 * RATE) + 10)]
    assert stage.sound.duration == pytest.approx(at / RATE + 7.5)
    assert stage.sound.place(at / RATE + 1.0) == pytest.approx(13.5)
    assert stage.told == ["song at 0:12.5"]


def test_steps_add_up_and_stop_at_the_ends() -> None:
    stage = Stage(numbered())
    stage.now(6.0)
    stage.transport.skip(5.0)
    stage.transport.skip(5.0)
    at = stage.player.edits[-1]
    assert stage.sound.of_song(at) == pytest.approx(at + 10 * RATE, abs=1)
    stage.transport.skip(30.0)
    assert stage.sound.of_song(at) == round((20.0 - END_SECONDS) * RATE)
    stage.transport.skip(-30.0)
    assert stage.sound.of_song(at) == 0


def test_a_pause_is_silence_on_a_clock_that_runs_on() -> None:
    stage = Stage(numbered())
    stage.now(2.0)
    stage.transport.pause()
    assert stage.sound.duration == float("inf")
    first = stage.player.edits[-1]
    stage.now(5.0)
    stage.transport.pause(True)
    assert stage.told[-1].endswith("paused")
    assert len(stage.player.edits) == 1, "it was paused already"
    stage.transport.seek(10.0)
    stage.now(6.0)
    stage.transport.pause()
    second = stage.player.edits[-1]
    assert not stage.sound.read(first, second).any()
    assert places(stage.song, stage.sound.read(second, second + 3)).tolist() == [441_000, 441_001, 441_002]


def test_a_loop_comes_back_sample_by_sample_until_it_is_cleared() -> None:
    stage = Stage(numbered())
    stage.transport.loop_from(4.0)
    stage.transport.loop_to(5.0)
    at = stage.player.edits[-1]
    a, b = 4 * RATE, 5 * RATE
    heard = places(stage.song, stage.sound.read(at, at + 3 * RATE))
    assert (heard == np.tile(np.arange(a, b), 3)).all()
    assert stage.sound.duration == float("inf")
    stage.now(9.0)
    stage.transport.clear_loop()
    at = stage.player.edits[-1]
    assert (np.diff(places(stage.song, stage.sound.read(at - 9, at + RATE))) == 1).all(), "it goes on from where it was"
    assert stage.sound.duration < 30.0


def test_a_loop_is_set_while_it_plays_and_one_that_is_too_short_is_refused() -> None:
    stage = Stage(numbered())
    stage.now(3.0)
    stage.transport.loop_from()
    stage.now(3.1)
    stage.transport.loop_to()
    assert "too short" in stage.told[-1]
    stage.now(5.0)
    stage.transport.loop_to()
    assert stage.logged[-1].loop is not None
    begin, end = (sample / RATE for sample in stage.logged[-1].loop)
    assert (begin, end) == (pytest.approx(3.12, abs=0.02), pytest.approx(5.12, abs=0.02))
    assert stage.transport.line(6.0).endswith(f"loop {clock(begin)} to {clock(end)}")
    stage.transport.seek(15.0)
    at = stage.player.edits[-1]
    assert stage.sound.of_song(at + RATE) == 16 * RATE, "behind the loop the song plays on"


def heard(stage: Stage, until: float, request: float | None = None, fps: float = 60.0) -> list[tuple[float, ...]]:
    """Return the hops up to ``until`` seconds of the show, with a seek to 11 s when it is at ``request``."""
    hops = []
    for frame in range(round(stage.time * fps), round(until * fps)):
        if request is not None and frame == round(request * fps):
            stage.now(frame / fps)
            stage.transport.seek(11.0)
        for hop in stage.ears.latest(Tick(frame, frame / fps, 1 / fps)).recent:
            level = (hop.time, hop.rms, hop.bass, hop.mid, hop.treble, *hop.bands, hop.loudness, hop.energy_trend)
            event = (hop.onset_strength, hop.spectral_flux, hop.kick, hop.snare, hop.hat, hop.drop)
            hops.append((*level, *event, hop.pitch_class, hop.bpm, hop.beat_phase))
    stage.ears.close()
    return hops


@pytest.fixture(scope="module")
def beats() -> Song:
    return Song(Path("beats.wav"), clicks(np.arange(0.25, 12.0, 0.5), 12.0)[:, None], RATE)


def test_after_a_seek_the_ears_hear_the_new_place_whatever_was_analysed_ahead(beats: Song) -> None:
    plain = heard(Stage(beats), 2.2, 1.2)
    ahead = heard(Stage(beats, ahead=1.0), 2.2, 1.2)
    assert plain == ahead
    assert np.diff([hop[0] for hop in plain]) == pytest.approx(256 / RATE), "every hop once, none twice"
    untouched = heard(Stage(beats), 1.2)
    assert plain[: len(untouched)] == untouched
    at = Stage(beats)
    at.now(1.2)
    at.transport.seek(11.0)
    first = at.player.edits[0] / RATE
    loud = [hop[0] for hop in plain if hop[1] > 0.05 and hop[0] > first]
    assert loud[0] == pytest.approx(first + 0.25, abs=0.02), "the click of 11.25 s"


def test_a_start_in_the_middle_has_heard_the_seconds_before(beats: Song) -> None:
    later, whole = heard(Stage(beats, begin=3.0), 3.4), heard(Stage(beats), 3.4)
    assert later[0][0] == pytest.approx(3.0, abs=2 * 256 / RATE)
    rms = {round(hop[0] * RATE / 256): hop[1] for hop in whole}
    assert [hop[1] for hop in later] == pytest.approx([rms[round(hop[0] * RATE / 256)] for hop in later], abs=1e-6)
    assert BEFORE_SECONDS >= 1.0


def test_a_recording_has_what_was_heard() -> None:
    stage = Stage(numbered())
    track = SongTrack(stage.sound)
    track.begin(Tick(0, 1.0, 0.0))
    stage.now(2.0)
    stage.transport.seek(12.0)
    at = stage.player.edits[0]
    taken = places(stage.song, np.concatenate([track.take(Tick(n, 1.0 + n / 10, 0.1)) for n in range(1, 31)]))
    assert taken.tolist() == [*range(RATE, at), *range(12 * RATE, 12 * RATE + 4 * RATE - at)]


class Device(SongPlayer):
    """A player whose device is the test."""

    def __init__(self, sound: EditedSong, rate: int) -> None:
        self._song, self._begin, self._rate, self._channels = sound, sound.begin / RATE, rate, 1
        self._feed = Feed(sound, rate, 1, sound.begin)
        self._progress = _Progress(rate)
        self._more, self._complete = 0, 1
        self._clear()

    def block(self, count: int = 1024) -> np.ndarray:
        data, _ = self._callback(None, count, None, 0)
        return np.frombuffer(data, np.float32)[:, None]


def test_the_device_changes_feeds_at_the_sample() -> None:
    song = numbered()
    sound = EditedSong(song, 1.0)
    device, ears = Device(sound, RATE), SongEars(sound, begin=sound.begin)
    transport = Transport(sound, device, ears, lambda line: None)
    blocks = [device.block() for _ in range(4)]
    assert device.taken == pytest.approx(1.0 + 5 * 1024 / RATE)
    for place in (12.0, 3.0, 7.0):
        transport.seek(place)
        while not device._changes[-1][1]._ready:
            pass  # its thread reads
        blocks += [device.block() for _ in range(20)]
    heard = places(song, np.concatenate(blocks))
    jumps = np.nonzero(np.diff(heard) != 1)[0]
    assert heard[0] == RATE
    assert heard[jumps + 1].tolist() == [12 * RATE, 3 * RATE, 7 * RATE]
    assert (sound.read(RATE, RATE + len(heard))[:, 0] == np.concatenate(blocks)[:, 0]).all()
    for feed in (device._feed, *device._spent):
        feed.close()


def test_the_silent_player_begins_there_and_pauses_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    sound = EditedSong(numbered(3.0), 1.5)
    player = SilentPlayer(sound, 1.5)
    assert player.position == 1.5
    player.start()
    now[0] += 1.0
    assert (player.position, player.taken, player.finished) == (2.5, 2.5, False)
    sound.edit(Passage(round(2.6 * RATE), round(2.6 * RATE), plays=False))
    now[0] += 60.0
    assert (player.position, player.finished) == (62.5, False)
