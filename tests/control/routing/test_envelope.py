"""Attack and release are seconds of a one-pole, whatever the step."""

import math

import pytest

from engine.control.routing.envelope import Envelope


def test_reaches_63_percent_after_one_attack() -> None:
    envelope = Envelope(attack=0.1, release=1.0)
    envelope.advance(1.0, 0.1)
    assert envelope.value == pytest.approx(1 - math.exp(-1))


@pytest.mark.parametrize("steps", [1, 2, 7, 120])
def test_same_curve_and_same_mean_however_it_is_cut(steps: int) -> None:
    envelope = Envelope(attack=0.05, release=0.4, value=1.0)
    means = [envelope.advance(0.2, 0.5 / steps) for _ in range(steps)]
    assert envelope.value == pytest.approx(0.2 + 0.8 * math.exp(-0.5 / 0.4))
    assert sum(means) / steps == pytest.approx(0.2 + 0.8 * 0.4 / 0.5 * (1 - math.exp(-0.5 / 0.4)))


def test_strike_jumps_up_and_never_down() -> None:
    envelope = Envelope(release=0.2)
    envelope.strike(1.0)
    envelope.strike(0.3)
    assert envelope.value == 1.0


def test_a_whole_frame_is_followed_as_its_steps_are() -> None:
    targets, moments = [0.3, 0.9, 0.9, 0.0], [0.0, 0.01, 0.013, 0.02, 0.04]
    struck = [False, False, True, False]
    whole, steps = Envelope(attack=0.05, release=0.4), Envelope(attack=0.05, release=0.4)
    means = []
    for index, target in enumerate(targets):
        if struck[index]:
            steps.strike(1.0)
        means.append(steps.advance(target, moments[index + 1] - moments[index]))
    assert whole.follow(targets, moments, struck) == means
    assert whole.value == steps.value


def test_zero_times_follow_at_once() -> None:
    envelope = Envelope()
    assert envelope.advance(0.7, 0.01) == 0.7
    assert envelope.value == 0.7
