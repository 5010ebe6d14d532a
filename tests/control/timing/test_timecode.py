"""Timecode that is followed: LTC by ear and MTC, with jitter, noise, dropouts, jumps and rubbish.

`python -m benchmarks.timecode` has every rate and fault at length.
"""

from __future__ import annotations

import os
import random

import numpy as np
import pytest

from engine.audio.hearing.ltc import LtcDecoder
from engine.audio.inputs.channels import Picker
from engine.audio.inputs.timecode_tap import TimecodeTap
from engine.borders.tick import Tick
from engine.borders.timecode import BY_NAME, RATES, Rate, Reading
from engine.control.hands.hands import Hands
from engine.control.hands.keyboard import Keyboard
from engine.control.hands.midi_messages import Message, Running, messages
from engine.control.timing.chase import FREEWHEEL_SECONDS, Chase
from engine.control.timing.mtc import MtcReader
from engine.control.timing.show_timecode import SentTimecode
from engine.control.timing.stage_time import StageTime
from tests.builders.hands import Cues, Ports
from tests.builders.params import TABLE
from tests.builders.timecode import Heard, Take, by_ear, by_midi, chased, full_frame, ltc, mtc

JUMP_SECONDS = 0.3


def heard(sender: str, takes: list[Take], rate: Rate) -> Heard:
    """Return what a sender's stream becomes under the faults that the issue names."""
    if sender == "LTC":
        return by_ear(takes, rate, noise_db=-20.0, jitter=0.05, late=0.005)
    return by_midi(takes, rate, jitter=0.005, lost=0.002)


@pytest.mark.parametrize("sender", ["LTC", "MTC"])
@pytest.mark.parametrize("rate", RATES, ids=[rate.name for rate in RATES])
def test_within_a_frame_through_a_dropout_and_a_jump(sender: str, rate: Rate) -> None:
    start, per = rate.number(0, 59, 58, 0), float(rate.fps)
    again = start + round(2.0 * per)  # the same stream after half a second of silence
    takes = [Take(0.0, start, 1.5), Take(round(2.0 * per) / per, again, 1.5), Take(3.51, start + 90000, 1.5)]
    errors = chased(heard(sender, takes, rate), takes, rate)
    calm = [error for time, error in errors if 0.4 < time < 3.51 or time > 3.51 + JUMP_SECONDS]
    assert max(calm) < 1.0


@pytest.mark.parametrize("rate", RATES, ids=[rate.name for rate in RATES])
def test_ltc_that_a_busy_machine_hears_late_and_with_gaps_is_told_for_when_it_was(rate: Rate) -> None:
    start, per = rate.number(0, 59, 58, 0), float(rate.fps)
    takes = [Take(0.0, start, 4.0), Take(round(4.0 * per) / per, start + 90000, 4.0)]
    errors = chased(by_ear(takes, rate, -20.0, 0.05, 0.005, stalls=0.1, lost=0.01), takes, rate)
    calm = [error for time, error in errors if not any(0.0 <= time - begins < 0.5 for begins in (0.0, 4.0))]
    assert np.percentile(calm, 95) < 0.1
    assert max(calm) < 0.25


@pytest.mark.parametrize("samplerate", [44100, 96000])
def test_ltc_backwards_inverted_and_soft(samplerate: int) -> None:
    rate = BY_NAME["25"]
    sound = -0.004 * np.ascontiguousarray(ltc(range(1000, 1020), rate, samplerate)[::-1])
    found = LtcDecoder(samplerate)(sound, len(sound) / samplerate)
    assert {reading.direction for reading in found} == {-1}
    for reading in found:
        assert reading.frame == pytest.approx(1020.0 - reading.time * 25.0, abs=0.05)
    assert len(found) >= 18


def test_a_full_frame_stands_and_quarter_frames_run_from_there() -> None:
    chase, reader, rate = Chase(), MtcReader(), BY_NAME["30"]
    stands = reader.full(full_frame(9000, rate)[1:-1], 1.0)
    assert stands is not None
    chase.put(stands)
    for time in (1.0, 60.0):
        code = chase.at(time)
        assert code is not None
        assert (code.state, code.label) == ("stands", "00:05:00:00")
    for data, time in mtc(9000, 30, rate, 70.0):
        if (reading := reader.quarter(data, time)) is not None:
            chase.put(reading)
    code = chase.at(71.0)
    assert code is not None
    assert (code.state, code.label) == ("runs", "00:05:01:00")


