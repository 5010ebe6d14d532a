"""Tempo and beat phase of click tracks whose beat is known; the beat network and its pointer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.audio.hearing import beat_network
from engine.audio.hearing.analyser import Analyser
from engine.audio.hearing.beat_network import BeatNetwork, bands
from engine.audio.hearing.beat_pointer import BeatPointer
from engine.audio.songs.song import whole
from engine.system.resources import resource
from tests.builders.signals import SAMPLERATE, clicks

HOP = 256


def hear(samples):
    analyser = Analyser(SAMPLERATE, HOP)
    count = len(samples) // HOP
    return [analyser(hop) for hop in samples[: count * HOP].reshape(count, HOP)]


@pytest.mark.parametrize("bpm", [90, 120, 150])
def test_a_click_track(bpm):
    beats = np.arange(0.5, 12, 60 / bpm)
    features = [hop for hop in hear(clicks(beats, 12)) if hop.time > 8]
    assert np.median([hop.bpm for hop in features]) == pytest.approx(bpm, rel=0.02)
    # On a beat the phase is near 0 (or near 1), that is its distance from a whole number is small.
    phases = [min(features, key=lambda hop: abs(hop.time - beat)).beat_phase for beat in beats if beat > 8.1]
    assert np.median([min(phase, 1 - phase) for phase in phases]) < 0.1


def test_the_phase_only_runs_forwards_and_outlives_a_break():
    features = hear(np.concatenate([clicks(np.arange(0.5, 8, 0.5), 8), np.zeros(3 * SAMPLERATE, np.float32)]))
    phase = np.array([hop.beat_phase for hop in features if hop.time > 4])
    steps = np.diff(phase) % 1.0
    assert steps.max() < 0.03
    assert (np.diff(phase)[-2 * SAMPLERATE // HOP :] != 0).all()


def test_it_forgets_after_long_silence():
    features = hear(np.concatenate([clicks(np.arange(0.5, 6, 0.5), 6), np.zeros(7 * SAMPLERATE, np.float32)]))
    assert features[6 * SAMPLERATE // HOP].bpm > 0
    assert features[-1].bpm == 0
    assert features[-1].beat_phase == 0


def test_the_demo_keeps_its_tempo_once_it_has_one():
    song = whole(resource("presets", "songs", "demo.ogg"))
    analyser, mono = Analyser(song.samplerate, HOP), song.mono()
    heard = [analyser(mono[start : start + HOP]) for start in range(0, len(mono) - HOP, HOP)]
    bpm = np.array([hop.bpm for hop in heard if hop.time > 8.0])
    assert np.abs(bpm / 120 - 1).max() < 0.015  # it has a break without a beat, too


def answers(samples, samplerate, block):
    network = BeatNetwork(samplerate)
    return [a for start in range(0, len(samples), block) for a in network(samples[start : start + block])]


def test_the_network_hears_the_same_in_any_blocks_and_nearly_so_at_any_rate():
    beats = np.arange(0.3, 4, 0.5)
    song = clicks(beats, 4)
    whole = answers(song, SAMPLERATE, len(song))
    assert len(whole) == 4 / 0.020
    assert answers(song, SAMPLERATE, 441) == whole
    faster = answers(clicks(beats, 4, samplerate=48000), 48000, 256)
    assert np.corrcoef(whole, faster[: len(whole)])[0, 1] > 0.9
    assert bands().shape == (705, 136)
    assert bands().sum(axis=0) == pytest.approx(np.ones(136), abs=1e-5)


def test_the_network_is_the_one_that_was_taught():
    with np.load(beat_network.WEIGHTS) as file:
        w = {name: torch.tensor(file[name].astype(np.float32)) for name in file.files}
    lstm = torch.nn.LSTM(150, 150, 2)
    for n in (1, 2):
        for name, own in (("weight_ih", "heard"), ("weight_hh", "kept"), ("bias_ih", "bias")):
            getattr(lstm, f"{name}_l{n - 1}").data = w[f"{own}{n}"]
        getattr(lstm, f"bias_hh_l{n - 1}").data.zero_()
    views = torch.tensor(np.random.default_rng(0).uniform(0, 1, (6, 272)).astype(np.float32))
    with torch.no_grad():
        found = torch.relu(torch.nn.functional.conv1d(views[:, None], w["kernel"][:, None], w["kernel_bias"]))
        units = torch.nn.functional.max_pool1d(found, 2).flatten(1) @ w["dense"].T + w["dense_bias"]
        said = torch.softmax(lstm(units)[0] @ w["out"].T + w["out_bias"], -1)[:, :2].sum(-1)
    read = np.zeros(272, np.float32)
    net = beat_network._Net({name: array.numpy() for name, array in w.items()}, read)
    for view, expected in zip(views.numpy(), said.tolist(), strict=True):
        read[:] = view
        assert net() == pytest.approx(expected, abs=1e-5)


def follow(pointer, bpm, seconds, missing=()):
    """Let a pointer follow beats at ``bpm``; return its standing after each frame, with the frame's time."""
    heard = []
    for frame in range(round(seconds / 0.02)):
        turn = frame * 0.02 * bpm / 60.0
        near = abs(turn - round(turn)) * 60.0 / bpm < 0.012 and round(turn) not in missing
        pointer(0.7 if near else 0.03)
        heard.append((frame * 0.02, pointer.standings(0.0)[0]))
    return heard


@pytest.mark.parametrize("bpm", [64.0, 97.0, 128.0, 174.0])
def test_the_pointer_finds_the_tempo_and_where_the_beat_is(bpm):
    pointer = BeatPointer(0.02)
    late = [(time, standing) for time, standing in follow(pointer, bpm, 12.0, {15, 16}) if time > 6]
    assert np.median([standing.bpm for _, standing in late]) == pytest.approx(bpm, rel=0.02)
    off = [(standing.phase - (time + 0.01) * bpm / 60.0 + 0.5) % 1.0 - 0.5 for time, standing in late]
    assert np.percentile(np.abs(off), 90) < 0.1  # two beats without a sound do not disturb it
    _, held = pointer.standings(bpm)
    assert held.mass > 0.5


def test_a_tempo_that_is_asked_for_is_told_apart():
    pointer = BeatPointer(0.02)
    follow(pointer, 120.0, 8.0)
    best, held = pointer.standings(80.0)
    assert best.mass > 10 * held.mass
    pointer.forget()
    assert pointer.standings(0.0)[0].mass < 0.4


def test_confidence_is_high_with_a_beat_and_low_without():
    steady = hear(clicks(np.arange(0.5, 10, 0.5), 10))
    times = np.cumsum(np.random.default_rng(5).uniform(0.1, 0.9, 30))
    loose = hear(clicks(times[times < 9.8], 10))
    sure, unsure = (np.mean([hop.beat_confidence for hop in heard if hop.time > 6]) for heard in (steady, loose))
    assert sure > 0.85
    assert unsure < 0.65
