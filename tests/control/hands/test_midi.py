"""MIDI bytes to moves: running status, 14 bits, rubbish."""

import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.control.hands.controller import PAIR_SECONDS, Controller
from engine.control.hands.midi_messages import Message, Parser
from engine.control.hands.profile import Profile
from engine.control.hands.surface import Move, Surface


def parsed(*octets: int) -> list[Message]:
    return list(Parser()(octets))


def test_every_channel_message() -> None:
    assert parsed(0x90, 60, 100) == [Message("note_on", 1, (60, 100))]
    assert parsed(0x8F, 60, 0) == [Message("note_off", 16, (60, 0))]
    assert parsed(0xB2, 7, 127) == [Message("cc", 3, (7, 127))]
    assert parsed(0xC0, 5) == [Message("program", 1, (5,))]
    assert parsed(0xE0, 0, 64) == [Message("bend", 1, (0, 64))]


def test_running_status_realtime_in_between_and_sysex() -> None:
    stream = (0xB0, 1, 10, 2, 0xF8, 20, 0xF0, 1, 2, 3, 0xF7, 9, 9, 0x91, 0xFA, 1, 1)
    assert parsed(*stream) == [
        Message("cc", 1, (1, 10)), Message("clock"), Message("cc", 1, (2, 20)),
        Message("start"), Message("note_on", 2, (1, 1)),
    ]  # fmt: skip


def test_a_14_bit_pair_is_one_fine_control_and_a_later_knob_is_its_own() -> None:
    controller = Controller()
    controller.hear(Message("cc", 1, (1, 127)), 0.0)
    assert controller.hear(Message("cc", 1, (33, 127)), 0.001) == ("cc.1.1", 1.0)
    controller.hear(Message("cc", 1, (1, 64)), 1.0)
    assert controller.hear(Message("cc", 1, (33, 0)), 1.0) == ("cc.1.1", pytest.approx(8192 / 16383))
    assert controller.hear(Message("cc", 1, (33, 127)), 1.0 + 2 * PAIR_SECONDS) == ("cc.1.33", 1.0)


def test_bend_rests_at_one_half_and_reaches_both_ends() -> None:
    controller = Controller()
    ends = [controller.hear(Message("bend", 1, data), 0.0) for data in ((0, 0), (0, 64), (127, 127))]
    assert [moved[1] for moved in ends if moved] == [0.0, 0.5, 1.0]


def moves(surface: Surface, *octets: int) -> list[Move]:
    return [move for move in surface.hear(octets, 0.0) if isinstance(move, Move)]


def test_a_profile_names_controls_and_buttons_are_pressed_from_half_way() -> None:
    surface = Surface("nano", Profile("nano", controls={"knob_1": "cc.1.16", "button_1": "cc.1.32"}))
    assert moves(surface, 0xB0, 16, 127) == [Move("cc.1.16", "knob_1", 1.0, False)]
    assert moves(surface, 0xB0, 16, 0)[0].keys == ("midi.cc.1.16", "midi.knob_1", "knob_1")
    buttons = moves(surface, 0xB0, 32, 127, 32, 127, 32, 0, 32, 64)
    assert [move.pressed for move in buttons] == [True, False, False, True]
    assert [move.pressed for move in moves(surface, 0x90, 1, 1, 1, 0)] == [True, False]


def test_unplugging_releases_notes_and_keeps_knobs() -> None:
    surface = Surface("pad", Profile("pad"))
    moves(surface, 0xB0, 16, 100, 0x90, 36, 100, 0x90, 38, 100, 0x90, 38, 0)
    assert [(move.address, move.value) for move in surface.unplug()] == [("note.1.36", 0.0)]


@given(st.lists(st.integers(0, 255)))
def test_any_bytes_parse(octets: list[int]) -> None:
    for message in Parser()(octets):
        assert 0 <= message.channel <= 16
        assert all(0 <= value <= 127 for value in message.data)


def test_random_bytes_leave_every_value_in_range() -> None:
    """A million of them with LATENTVJ_LONG=1, in a second or two."""
    rng = random.Random(11)
    surface = Surface("noise", Profile("noise", controls={"knob_1": "cc.1.1"}, leds={"knob_1": "cc.1.1"}))
    for _ in range(1000 if os.environ.get("LATENTVJ_LONG") else 50):
        for move in moves(surface, *rng.randbytes(1000)):
            assert 0.0 <= move.value <= 1.0
