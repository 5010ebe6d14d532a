"""Which channels of an interface are heard, and the line where the sound is on others."""

from __future__ import annotations

import argparse

import numpy as np
import pytest

from engine.audio.inputs.channels import Picker, opened
from engine.audio.inputs.devices import AudioDevice
from engine.cli import arguments


def device(channels, name="Interface", api="JACK"):
    return AudioDevice(0, name, api, channels, 48000, default=False, loopback=False)


def block(channels, *sounding, count=256):
    samples = np.zeros((count, channels), np.float32)
    for channel in sounding:
        samples[:, channel - 1] = 0.5 * np.sin(np.arange(count) * 0.1) + 0.001 * channel
    return samples


@pytest.mark.parametrize(
    ("channels", "chosen", "count"),
    [(1, (), 1), (2, (), 2), (18, (), 18), (32, (), 32), (64, (), 2), (64, (9, 10), 10), (2, (3, 4), 2)],
)
def test_all_channels_of_an_interface_are_opened(channels, chosen, count):
    assert opened(device(channels), chosen) == count


@pytest.mark.parametrize("name", ["default", "pulse", "pipewire", "sysdefault:CARD=PCH"])
def test_of_a_sound_server_two_are_opened_because_it_spreads_them(name):
    assert opened(device(32, name, "ALSA"), ()) == 2
    assert opened(device(32, name, "ALSA"), (3, 4)) == 4


@pytest.mark.parametrize(("chosen", "columns"), [((), (1, 2)), ((3, 4), (3, 4)), ((4,), (4,)), ((9, 10), (1, 2))])
def test_the_chosen_channels_are_heard(chosen, columns):
    picker, samples = Picker(chosen, 6, "Interface"), block(6, 1, 2, 3, 4)
    assert picker.heard == columns
    np.testing.assert_array_equal(picker.pick(samples), samples[:, [c - 1 for c in columns]])


def test_a_stereo_input_is_passed_on_as_it_is():
    samples = block(2, 1)
    assert Picker((), 2, "Mixer").pick(samples) is samples


@pytest.mark.parametrize(
    ("sounding", "chosen", "words"),
    [
        ((3, 4), (), "the sound is on channels 3 and 4, and 1 and 2 are heard: start with --channels 3,4"),
        ((4,), (), "the sound is on channel 4, and 1 and 2 are heard: start with --channels 4"),
        ((2, 3), (5,), "the sound is on channel 2, and 5 is heard: start with --channels 2"),
        ((1, 2), (3, 4), "the sound is on channels 1 and 2, and 3 and 4 are heard: start with --channels 1,2"),
    ],
)
def test_one_line_says_where_the_sound_is(sounding, chosen, words):
    picker = Picker(chosen, 6, "Interface")
    lines = [picker.elsewhere(block(6, *sounding), 10.0 + 0.1 * i) for i in range(60)]
    assert [line for line in lines if line] == [f"Interface: {words}"]
    assert lines.index(f"Interface: {words}") >= 15  # not for a moment of silence


@pytest.mark.parametrize("sounding", [(), (1,), (1, 2, 3, 4, 5, 6)])
def test_nothing_is_said_where_the_heard_channels_sound_or_none_does(sounding):
    picker = Picker((), 6, "Interface")
    assert not any(picker.elsewhere(block(6, *sounding), 0.1 * i) for i in range(60))


def test_nothing_is_said_of_a_pause_between_two_beats():
    picker = Picker((), 6, "Interface")
    blocks = [block(6, 3) if i % 10 else block(6, 1, 3) for i in range(60)]
    assert not any(picker.elsewhere(samples, 0.1 * i) for i, samples in enumerate(blocks))


def test_channels_on_the_command_line():
    assert arguments.channels("3,4") == (3, 4)
    assert arguments.channels("5") == (5,)
    for wrong in ("0,1", "3,4,5", "a", "3;4", "", "-1"):
        with pytest.raises(argparse.ArgumentTypeError, match="one or two channels such as 3,4"):
            arguments.channels(wrong)
