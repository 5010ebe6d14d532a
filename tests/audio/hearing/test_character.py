"""Loudness, trend, drop, bands, flux, pitch class and drums: sounds whose answers are known."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.audio.hearing.analyser import Analyser
from engine.audio.hearing.bands import WIDE, Bands
from engine.audio.hearing.loudness import Drop, Loudness
from engine.audio.hearing.pitch import PitchClass
from engine.audio.hearing.spectrum import Spectrum
from engine.audio.songs.song import whole
from engine.borders.features import BANDS, SILENT_LUFS, AudioFeatures
from engine.control.routing.sources import AUDIO_SOURCES
from engine.system.resources import resource
from tests.builders.signals import pink, sine

HOP = 256


def hops(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    return samples[: len(samples) // HOP * HOP].reshape(-1, HOP)


@pytest.mark.parametrize(("frequency", "lufs"), [(997.0, -23.0), (38.135, -29.7), (8000.0, -19.7)])
@pytest.mark.parametrize("samplerate", [44100, 48000])
def test_loudness_is_that_of_the_standard(frequency: float, lufs: float, samplerate: int) -> None:
    """BS.1770: 997 Hz reads its level; the head adds 4 dB to treble, the high-pass takes 6 dB at its corner."""
    loudness = Loudness(samplerate, HOP)
    time = np.arange(samplerate) / samplerate
    for hop in hops((10 ** (-20 / 20) * np.sin(2 * np.pi * frequency * time)).astype(np.float32)):
        loudness(hop, 1.0)
    assert loudness.lufs == pytest.approx(lufs, abs=0.35)


def test_a_swell_builds_up_and_a_fade_falls_away() -> None:
    loudness, noise, said = Loudness(8000, HOP), np.random.default_rng(0), []
    for gain in [*np.full(320, 0.05), *np.geomspace(0.05, 0.5, 160), *np.full(480, 0.5), *np.geomspace(0.5, 0.05, 160)]:
        loudness((gain * noise.standard_normal(HOP)).astype(np.float32), 1.0)
        said.append(loudness.trend)
    assert abs(said[300]) < 0.1 < 0.6 < said[478]
    assert abs(said[950]) < 0.15
    assert said[-1] < -0.4


def drops(levels: Sequence[float], *, sounding: bool = True) -> list[int]:
    drop = Drop(0.1)
    return [index for index, bass in enumerate(levels) if drop(bass, sounding)]


def test_a_drop_is_bass_that_comes_back() -> None:
    beat = [2.0, 0.3, 0.1, 0.1, 0.1] * 8
    assert drops(beat) == []
    assert drops([*beat, *[0.05] * 40, *beat]) == [80]
    assert drops([*beat, *[0.05] * 8, *beat]) == []
    assert drops([0.0] * 60, sounding=False) == []


@pytest.mark.parametrize(("frequency", "name"), [(40, "sub"), (95, "bass"), (250, "low_mid"), (630, "mid"),
                                                 (1600, "high_mid"), (4000, "presence"), (10000, "air")])  # fmt: skip
def test_a_tone_is_in_its_band_alone(frequency: float, name: str) -> None:
    spectrum = Spectrum(2048, 706, 44100)
    bands = Bands(spectrum, HOP / 44100)
    said = dict(zip(BANDS, bands(spectrum(sine(frequency, 0.1)))[WIDE:], strict=True))
    assert said.pop(name) == pytest.approx(1.0)
    assert max(said.values()) < 0.05 or frequency < 100  # two bins from 60 Hz, the window is wider than the band


@pytest.mark.parametrize(("hertz", "semitone"), [(261.63, 0), (440.0, 9), (466.16, 10), (987.77, 11), (1396.9, 5)])
def test_the_pitch_class_is_that_of_any_octave(hertz: float, semitone: int) -> None:
    spectrum = Spectrum(2048, 706, 44100)
    pitch = PitchClass(spectrum.frequencies, HOP / 44100)
    pitch(spectrum(sine(hertz, 0.1)), 1.0)
    assert pitch.value == semitone / 12.0
    pitch(spectrum(sine(hertz * 2**0.5, 0.1)), 0.0)  # silence changes nothing
    assert pitch.value == semitone / 12.0


BEAT = 0.5  # seconds, of the demo; its groove begins at 4 s with the bass, its kicks lie on the beats, claps on the odd


@pytest.fixture(scope="module")
def groove() -> list[AudioFeatures]:
    """What is heard of the demo from its quiet beginning to its tenth second."""
    song = whole(resource("presets", "songs", "demo.ogg"))
    analyser = Analyser(song.samplerate)
    return [analyser(hop) for hop in hops(song.mono()[: 10 * song.samplerate])]


@pytest.mark.parametrize(("name", "least", "most_elsewhere"), [("kick", 9, 0), ("snare", 4, 0), ("hat", 20, 1)])
def test_drums_are_told_where_they_are(groove: list[AudioFeatures], name: str, least: int, most_elsewhere: int) -> None:
    every = {"kick": BEAT, "snare": 2 * BEAT, "hat": BEAT / 2}[name]
    first = {"kick": 0.0, "snare": BEAT, "hat": 0.0}[name]
    strike = AUDIO_SOURCES[f"audio.{name}"]
    struck = [hop.time - 4.0 - first for hop in groove if strike(hop) > 0.0]
    on = {round(time / every) for time in struck if abs(time - every * round(time / every)) < 0.04}
    assert len(on) >= least
    assert len(struck) - len(on) <= most_elsewhere
    assert min(struck) > -0.04 - first  # none in the pad before


def test_the_bass_that_comes_in_is_a_drop(groove: list[AudioFeatures]) -> None:
    assert [hop.time for hop in groove if hop.drop] == pytest.approx([4.0], abs=0.03)


def test_flux_is_of_what_is_new() -> None:
    analyser = Analyser()
    song = np.concatenate([sine(300, 0.5), sine(300, 0.5) + sine(2000, 0.5)])
    flux = [analyser(hop).spectral_flux for hop in hops(song)]
    assert max(flux[40:84]) < 0.02
    assert max(flux[85:92]) > 0.3
    assert max(flux[120:]) < 0.02


def test_a_quiet_room_has_none_of_it() -> None:
    analyser = Analyser()
    for hop in map(analyser, hops(pink(1.5, -50, 3))):
        assert hop.bands == (0.0,) * 7
        assert (hop.kick, hop.snare, hop.hat, hop.drop, hop.energy_trend, hop.spectral_flux) == (0.0,) * 6
        assert hop.loudness == SILENT_LUFS
