"""What the device is fed with is the song, in order, and never more of it than some seconds."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from engine.audio.songs.feed import AHEAD_SECONDS, Feed
from engine.audio.songs.resampler import BLOCK
from engine.audio.songs.song import Song


def song(seconds, channels=2, samplerate=48000):
    sound = np.random.default_rng(0).uniform(-1.2, 1.2, (round(seconds * samplerate), channels)).astype(np.float32)
    return Song(Path("noise.wav"), sound, samplerate)


def taken(feed, count=1024):
    """Take everything, as fast as the feed reads."""
    blocks, deadline = [], time.monotonic() + 20.0
    while not feed.over:
        assert time.monotonic() < deadline
        blocks.append(feed.take(count))
    feed.close()
    return np.concatenate(blocks)


def test_the_device_gets_every_sample_once_within_full_scale():
    source = song(6.5)
    assert (taken(Feed(source, 48000, 2)) == source.samples.clip(-1.0, 1.0)).all()


def test_a_place_in_the_song_is_where_it_begins():
    source = song(2.0)
    assert (taken(Feed(source, 48000, 2, begin=30_000)) == source.samples[30_000:].clip(-1.0, 1.0)).all()


@pytest.mark.parametrize(("channels", "device"), [(1, 2), (2, 1), (1, 1)])
def test_other_channels_have_the_mean(channels, device):
    source = song(0.5, channels)
    out = taken(Feed(source, 48000, device))
    assert out.shape == (24_000, device)
    assert (out == source.mono()[:, None].clip(-1.0, 1.0)).all()


def test_another_samplerate_keeps_the_length():
    assert len(taken(Feed(song(1.0, samplerate=44100), 48000, 2))) == pytest.approx(48_000, abs=48)


def test_no_more_is_ready_than_some_seconds_and_what_is_missing_is_not_waited_for():
    feed = Feed(song(30.0), 48000, 2)
    ready = feed.take(10**7)
    assert AHEAD_SECONDS * 48000 <= len(ready) < AHEAD_SECONDS * 48000 + BLOCK
    feed.close()
    assert len(feed.take(100)) == 0
    assert not feed.over
