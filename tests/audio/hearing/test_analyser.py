"""The analyser hears what is there: levels, bands, onsets; and nothing where nothing is."""

from __future__ import annotations

import numpy as np
import pytest

from engine.audio.hearing.analyser import Analyser
from engine.audio.hearing.onset import LEAST_THRESHOLD, THRESHOLD, OnsetDetector
from engine.borders.features import AudioFeatures
from tests.builders.signals import SAMPLERATE, clicks, pink, rms_dbfs, sine


def hear(samples, samplerate=SAMPLERATE, hop_length=256):
    analyser = Analyser(samplerate, hop_length)
    count = len(samples) // hop_length
    return [analyser(hop) for hop in samples[: count * hop_length].reshape(count, hop_length)]


def hear_in_blocks(samples, length):
    """Hear what arrives in blocks of another length than a hop; return the hops and what was told before they ended."""
    analyser, hops, early = Analyser(), [], []
    for end in range(length, len(samples) + 1, length):
        whole = len(hops) * 256
        while end - whole >= 256:
            hops.append(analyser(samples[whole : whole + 256]))
            whole += 256
        if end > whole and (told := analyser.begin(samples[whole:end])) is not None:
            early.append((told, hops[-1] if hops else AudioFeatures()))
    return hops, early


def onsets(features):
    return [onset for hop in features for onset in hop.onsets]


def loudest(features, name):
    return max(getattr(hop, name) for hop in features)


def assert_motionless(features, *names):
    """Less than one percent of each feature's range."""
    assert onsets(features) == []
    for name in ("rms", "bass", "mid", "treble", "onset_strength", *names):
        assert loudest(features, name) < 0.01, name
    centroids = [hop.spectral_centroid for hop in features]
    assert max(centroids) - min(centroids) < 200


def test_time_is_the_end_of_the_hop():
    features = hear(np.zeros(1024, np.float32))
    assert [hop.time for hop in features] == [256 * n / SAMPLERATE for n in (1, 2, 3, 4)]


def test_silence_is_motionless():
    assert_motionless(hear(np.zeros(SAMPLERATE * 2, np.float32)), "beat_phase", "spectral_centroid")


@pytest.mark.parametrize("seed", [0, 1])
def test_the_noise_of_a_room_is_motionless(seed):
    assert_motionless(hear(pink(8, -50, seed)), "beat_phase", "spectral_centroid")


def test_noise_between_songs_fades_to_nothing():
    song = np.concatenate([sine(80, 2) + sine(1000, 2, 0.2), pink(3, -50)])
    features = hear(song)
    assert_motionless([hop for hop in features if hop.time > 2.3])
    assert loudest(features, "bass") > 0.8


def test_rms_of_a_sine():
    features = hear(sine(440, 1, 0.5))
    assert features[-1].rms == pytest.approx(0.5 / np.sqrt(2), rel=0.02)


@pytest.mark.parametrize(("frequency", "name"), [(60, "bass"), (700, "mid"), (6000, "treble")])
def test_a_sine_is_heard_in_its_band_alone(frequency, name):
    last = hear(sine(frequency, 3))[-1]
    bands = {band: getattr(last, band) for band in ("bass", "mid", "treble")}
    assert bands.pop(name) == pytest.approx(1.0, abs=0.05)
    assert max(bands.values()) < 0.05


@pytest.mark.parametrize("frequency", [220, 1000, 5000])
def test_centroid_of_a_sine(frequency):
    assert hear(sine(frequency, 1))[-1].spectral_centroid == pytest.approx(frequency, rel=0.1)


def test_bands_do_not_depend_on_the_volume():
    sway = 1 + 0.6 * sine(1.7, 6, 1.0)
    song = (sine(80, 6, 0.2) + sine(800, 6, 0.2) + sine(5000, 6, 0.2)) * sway
    loud, quiet = (hear(samples, hop_length=1024) for samples in (song, song * np.float32(0.2)))
    for name in ("bass", "mid", "treble"):
        a, b = (np.array([getattr(hop, name) for hop in heard[50:]]) for heard in (loud, quiet))
        assert np.abs(a - b).max() < 0.05
        assert 0.6 < a.mean() < 1.2
        assert a.max() > 1.3


def test_a_louder_passage_is_more_than_usual_at_first_and_usual_later():
    song = np.concatenate([sine(80, 4, 0.1), sine(80, 10, 0.4)])
    features = hear(song, hop_length=1024)
    at = {seconds: features[int(seconds * SAMPLERATE / 1024)].bass for seconds in (3.9, 4.2, 13.5)}
    assert at[3.9] == pytest.approx(1.0, abs=0.05)
    assert at[4.2] > 2.0
    assert at[13.5] == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("peak", [0.9, 0.05])
@pytest.mark.parametrize(("samplerate", "hop_length"), [(44100, 256), (48000, 256), (44100, 128), (48000, 441)])
def test_clicks_are_heard_where_they_are_and_soon(samplerate, hop_length, peak):
    times = np.cumsum(np.random.default_rng(3).uniform(0.09, 0.4, 20)) + 0.3
    heard = onsets(hear(clicks(times, times[-1] + 0.5, peak, samplerate=samplerate), samplerate, hop_length))
    assert len(heard) == len(times)
    assert np.abs(np.array([onset.time for onset in heard]) - times).max() < 0.015
    delays = np.array([onset.heard_at for onset in heard]) - times
    assert delays.min() >= 0
    assert np.percentile(delays, 95) < 0.020
    assert all(0 < onset.strength <= 1 for onset in heard)


