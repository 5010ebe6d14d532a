"""The sound of a recording: every sample in its place on the wall's clock, whatever the input does."""

from __future__ import annotations

import random
from types import SimpleNamespace

import numpy as np
import pytest

from engine.audio.songs.song import Song
from engine.audio.songs.soundtrack import LiveTrack, SongTrack
from engine.borders.tick import Tick

RATE = 48000
NOW = Tick(0, 0.0, 0.0)


class Input:
    """Ears at a device whose clock runs ``drift`` fast; a sample is the second at which it sounded."""

    def __init__(self, samplerate=RATE, drift=0.0, channels=1, late=0.004, start=100.0):
        self.device = SimpleNamespace(samplerate=samplerate)
        self.listener, self.time = None, start
        self._start, self._drift, self._channels, self._late = start, drift, channels, late
        self._next, self._dice, self._arrivals = start, random.Random(1), []

    def listen(self, listener):
        self.listener = listener

    def run(self, seconds, *, lost=False, block=256):
        """Let the wall's clock go on, block after block; ``lost`` ones never come."""
        rate = self.device.samplerate * (1.0 + self._drift)
        end = self.time + seconds
        while self._next + block / rate <= end:
            at = self._next + np.arange(block) / rate
            self._next += block / rate
            arrived = self._next + self._late * self._dice.random() ** 2
            if not lost:
                values = (1.0 + at - self._start).astype(np.float32)[:, None].repeat(self._channels, axis=1)
                self._arrivals.append((arrived, values))
        self.time = end
        while self._arrivals and self._arrivals[0][0] <= end:
            arrived, values = self._arrivals.pop(0)
            if self.listener is not None:
                self.listener(values, self.device.samplerate, arrived)


def record(ears, *steps):
    """Return the sound, and (position, wall) of a picture after every 20 ms of ``steps`` [(seconds, lost)]."""
    track = LiveTrack(ears, lambda: ears.time)
    track.begin(NOW)
    begun, pieces, pictures = ears.time, [], []
    for seconds, lost in steps:
        for _ in range(round(seconds / 0.02)):
            ears.run(0.02, lost=lost)
            pieces.append(track.take(NOW))
            pictures.append((track.position(NOW), ears.time - begun))
    pieces.append(track.end(ears.time - begun))
    return np.concatenate(pieces), np.array(pictures)


def places(sound, begun=0.0):
    """Return how much later than on the wall every sample that is not silence is, in seconds."""
    heard = np.flatnonzero(sound[:, 0])
    return heard / RATE - (sound[heard, 0] - 1.0) + begun


@pytest.mark.parametrize("channels", [1, 2])
def test_sound_and_pictures_are_where_they_were(channels):
    ears = Input(channels=channels)
    ears.run(0.505)  # it sounded before
    sound, pictures = record(ears, (3.0, False))
    assert sound.shape == (pytest.approx(3.0 * RATE, abs=300), 2)
    assert np.abs(places(sound, 0.505)).max() < 0.005
    assert np.abs(pictures[:, 0] - pictures[:, 1]).max() < 0.005
    assert np.count_nonzero(sound[:, 0]) > 2.97 * RATE


@pytest.mark.parametrize("hole", [0.03, 0.2, 0.7, 5.0])
def test_a_hole_in_the_sound_keeps_its_length(hole):
    sound, pictures = record(Input(), (2.0, False), (hole, True), (2.0, False))
    assert np.abs(places(sound)).max() < 0.012
    assert len(sound) / RATE == pytest.approx(4.0 + round(hole / 0.02) * 0.02, abs=0.01)
    assert np.abs(pictures[:, 0] - pictures[:, 1]).max() < 0.03


@pytest.mark.parametrize("drift", [-1e-3, 1e-3])
def test_a_device_that_runs_fast_or_slow_stays_in_step(drift):
    """Twenty times worse than devices are."""
    sound, pictures = record(Input(drift=drift), (120.0, False))
    late = places(sound)  # of a sample in the file, against the wall
    moved = np.interp(pictures[:, 1], sound[np.flatnonzero(sound[:, 0]), 0] - 1.0, late)
    assert np.abs((pictures[:, 0] - pictures[:, 1]) - moved)[25:-25].max() < 0.03
    assert len(sound) / RATE == pytest.approx(120.0, abs=0.05)


def test_no_input_is_silence_of_the_right_length():
    sound, _ = record(Input(), (3.0, True), (2.0, False), (3.0, True))
    assert len(sound) / RATE == pytest.approx(8.0, abs=0.01)
    assert np.abs(places(sound)).max() < 0.01
    assert not sound[: round(2.9 * RATE)].any()


def test_another_samplerate_is_fitted():
    ears = Input()
    track = LiveTrack(ears, lambda: ears.time)
    ears.device.samplerate = 44100
    track.begin(NOW)
    pieces = []
    for _ in range(100):
        ears.run(0.02)
        pieces.append(track.take(NOW))
    sound = np.concatenate([*pieces, track.end(ears.time - 100.0)])
    assert len(sound) / RATE == pytest.approx(2.0, abs=0.02)
    assert np.abs(places(sound)).max() < 0.012


def test_a_song_is_taken_from_where_it_was():
    samples = np.arange(1, 10 * RATE + 1, dtype=np.float32)[:, None]
    track = SongTrack(Song(None, samples, RATE))
    ticks = [Tick(i, 4.0 + i * 0.037, 0.037) for i in range(200)]  # to the end of the song and beyond
    track.begin(ticks[0])
    sound = np.concatenate([*(track.take(tick) for tick in ticks), track.end(0.0)])
    assert [track.position(tick) for tick in ticks] == pytest.approx([i * 0.037 for i in range(200)])
    assert len(sound) == round(ticks[-1].time * RATE) - 4 * RATE
    assert np.array_equal(sound[: 6 * RATE], samples[4 * RATE :])
    assert not sound[6 * RATE :].any()