def test_a_sender_that_falls_silent_freewheels_and_then_stands() -> None:
    chase, rate = Chase(), BY_NAME["24"]
    assert chase.at(0.0) is None
    for frame in range(24):
        chase.put(Reading(float(frame), rate, frame / 24))
    states = {}
    for tenth in range(100):
        code = chase.at(1.0 + tenth / 10)
        assert code is not None
        states.setdefault(code.state, code.position)
    assert list(states) == ["runs", "freewheels", "stands"]
    assert states["freewheels"] == pytest.approx(1.3, abs=0.05)
    assert states["stands"] == pytest.approx(23 / 24)
    code = chase.at(1.0 + FREEWHEEL_SECONDS - 0.1)
    assert code is not None
    assert code.position == pytest.approx(FREEWHEEL_SECONDS + 0.9)


def test_one_wrong_label_moves_nothing_and_midnight_is_no_jump() -> None:
    chase, rate = Chase(), BY_NAME["30"]
    begin = rate.day - 45
    for frame in range(90):
        wrong = 5000 if frame == 20 else 0
        chase.put(Reading(float((begin + frame + wrong) % rate.day), rate, frame / 30))
        code = chase.at(frame / 30)
        assert (code is None) is (frame == 0)
        if code is not None:
            assert code.position * 30 == pytest.approx((begin + frame) % rate.day, abs=0.01)


def test_midi_brings_it_to_the_controls() -> None:
    """Through the hands: bytes of a port, seconds of the machine, and the tick's place on them."""
    rate, ports, told = BY_NAME["25"], Ports(), []
    now = 100.0
    timing = SentTimecode(True, told.append, StageTime(lambda: now))
    hands = Hands(Keyboard(lambda: ()), Cues(), told.append, TABLE, midi=ports, timecode=timing)
    stream = mtc(90000, 50, rate, 100.0)
    for index in range(120):
        now = 100.0 + index / 60
        while stream and stream[0][1] <= now:
            data, time = stream.pop(0)
            ports.say(0xF1, data, time=time)
        tick = Tick(index, index / 60, 1 / 60)
        timing.at(tick)
        code = hands.read(tick).timecode
    assert code is not None
    assert code.position == pytest.approx(3600.0 + 119 / 60, abs=1e-3)
    assert told == ["timecode runs: 01:00:00:03 (25)"]
    ports.say(*full_frame(0, rate), time=now)
    hands.read(tick)
    code = timing.at(tick)
    assert code is not None
    assert (code.state, code.label) == ("stands", "00:00:00:00")


def test_a_full_frame_among_other_bytes() -> None:
    running = Running()
    octets = (*full_frame(1, RATES[3]), 0xF0, *range(100), 0xF7, 0xF0, 1, 0xF8, 2, 0xB0, 1, 2)
    found = list(messages(octets, running))
    assert [message.kind for message in found] == ["sysex", "clock", "cc"]
    assert found[0] == Message("sysex", 0, full_frame(1, RATES[3])[1:-1])


def test_rubbish_is_no_timecode() -> None:
    """A hundred thousand messages with LATENTVJ_LONG=1."""
    rng, reader = random.Random(3), MtcReader()
    count = 100_000 if os.environ.get("LATENTVJ_LONG") else 5_000
    found = [reader.quarter(rng.randrange(128), index * 0.001) for index in range(count)]
    found += [reader.full([0x7F, 0x7F, 1, 1, *(rng.randrange(128) for _ in range(4))], 0.0) for _ in range(count // 10)]
    assert sum(reading is not None and reading.direction != 0 for reading in found) == 0
    assert all(0 <= reading.frame < reading.rate.day for reading in found if reading is not None)
    noise = np.random.default_rng(0)
    decoder = LtcDecoder(48000)
    for sound in (
        noise.normal(0, 0.3, 96000),
        np.full(4800, np.nan),
        np.zeros(4800),
        np.full(480, np.inf),
        np.zeros(0),
    ):
        assert decoder(sound.astype(np.float32), 1.0) == []


def test_the_channel_with_timecode_is_not_heard_as_sound() -> None:
    block = np.stack([np.full(512, 0.001), np.full(512, 0.5), np.zeros(512)], 1).astype(np.float32)
    picker = Picker((), 3, "box", but=2)
    assert picker.heard == (1,)
    assert [picker.elsewhere(block, time) for time in (0.0, 5.0)] == [None, None]
    assert Picker((2, 3), 3, "box", but=2).heard == (2, 3), "what is asked for is heard"
    told: list[str] = []
    found: list[Reading] = []
    tap = TimecodeTap(2, found.append, told.append)
    tap.begin(48000)
    sound = ltc(range(10), RATES[1])
    tap(np.stack([np.zeros_like(sound), sound], 1), 1.0)
    assert [round(reading.frame) for reading in found] == list(range(1, 10))
    tap(sound[:, None], 1.0)
    tap(sound[:, None], 1.0)
    assert told == ["--timecode ltc:2: the input has 1 channels"]
