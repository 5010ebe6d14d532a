"""The renderer draws what its parameters say: seeded, distinct, on white, of a sensible size."""

import numpy as np
import pytest

from tools.fruit.render import KINDS, NAMES, THETA, Array, Pictures, Studio, mean_theta, sample, weights
from tools.fruit.shards import SHARD, Shards


def pure(*kinds: str) -> Array:
    """One picture of each kind with every knob at its usual: [len(kinds), THETA]."""
    theta = np.zeros((len(kinds), THETA), np.float32)
    theta[np.arange(len(kinds)), [KINDS.index(k) for k in kinds]] = 1
    return theta


@pytest.fixture(scope="module")
def studio() -> Studio:
    """A small studio, shared: its programs take a moment to compile."""
    return Studio(64)


@pytest.fixture(scope="module")
def pictures(studio: Studio) -> Pictures:
    """Every kind once."""
    return studio.render(pure(*KINDS))


def test_theta_has_a_name_per_number() -> None:
    assert len(NAMES) == THETA == len(set(NAMES))


def test_the_same_seed_draws_the_same_fruit(studio: Studio) -> None:
    first, second = (sample(np.random.default_rng(5), 3) for _ in range(2))
    assert np.array_equal(first, second)
    first[:, : len(KINDS)] = pure("apple", "pear", "orange")[:, : len(KINDS)]
    assert np.array_equal(studio.render(first), studio.render(first))


def test_weights_are_shares_and_survive_truncation() -> None:
    theta = np.eye(THETA, dtype=np.float32)[: len(KINDS)]
    truncated = mean_theta() + 0.7 * (theta - mean_theta())
    assert np.allclose(weights(theta).sum(1), 1)
    assert (weights(truncated).argmax(1) == np.arange(len(KINDS))).all()
    assert weights(truncated).max(1).min() > 0.95
    assert KINDS[int(weights(mean_theta()[None]).argmax())] == "peach"


def test_kinds_differ(pictures: Pictures) -> None:
    flat = pictures.reshape(len(KINDS), -1).astype(np.float32)
    apart = np.abs(flat[:, None] - flat[None]).mean(-1) + 1e3 * np.eye(len(KINDS))
    assert apart.min() > 4, "two kinds look the same"


def test_the_background_is_white_and_the_fruit_fills_the_middle(pictures: Pictures) -> None:
    assert (pictures[:, :3] >= 250).all()
    area = (pictures.min(-1) < 200).mean((1, 2))
    assert 0.15 < area.mean() < 0.5
    assert area.min() > 0.05
    assert area.max() < 0.6


def test_a_small_step_in_theta_is_a_small_step_in_the_picture(studio: Studio) -> None:
    apple, pear = pure("apple", "pear")
    way = np.stack([apple + (pear - apple) * t for t in (0.40, 0.42, 0.44)])
    drawn = studio.render(way.astype(np.float32)).astype(np.float32)
    assert np.abs(np.diff(drawn, axis=0)).mean((1, 2, 3)).max() < 6


def test_shards_grow_while_they_are_read(tmp_path) -> None:  # type: ignore[no-untyped-def]
    blank = np.zeros((SHARD, 2, 2, 3), np.uint8)
    np.savez(tmp_path / "000000.npz", theta=np.zeros((SHARD, THETA), np.float32), pictures=blank)
    data = Shards(tmp_path)
    assert len(data) == SHARD
    np.savez(tmp_path / "000001.npz", theta=np.ones((SHARD, THETA), np.float32), pictures=blank + 7)
    assert data.refresh() == 2 * SHARD
    theta, pictures = data.draw(np.random.default_rng(0), 64)
    assert np.array_equal(theta[:, 0] * 7, pictures[:, 0, 0, 0])
