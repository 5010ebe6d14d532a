"""What counts as a signal, and where its samples belong in time."""

import numpy as np
import pytest

from engine.audio.inputs.health import PATIENCE_SECONDS, RECOVERY_SECONDS, Health, State
from engine.audio.inputs.timeline import Timeline

NOISE = np.random.default_rng(1).standard_normal((256, 2)).astype(np.float32) * 1e-4
BLOCK = 0.005


def hear(health: Health, block: np.ndarray, start: float, seconds: float) -> State:
    state = health.state
    for i in range(round(seconds / BLOCK) + 1):
        state = health.hear(block, start + i * BLOCK)
    return state


@pytest.mark.parametrize(
    ("value", "state"), [(np.nan, State.BROKEN), (np.inf, State.BROKEN), (0.3, State.BROKEN), (0.0, State.ZEROS)]
)
def test_nan_a_stuck_level_and_zeros_are_told_within_half_a_second(value: float, state: State) -> None:
    health = Health(0.0)
    block = np.full((256, 1), value, np.float32)
    assert hear(health, block, 0.0, PATIENCE_SECONDS / 2) is State.SOUNDING
    assert hear(health, block, PATIENCE_SECONDS / 2, PATIENCE_SECONDS) is state


def test_one_good_block_is_not_yet_a_recovery() -> None:
    health = Health(0.0, State.BROKEN)
    assert health.hear(NOISE, 0.0) is State.BROKEN
    assert hear(health, NOISE, 0.005, RECOVERY_SECONDS) is State.SOUNDING


def test_no_samples_at_all_is_a_stall() -> None:
    health = Health(0.0)
    health.hear(NOISE, 0.1)
    assert health.wait(PATIENCE_SECONDS / 2) is State.SOUNDING
    assert health.wait(PATIENCE_SECONDS / 2) is State.STALLED


def test_bursts_and_late_arrivals_do_not_shake_the_timeline() -> None:
    timeline, random = Timeline(), np.random.default_rng(3)
    for i in range(400):
        timeline.mark(100.0 + i * BLOCK + (0.03 * random.random() if i % 10 else 0.0), i * BLOCK)
    assert timeline.offset == pytest.approx(100.0)


def test_a_dropout_is_followed_within_a_second() -> None:
    timeline = Timeline()
    for i in range(400):
        timeline.mark(100.0 + i * BLOCK + (0.2 if i >= 150 else 0.0), i * BLOCK)
    assert timeline.offset == pytest.approx(100.2)
