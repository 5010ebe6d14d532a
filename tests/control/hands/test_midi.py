"""MIDI bytes to moves: running status, 14 bits, rubbish."""

import itertools
import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.control.hands.controller import DETENT, START, Controller
from engine.control.hands.kinds import ADDRESS, KINDS, TAKES
from engine.control.hands.midi_messages import Message, Running, messages
from engine.control.hands.pairs import PAIR_SECONDS
from engine.control.hands.profile import Profile
from engine.control.hands.replaced import newest
from engine.control.hands.surface import Move, Surface


def parsed(*octets: int) -> list[Message]:
    return list(messages(octets, Running()))


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
        Message("sysex", 0, (1, 2, 3)), Message("start"), Message("note_on", 2, (1, 1)),
    ]  # fmt: skip


def test_a_cc_that_nobody_declared_is_itself_however_soon_it_comes() -> None:
    """Korg's nanoKONTROL2: fader 1 is CC 0 and the button under it CC 32, as a fine byte of CC 0 would be."""
    surface = Surface("nano", Profile("nano", controls={"fader_1": "cc.1.0", "button_1": "cc.1.32"}))
    heard = [*surface.hear((0xB0, 0, 60), 0.0), *surface.hear((0xB0, 32, 127), 0.003)]
    assert [(move.source, move.value, move.pressed) for move in heard] == [
        ("midi.fader_1", 60 / 127, False), ("midi.button_1", 1.0, True),
    ]  # fmt: skip


CC1 = "cc.1.1"
KNOB = {"coarse": 1, "fine": 33}


def turn(kind: str, order: tuple[str, str], values: range, gap: float = 0.0005, lost: str = "") -> list[float]:
    """Return where a fine knob is after each byte; ``lost`` is the byte that falls out in every fifth pair."""
    surface, out, time = Surface("b", Profile("b", kinds={CC1: kind})), [], 0.0
    for number, value in enumerate(values):
        for part in order:
            octets = (0xB0, KNOB[part], value >> 7 if part == "coarse" else value & 127)
            if part != lost or number % 5 != 4:
                out += [move.value for move in surface.hear(octets, time) if isinstance(move, Move)]
            time += gap
        time += 0.002
    return [*out, *(move.value for move in surface.settle(time + 1.0))]


ORDERS = {"coarse first": ("coarse", "fine"), "fine first": ("fine", "coarse")}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("declared", ["14-bit", "14-bit-{}"])
@pytest.mark.parametrize("values", [range(8100, 8300, 7), range(8300, 8100, -3)])
def test_a_pair_goes_evenly_in_either_order(order: str, declared: str, values: range) -> None:
    out = turn(declared.format(order.replace(" ", "-")), ORDERS[order], values)
    assert out == [value / 16383 for value in values]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("lost", ["coarse", "fine"])
def test_a_byte_that_is_lost_costs_no_more_than_its_own_value(order: str, lost: str) -> None:
    values = range(8100, 8300, 2)
    out = turn(f"14-bit-{order.replace(' ', '-')}", ORDERS[order], values, lost=lost)
    steps = [abs(b - a) for a, b in itertools.pairwise(out)]
    assert max(steps) <= 1.1 / 128  # one coarse step, where that byte or its other half was lost
    assert out[-1] == pytest.approx(values[-1] / 16383, abs=1 / 127)


def test_pairs_of_two_knobs_at_once_and_by_running_status() -> None:
    surface = Surface("b", Profile("b", kinds={"cc.1.1": "14-bit", "cc.1.2": "14-bit"}))
    out = moves(surface, 0xB0, 1, 64, 2, 10, 33, 5, 34, 7)
    assert [(move.address, move.value) for move in out] == [
        ("cc.1.1", (64 << 7 | 5) / 16383), ("cc.1.2", (10 << 7 | 7) / 16383),
    ]  # fmt: skip


def test_a_coarse_byte_alone_arrives_and_reaches_both_ends() -> None:
    surface = Surface("b", Profile("b", kinds={CC1: "14-bit"}))
    for value in (0, 127):
        assert moves(surface, 0xB0, 1, value) == []
        assert list(surface.settle(PAIR_SECONDS / 2)) == []
        assert [move.value for move in surface.settle(1.0)] == [value / 127]


