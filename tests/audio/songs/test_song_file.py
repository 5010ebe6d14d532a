"""Songs are read from whatever holds sound; what does not is refused in one line that names it."""

from __future__ import annotations

import wave

import av
import numpy as np
import pytest

from engine.audio.songs.long_song import LongSong
from engine.audio.songs.resampler import Resampled
from engine.audio.songs.song import load, remarks, whole
from engine.borders.errors import UserError
from tests.builders.signals import sine, write

FORMATS = {
    "tone.wav": {"codec": "pcm_s16le", "sample_format": "s16"},
    "float.wav": {"codec": "pcm_f32le", "sample_format": "flt"},
    "tone.flac": {"codec": "flac", "sample_format": "s16"},
    "tone.mp3": {"codec": "libmp3lame", "sample_format": "fltp"},
    "tone.ogg": {"codec": "libopus", "sample_format": "flt", "samplerate": 48000},
    "tone.m4a": {"codec": "aac", "sample_format": "fltp"},
    "tone.mka": {"codec": "ac3", "sample_format": "fltp"},
}


def tone(samplerate=44100, seconds=1.0):
    """A different sine in each ear."""
    return np.stack([sine(440, seconds, 0.5, samplerate), sine(1000, seconds, 0.25, samplerate)], axis=1)


def pitch(samples, samplerate):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return spectrum.argmax() * samplerate / len(samples)


@pytest.mark.parametrize("name", FORMATS)
def test_formats(tmp_path, name):
    kind = {"samplerate": 44100} | FORMATS[name]
    song = load(write(tmp_path / name, tone(kind["samplerate"]), **kind))
    assert song.samplerate == kind["samplerate"]
    assert song.samples.dtype == np.float32
    assert song.channels == 2
    assert song.duration == pytest.approx(1.0, abs=0.06)
    assert song.damaged == 0
    middle = song.samples[8000:36000]
    assert [round(pitch(ear, song.samplerate), -1) for ear in middle.T] == [440, 1000]
    assert np.abs(middle).max(axis=0) == pytest.approx([0.5, 0.25], rel=0.1)


@pytest.mark.parametrize(("rate", "expected"), [(8000, 48000), (22050, 44100), (48000, 48000), (96000, 48000)])
def test_samplerates(tmp_path, rate, expected):
    song = load(write(tmp_path / "tone.wav", tone(rate), rate))
    assert song.samplerate == expected
    assert song.duration == pytest.approx(1.0, abs=0.01)
    assert pitch(song.samples[5000:40000, 0], expected) == pytest.approx(440, abs=2)


def test_mono_stays_mono(tmp_path):
    song = load(write(tmp_path / "mono.wav", tone()[:, :1], layout="mono"))
    assert song.samples.shape == (44100, 1)


def test_surround_becomes_stereo(tmp_path):
    ears = np.repeat(tone()[:, :1], 6, axis=1) * 0.2
    assert load(write(tmp_path / "surround.flac", ears, codec="flac", layout="5.1")).channels == 2


def test_sound_of_a_video(tmp_path):
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width = video.height = 64
        audio = container.add_stream("aac", rate=44100, layout="mono")
        for _ in range(25):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")))
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(tone()[:, :1].T), "fltp", "mono")
        frame.sample_rate = 44100
        container.mux(video.encode(None))
        container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    assert load(path).duration == pytest.approx(1.0, abs=0.06)


def test_not_a_number_is_silence(tmp_path):
    bad = tone()
    bad[100:200] = np.nan
    bad[300] = np.inf
    song = load(write(tmp_path / "bad.wav", bad, codec="pcm_f32le", sample_format="flt"))
    assert np.isfinite(song.samples).all()


def test_damaged_packets_are_left_out(tmp_path):
    path = write(tmp_path / "tone.mp3", tone(seconds=4), codec="libmp3lame", sample_format="fltp")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(range(250)) * 12
    path.write_bytes(data)
    assert load(path).duration > 3.0


def test_a_song_cut_off_plays_as_far_as_it_goes(tmp_path):
    path = write(tmp_path / "tone.wav", tone(seconds=2))
    path.write_bytes(path.read_bytes()[:176_400])
    assert load(path).duration == pytest.approx(1.0, abs=0.01)


