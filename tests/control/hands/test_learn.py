"""What a gesture is learned as: the control that a hand moved, and its kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from engine.control.hands.learn import Binding, Learn
from tests.builders.params import TABLE

Octets = tuple[int, ...]


def learned(messages: Iterable[Octets], gap: float = 0.01, before: Sequence[Octets] = ()) -> Binding | None:
    learn, time = Learn(TABLE), 0.0
    for octets in before:
        learn.hear("x", octets, time)
    learn.toggle()
    for octets in messages:
        learn.hear("x", octets, time)
        time += gap
    return learn.toggle()


def cc(control: int, *values: int) -> list[Octets]:
    return [(0xB0, control, value) for value in values]


def fine(control: int, values: Iterable[int], *, fine_first: bool = False) -> list[Octets]:
    out: list[Octets] = []
    for value in values:
        pair = [(0xB0, control, value >> 7), (0xB0, control + 32, value & 127)]
        out += pair[::-1] if fine_first else pair
    return out


def numbered(number: int, values: Iterable[int], *, once: bool = False, null: bool = False) -> list[Octets]:
    choose = [*cc(99, number >> 7), *cc(98, number & 127)]
    out: list[Octets] = [*choose] if once else []
    for value in values:
        out += [] if once else choose
        out += [*cc(6, value >> 7), *cc(38, value & 127)]
        out += [*cc(101, 127), *cc(100, 127)] if null else []
    return out


TOUCH = [(0x90, 104, 127), (0xE0, 0, 64), (0xE0, 0, 90), (0x90, 104, 0)]
SWEEP = [*range(20, 90, 3)]

GESTURES = {
    "a knob": (cc(21, *SWEEP), "cc.1.21", "7-bit"),
    "a knob that is turned slowly near its middle, each place sent twice": (
        cc(21, *(value for value in range(58, 72) for _ in range(2))), "cc.1.21", "7-bit"),
    "a knob that is turned slowly from its end": (cc(21, *range(1, 12)), "cc.1.21", "7-bit"),
    "a knob in three leaps": (cc(21, 0, 127, 64), "cc.1.21", "7-bit"),
    "one word of a knob": (cc(99, 5), "cc.1.99", "7-bit"),
    "a touch-sensitive fader": (TOUCH, "bend.1", "14-bit"),
    "a touch-sensitive fader that was touched again": ([*TOUCH, (0x90, 104, 127)], "bend.1", "14-bit"),
    "a touch-sensitive fader under a finger": (TOUCH[:3], "bend.1", "14-bit"),
    "a fader that says by CC that it is touched": (
        [*cc(111, 127), *cc(71, *SWEEP), *cc(111, 0)], "cc.1.71", "7-bit"),
    "a fader beside one that trembles": (
        [octets for value in SWEEP for octets in (*cc(21, value), *cc(22, 60 + value % 2))][:20] + cc(22, 61),
        "cc.1.21", "7-bit"),
    "another knob after the wrong one": ([*cc(21, *SWEEP), *cc(22, *SWEEP)], "cc.1.22", "7-bit"),
    "a button after the wrong knob": ([*cc(21, *SWEEP), (0x90, 40, 127), (0x80, 40, 0)], "note.1.40", "momentary"),
    "a pad with pressure": (
        [(0x90, 36, 90), (0xA0, 36, 20), (0xA0, 36, 80), (0xD0, 60), (0x80, 36, 0)], "note.1.36", "momentary"),
    "a button that sends CC": (cc(48, 127, 0), "cc.1.48", "momentary"),
    "a button that remembers": (cc(48, 127), "cc.1.48", "toggle"),
    "a pad that remembers": ([(0x90, 36, 127)], "note.1.36", "toggle"),
    "two's complement": (cc(20, 1, 1, 2, 1, 127, 127, 126, 127), "cc.1.20", "relative-twos-complement"),
    "binary offset": (cc(20, 65, 65, 66, 65, 63, 63, 62), "cc.1.20", "relative-binary-offset"),
    "sign and magnitude": (cc(20, 1, 1, 2, 65, 65, 66), "cc.1.20", "relative-sign-magnitude"),
    "an encoder to the right": (cc(20, 1, 1, 1), "cc.1.20", "relative-1"),
    "an encoder to the left, two's complement": (cc(20, 127, 127, 127), "cc.1.20", "relative-twos-complement"),
    "an encoder to one side, from 64": (cc(20, 65, 65, 65, 66), "cc.1.20", "relative-65"),
    "an encoder to the left, from 64": (cc(20, 63, 63, 63), "cc.1.20", "relative-binary-offset"),
    "an encoder with acceleration": (
        cc(20, 1, 1, 2, 3, 5, 7, 7, 4, 2, 1, 1, 127, 126, 124, 126, 127, 127), "cc.1.20", "relative-twos-complement"),
    "a pair": (fine(7, range(8000, 8400, 9)), "cc.1.7", "14-bit-coarse-first"),
    "a pair, fine byte first": (fine(7, range(8000, 8400, 9), fine_first=True), "cc.1.7", "14-bit-fine-first"),
    "a pair that is turned within one coarse step": (
        fine(7, range(8200, 8300, 5), fine_first=True), "cc.1.7", "14-bit-fine-first"),
    "one word of a pair": (fine(7, [8205]), "cc.1.7", "14-bit-coarse-first"),
    "Korg's fader and the button under it": ([*cc(0, *SWEEP), *cc(32, 127, 0)], "cc.1.32", "momentary"),
    "a numbered parameter": (numbered(300, range(8000, 8200, 9)), "nrpn.1.300", "nrpn"),
    "a numbered parameter, chosen once": (numbered(300, range(8000, 8200, 9), once=True), "nrpn.1.300", "nrpn"),
    "a numbered parameter, left after every value": (
        numbered(300, range(8000, 8200, 9), null=True), "nrpn.1.300", "nrpn"),
    "a numbered parameter of 7 bits": (
        [octets for v in SWEEP for octets in (*cc(99, 1), *cc(98, 5), *cc(6, v))], "nrpn.1.133", "nrpn-7-bit"),
    "all notes off is no control": ([*cc(21, *SWEEP), *cc(123, 0), *cc(121, 0)], "cc.1.21", "7-bit"),
    "a clock in between": ([o for v in SWEEP for o in ((0xF8,), *cc(21, v))], "cc.1.21", "7-bit"),
}  # fmt: skip


@pytest.mark.parametrize("what", GESTURES)
@pytest.mark.parametrize("gap", [0.0005, 0.6])
def test_a_gesture(what: str, gap: float) -> None:
    messages, address, kind = GESTURES[what]
    if gap > 0.1 and " pair" in what:
        gap = 0.015 if what == "one word of a pair" else 0.1  # a slow machine
    binding = learned(messages, gap)
    assert binding is not None
    assert (binding.address, binding.kind) == (address, kind)


def test_a_touch_is_noted_with_its_fader() -> None:
    assert learned(TOUCH) == Binding("x", "bend.1", next(iter(TABLE)), "14-bit", sure=True, touches=("note.1.104",))


def test_a_parameter_that_was_chosen_before_learn_began_is_known() -> None:
    binding = learned(numbered(300, range(8000, 8200, 9), once=True)[2:], before=[*cc(99, 2), *cc(98, 44)])
    assert binding is not None
    assert binding.address == "nrpn.1.300"


def test_nothing_and_what_is_no_control_is_not_learned() -> None:
    assert learned([]) is None
    assert learned([(0xF8,), *cc(123, 0), (0x80, 36, 0)]) is None


def test_of_two_controllers_the_one_that_moved_last_counts() -> None:
    learn = Learn(TABLE)
    learn.toggle()
    for time, port in ((0.0, "a"), (1.0, "b"), (2.0, "a")):
        for value in SWEEP:
            learn.hear(port, (0xB0, 21, value), time)
    learn.hear("b", (0xB0, 30, 64), 3.0)  # trembles
    assert "cc.1.21 on a" in (learn.line or "")
    binding = learn.toggle()
    assert binding is not None
    assert (binding.port, binding.address) == ("a", "cc.1.21")


def test_an_encoder_that_turned_to_one_side_is_asked_for_the_other() -> None:
    learn = Learn(TABLE)
    learn.toggle()
    for _ in range(3):
        learn.hear("x", (0xB0, 20, 1))
    assert "other way" in (learn.line or "")
    learn.hear("x", (0xB0, 20, 127))
    learn.hear("x", (0xB0, 20, 127))
    assert "other way" not in (learn.line or "")


def test_of_a_long_gesture_the_beginning_is_forgotten() -> None:
    binding = learned([*cc(99, 2), *cc(98, 44), *(octets for v in range(3000) for octets in cc(6, v % 128))])
    assert binding is not None
    assert binding.address == "nrpn.1.300"