def test_numbered_parameters_are_chosen_once_and_set_in_either_order() -> None:
    surface = Surface("b", Profile("b", controls={"knob_1": "nrpn.1.300"}, kinds={"nrpn.1.301": "nrpn-7-bit"}))
    chosen = (0xB0, 99, 300 >> 7, 98, 300 & 127)
    both = [*moves(surface, *chosen, 6, 64, 38, 1), *moves(surface, 38, 2, 6, 64)]
    assert {move.name for move in both} == {"knob_1"}
    assert both[0].value == (64 << 7 | 1) / 16383
    assert both[-1].value == (64 << 7 | 2) / 16383
    assert [(m.address, m.value) for m in moves(surface, 98, 301 & 127, 6, 127)] == [("nrpn.1.301", 1.0)]
    assert moves(surface, 0xB0, 101, 127, 100, 127, 6, 5) == []  # nothing is chosen
    assert [m.address for m in moves(surface, 0xB1, 6, 5)] == ["cc.2.6"]  # another channel has knobs there


ENCODINGS = {
    "relative-twos-complement": (127, 1, {5: 5, 120: -8, 63: 63}),
    "relative-binary-offset": (63, 65, {70: 6, 60: -4, 64: 0}),
    "relative-sign-magnitude": (65, 1, {5: 5, 72: -8, 63: 63}),
}


@pytest.mark.parametrize("kind", ENCODINGS)
def test_an_encoder_counts_steps_as_they_are_sent(kind: str) -> None:
    left, right, more = ENCODINGS[kind]
    surface = Surface("x", Profile("x", controls={"knob_1": "cc.1.20"}, kinds={"cc.1.20": kind}))
    places = [move.value for value in (right, right, left, left) for move in moves(surface, 0xB0, 20, value)]
    assert places == pytest.approx([START + DETENT, START + 2 * DETENT, START + DETENT, START])
    for value, steps in more.items():
        (move,) = moves(surface, 0xB0, 20, value)
        assert move.turned == pytest.approx(steps * DETENT)
    for _ in range(300):
        (move,) = moves(surface, 0xB0, 20, right)
    assert (move.value, move.turned) == (1.0, DETENT)  # its place ends, the turn goes on


@pytest.mark.parametrize(
    ("seen", "then", "steps", "kind"),
    [
        ("relative-1", 127, -1, "relative-twos-complement"),
        ("relative-1", 65, -1, "relative-sign-magnitude"),
        ("relative-65", 63, -1, "relative-binary-offset"),
        ("relative-65", 1, 1, "relative-sign-magnitude"),
    ],
)
def test_the_first_step_to_the_other_side_tells_the_encoding(seen: str, then: int, steps: int, kind: str) -> None:
    surface = Surface("x", Profile("x", kinds={"cc.1.20": seen}))
    (first,) = moves(surface, 0xB0, 20, 1 if seen == "relative-1" else 65)
    assert first.turned == DETENT
    (other,) = moves(surface, 0xB0, 20, then)
    assert other.turned == pytest.approx(steps * DETENT)
    assert surface.told() == {"cc.1.20": kind}


def test_buttons_that_remember_touches_and_buttons_that_do_not() -> None:
    kinds = {"note.1.1": "toggle", "cc.1.50": "toggle", "note.1.104": "touch", "cc.1.51": "momentary"}
    surface = Surface("x", Profile("x", kinds=kinds))
    heard = moves(surface, 0x90, 1, 127, 1, 127, 1, 0, 104, 127, 104, 0, 0xB0, 50, 127, 50, 0, 51, 127, 51, 0)
    assert [(move.pressed, move.latched) for move in heard] == [
        (True, True), (False, True), (True, True), (False, False), (False, False),
        (True, True), (True, True), (True, False), (False, False),
    ]  # fmt: skip