def refused(path):
    with pytest.raises(UserError) as caught:
        load(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert ";" in message  # what is wrong; what to do
    return message


def test_what_is_no_song(tmp_path):
    assert "no such file" in refused(tmp_path / "missing.wav")
    assert "folder" in refused(tmp_path)
    (tmp_path / "empty.wav").touch()
    assert "empty" in refused(tmp_path / "empty.wav")
    (tmp_path / "text.wav").write_text("this is no sound, whatever its name says\n" * 50)
    assert "not a playable sound file" in refused(tmp_path / "text.wav")
    (tmp_path / "noise.mp3").write_bytes(np.random.default_rng(0).bytes(5000))
    refused(tmp_path / "noise.mp3")
    refused(tmp_path / ("x" * 5000))
    refused("a\0b.wav")


def test_a_header_without_sound(tmp_path):
    with wave.open(str(tmp_path / "header.wav"), "wb") as file:
        file.setparams((2, 2, 44100, 0, "NONE", ""))
    assert "no sound" in refused(tmp_path / "header.wav")


def test_a_truncated_container(tmp_path):
    path = write(tmp_path / "tone.m4a", tone(seconds=2), codec="aac", sample_format="fltp")
    path.write_bytes(path.read_bytes()[:2000])
    refused(path)


def test_a_video_without_sound(tmp_path):
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width = video.height = 64
        container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")))
        container.mux(video.encode(None))
    assert "no sound" in refused(path)


def test_a_picture(tmp_path):
    from PIL import Image

    Image.new("RGB", (32, 32)).save(tmp_path / "cover.png")
    assert "no sound" in refused(tmp_path / "cover.png")


def test_resampled_keeps_pitch_and_length(tmp_path):
    source = Resampled(whole(write(tmp_path / "tone.wav", tone(seconds=3.0))), 48000)
    blocks = []
    while not source.over:
        blocks.append(source.next())
    samples = np.concatenate(blocks)
    assert len(samples) == pytest.approx(3 * 48000, abs=48)
    assert pitch(samples[5000:40000, 1], 48000) == pytest.approx(1000, abs=2)


def surround(folder, name="surround.flac", channels=6):
    """A file in which all of the channels stand at 0.9 of full scale at once."""
    layout = {3: "2.1", 4: "4.0", 6: "5.1"}[channels]
    return write(folder / name, np.repeat(sine(110, 1.0, 0.9)[:, None], channels, axis=1), 44100, "flac", layout)


@pytest.mark.parametrize("channels", [3, 4, 6])
def test_surround_does_not_clip_and_is_told(tmp_path, channels):
    song = load(surround(tmp_path, channels=channels))
    assert 0.85 < np.abs(song.samples).max() <= 0.91
    (line,) = remarks(song)
    assert f"{channels} channels" in line
    assert "\n" not in line


def test_two_channels_have_no_remark(tmp_path):
    assert remarks(load(write(tmp_path / "tone.wav", tone()))) == []


# Long songs: the length from which a song is one is lowered, for a song of minutes takes seconds to make.


def long(monkeypatch, path):
    """Load as one that is too long to hold in memory, and also as one in memory."""
    held = whole(path)
    monkeypatch.setattr("engine.audio.songs.song.SHORT_SECONDS", 0.5)
    song = load(path)
    assert isinstance(song, LongSong)
    return song, held


@pytest.mark.parametrize("name", ["tone.wav", "tone.flac", "tone.mp3", "tone.m4a"])
def test_a_long_song_has_the_samples_of_a_short_one(tmp_path, monkeypatch, name):
    song, held = long(monkeypatch, write(tmp_path / name, tone(48000, 5.0), 48000, **FORMATS[name]))
    pieces = [song.read(at, at + 7001) for at in range(0, len(held.samples) + 7001, 7001)]
    assert (np.concatenate(pieces) == held.samples).all()
    assert song.duration == held.duration
    assert len(song.read(len(held.samples), len(held.samples) + 10)) == 0


@pytest.mark.parametrize("name", ["tone.wav", "tone.flac", "tone.mp3", "tone.ogg", "tone.m4a"])
def test_a_place_in_a_long_song_is_sought(tmp_path, monkeypatch, name):
    """Pieces are dropped and come again, ahead and back, and are where they belong."""
    for constant, value in (("KEPT", 2), ("AHEAD", 1)):
        monkeypatch.setattr(f"engine.audio.songs.long_song.{constant}", value)
    ramp = np.linspace(0.05, 0.95, 12 * 48000, dtype=np.float32)[:, None]  # how loud it is tells where one is
    sound = np.repeat(np.sin(np.arange(12 * 48000) / 20, dtype=np.float32)[:, None] * ramp, 2, axis=1)
    song, held = long(monkeypatch, write(tmp_path / name, sound, **FORMATS[name] | {"samplerate": 48000}))
    for second in (9.5, 1.0, 11.8, 0.0, 5.5, 5.0):
        at = round(second * 48000)
        assert np.abs(song.read(at, at + 4800) - held.samples[at : at + 4800]).max() < 1e-3, second
    assert song.duration == pytest.approx(held.duration, abs=0.03)


def test_the_length_of_a_long_song_is_measured(tmp_path, monkeypatch):
    song, held = long(monkeypatch, write(tmp_path / "tone.mp3", tone(seconds=3.0), 44100, **FORMATS["tone.mp3"]))
    song.measure()
    assert song.duration == held.duration
    assert (song.read(0, 1000) == held.samples[:1000]).all()


def test_a_long_song_that_ends_before_its_file_says(tmp_path, monkeypatch):
    path = write(tmp_path / "tone.wav", tone(seconds=6.0))
    monkeypatch.setattr("engine.audio.songs.song.SHORT_SECONDS", 0.5)
    path.write_bytes(path.read_bytes()[: 3 * 176_400])
    song = load(path)
    assert len(song.read(0, 10 * 44100)) == pytest.approx(3 * 44100, abs=2000)
    assert song.duration == pytest.approx(3.0, abs=0.05)