def test_a_harder_hit_is_stronger():
    song = clicks([0.5, 1.5], 2.5, 0.9) + clicks([1.0, 2.0], 2.5, 0.05, noise_dbfs=-120)
    hard_1, soft_1, hard_2, soft_2 = (onset.strength for onset in onsets(hear(song)))
    assert min(hard_1, hard_2) > max(soft_1, soft_2)


def test_onset_strength_peaks_with_the_onsets():
    features = hear(clicks([0.5, 1.0, 1.5], 2))
    busy = [hop.time for hop in features if hop.onset_strength > 0.3]
    assert busy
    assert all(min(abs(time - click) for click in (0.5, 1.0, 1.5)) < 0.06 for time in busy)


def test_a_steady_tone_has_one_onset():
    tone = np.concatenate([np.zeros(SAMPLERATE // 2, np.float32), sine(330, 3)])
    assert [round(onset.time, 1) for onset in onsets(hear(tone))] == [0.5]


def test_broken_samples_are_silence():
    broken = np.zeros((300, 256), np.float32)
    broken[0:100] = np.nan
    broken[100:150] = np.inf
    broken[150:200] = 1e30
    broken[200:] = 0.7  # a stuck input
    analyser = Analyser()
    features = [analyser(hop) for hop in broken]
    values = [
        [hop.rms, hop.bass, hop.mid, hop.treble, hop.onset_strength, hop.spectral_centroid, hop.beat_phase]
        for hop in features
    ]
    assert np.isfinite(values).all()
    assert_motionless(features[:100])
    assert_motionless(features[280:])
    later = [analyser(hop) for hop in sine(80, 1)[: 256 * 170].reshape(-1, 256)]
    assert later[-1].rms == pytest.approx(0.35, rel=0.05)


def test_the_same_samples_give_the_same_features():
    song = clicks(np.arange(0.2, 1.2, 0.3), 1.2) + sine(110, 1.2, 0.1)
    assert hear(song) == hear(song)


def test_the_callers_samples_are_left_alone():
    hop = np.full(256, np.nan, np.float32)
    Analyser()(hop)
    assert np.isnan(hop).all()


def test_a_hop_of_another_length_is_refused():
    with pytest.raises(ValueError, match="256 samples"):
        Analyser()(np.zeros(255, np.float32))


def test_onsets_do_not_depend_on_the_blocks_they_come_in():
    song = clicks([0.3, 0.55, 0.8, 1.2], 1.6) + sine(220, 1.6, 0.05)
    found = []
    for length in (64, 128, 256, 441, 1000):
        detector = OnsetDetector(SAMPLERATE)
        found.append(
            [onset for start in range(0, len(song), length) for onset in detector(song[start : start + length])[1]]
        )
    assert len(found[0]) == 4 or len(found[0]) == 5  # the tone begins, too
    assert all(other == found[0] for other in found[1:])


def test_a_sound_is_heard_half_way_to_a_step_and_once():
    detector = OnsetDetector(SAMPLERATE)
    part, step = detector.part, 2 * detector.part
    heard = []
    for late in range(0, step, 8):  # it begins anywhere within a step
        detector = OnsetDetector(SAMPLERATE)
        begin = 200 * step + late
        song = clicks([begin / SAMPLERATE], 1.0)
        found = detector(song)[1]
        assert len(found) == 1
        heard.append((round(found[0].heard_at * SAMPLERATE), begin))
    assert {at % part for at, _ in heard} == {0}
    assert {at % step for at, _ in heard} == {0, part}
    assert max(at - begin for at, begin in heard) < 2 * step
    assert all(at > begin for at, begin in heard)  # no later sample, and none before it


@pytest.mark.parametrize("length", [64, 100, 160])
def test_what_begins_in_a_hop_is_told_before_the_hop_ends(length):
    song = clicks([0.3, 0.55, 0.8, 1.2, 1.33, 1.5], 1.8) + sine(220, 1.8, 0.05)
    hops, early = hear_in_blocks(song, length)
    assert hops == hear(song)[: len(hops)]  # the whole hops are the same, bit for bit
    told = [onset for features, _ in early for onset in features.onsets]
    assert len(told) >= 2
    assert [onset for onset in onsets(hops) if onset in told] == told  # each once
    for features, before in early:
        assert 0.0 < features.time - before.time < 256 / SAMPLERATE
        assert before.beat_phase <= features.beat_phase < 1.0
        assert all(onset.heard_at <= features.time for onset in features.onsets)
        assert (features.bands, features.wave is before.wave) == (before.bands, True)
    assert max(features.onset_strength for features, _ in early) > 0.0


def test_the_hiss_of_an_input_has_no_onsets_once_it_is_there():
    for dbfs in (-75, -60):
        noise = rms_dbfs(np.random.default_rng(0).standard_normal(SAMPLERATE * 4), dbfs)
        assert [o for o in onsets(hear(noise)) if o.time > 0.5] == []


def test_the_threshold_follows_how_sure_the_network_was_of_late():
    detector = OnsetDetector(SAMPLERATE)
    assert detector._threshold(0.1) == LEAST_THRESHOLD
    assert detector._threshold(0.6) == pytest.approx(0.3)  # it is never sure, so half of its best is enough
    assert detector._threshold(1.0) == THRESHOLD
    later = [detector._threshold(0.0) for _ in range(round(6.0 / detector._ear.seconds))]
    assert later == sorted(later, reverse=True)
    assert later[-1] == LEAST_THRESHOLD