def test_notes_off_sound_off_and_reset_are_no_controls() -> None:
    surface = Surface("x", Profile("x", controls={"knob_1": "cc.1.1", "knob_9": "cc.1.122"}))
    for order in (120, 123, 124, 127):
        moves(surface, 0x90, 36, 100, 0x91, 36, 100, 0xB0, 20, 99)
        assert [(m.address, m.value, m.pressed) for m in moves(surface, 0xB0, order, 0)] == [("note.1.36", 0.0, False)]
    moves(surface, 0xE0, 0, 90, 0xD0, 90, 0xA0, 36, 90, 0xB0, 1, 90, 64, 127, 11, 3, 7, 90)
    reset = {move.address: move.value for move in moves(surface, 0xB0, 121, 0)}
    assert reset == {"bend.1": 0.5, "pressure.1": 0.0, "aftertouch.1.36": 0.0, "cc.1.64": 0.0, "cc.1.11": 1.0}
    assert moves(surface, 0xB0, 122, 127)[0].name == "knob_9"  # the profile says that it is a knob
    assert moves(surface, 0xB1, 122, 127) == []


def test_of_a_flood_the_last_value_of_every_knob_is_read_and_every_step_and_press() -> None:
    kinds = {"cc.1.1": "14-bit", "cc.1.20": "relative-twos-complement", "cc.1.50": "momentary", "nrpn.1.9": "nrpn"}
    surface = Surface("x", Profile("x", kinds=kinds))
    rng, sent = random.Random(5), []
    for _ in range(3000):
        status = rng.choice((0x90, 0xB0, 0xB0, 0xB0, 0xD0, 0xE0))
        data = (rng.choice((1, 7, 20, 33, 50, 100)), rng.choice((0, 1, 5, 90, 127)))
        sent.append((status, *(data[1:] if status == 0xD0 else data)))
    plain, thinned = Surface("x", Profile("x", kinds=kinds)), newest(sent, surface.key)
    every = [move for octets in sent for move in moves(plain, *octets)]
    read = [move for octets in thinned for move in moves(surface, *octets)]
    assert len(thinned) < 0.7 * len(sent)
    assert {m.address: m.value for m in every} == {m.address: m.value for m in read}
    for address in ("cc.1.20", "cc.1.50", "note.1.7"):
        assert [m for m in every if m.address == address] == [m for m in read if m.address == address]


@pytest.mark.parametrize(
    ("address", "right"),
    [("cc.16.127", True), ("cc.17.1", False), ("cc.1.128", False), ("nrpn.1.16383", True), ("nrpn.1.16384", False),
     ("bend.3", True), ("bend.3.1", False), ("note.1.007", False)],
)  # fmt: skip
def test_addresses(address: str, right: bool) -> None:
    assert bool(ADDRESS.fullmatch(address)) == right


def test_every_kind_is_taken_by_some_address() -> None:
    assert set(KINDS) | {"7-bit"} == {kind for kinds in TAKES.values() for kind in kinds}


def test_bend_rests_at_one_half_and_reaches_both_ends() -> None:
    controller = Controller()
    ends = [controller.hear(Message("bend", 1, data), 0.0) for data in ((0, 0), (0, 64), (127, 127))]
    assert [moved.value for (moved,) in ends] == [0.0, 0.5, 1.0]


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
    for message in messages(octets, Running()):
        assert 0 <= message.channel <= 16
        assert all(0 <= value <= 127 for value in message.data)


@given(st.lists(st.lists(st.sampled_from([0xB0, 0x90, 0xE1, 0xC0, 0xF8, 0xF2, 5, 16, 100]), min_size=1, max_size=4)))
def test_whole_messages_and_single_bytes_are_heard_alike(chunks: list[list[int]]) -> None:
    whole, single = Surface("a", Profile("a")), Surface("b", Profile("b"))
    heard = [heard for chunk in chunks for heard in whole.hear(chunk, 0.0)]
    assert heard == [heard for chunk in chunks for octet in chunk for heard in single.hear([octet], 0.0)]


def test_random_bytes_leave_every_value_in_range() -> None:
    """A million of them with LATENTVJ_LONG=1, in a second or two."""
    rng = random.Random(11)
    surface = Surface("noise", Profile("noise", controls={"knob_1": "cc.1.1"}, leds={"knob_1": "cc.1.1"}))
    for _ in range(1000 if os.environ.get("LATENTVJ_LONG") else 50):
        for move in moves(surface, *rng.randbytes(1000)):
            assert 0.0 <= move.value <= 1.0
