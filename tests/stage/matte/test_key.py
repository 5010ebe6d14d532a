"""The key against pictures whose alpha is known, and the matte's contract."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.borders.keying import Keying
from engine.stage.matte import key as keys
from engine.stage.matte.flood import flood, shrink
from engine.stage.matte.key import key
from engine.stage.matte.stage import Matte, background_of
from engine.stage.matte.straight import straight
from tests.builders.params import Params

SIDE, FINE = 64, 4  # pixels, and samples of each
WHITE = (1.0, 1.0, 1.0)
FLOOR = Keying((1.0, 1.0, 1.0), shadow=0.5, margin=1 / 64)


def drawn(hole: float = 0.0) -> tuple[Tensor, Tensor]:
    """Return a red ball with a white heart on a white floor with a grey shadow [3, H, W], and the ball's share.

    With a ``hole`` it is a ring of that inner radius, and the floor is seen in it.
    """
    side = SIDE * FINE
    y, x = (np.mgrid[:side, :side] + 0.5) / side * 2.0 - 1.0
    far = np.hypot(x, y)
    ball = (far < 0.5) & (far >= hole)
    colour = np.where(((far < 0.15) & (hole == 0.0))[..., None], [1.0, 1.0, 0.98], [0.8, 0.1, 0.05])
    shadow = 1.0 - 0.4 * np.exp(-(((x - 0.2) / 0.5) ** 2) - ((y - 0.55) / 0.15) ** 2)
    picture = np.where(ball[..., None], colour, shadow[..., None])
    return reduced(picture), reduced(ball[..., None].astype(float))[0]


def reduced(fine: NDArray[np.float64], side: int = SIDE) -> Tensor:
    shape = side, FINE, side, FINE, fine.shape[2]
    return torch.from_numpy(fine.reshape(shape).mean((1, 3))).permute(2, 0, 1).float().contiguous()


def test_the_subject_is_whole_its_edge_soft_and_the_floor_gone():
    picture, ball = drawn()
    found = key(picture, WHITE, FLOOR)
    assert found.subject[ball >= 1.0].min() > 0.95  # the white heart, too
    assert found.subject[:4].max() == 0.0
    rim = (ball > 0.0) & (ball < 1.0)
    assert (found.subject - ball)[rim].abs().mean() < 0.08


def test_a_pale_copy_beside_the_subject_goes_with_the_floor():
    """Pictures that are wider than the model learnt have such copies."""
    picture, _ = drawn()
    ghost = 1.0 - 0.3 * (1.0 - picture)
    found = key(torch.cat((ghost, picture, ghost), 2), WHITE, FLOOR)
    alone = key(picture, WHITE, FLOOR)
    for beside in (slice(0, SIDE), slice(2 * SIDE, None)):
        assert found.subject[:, beside].max() == 0.0
        assert found.alpha[:, beside].max() < 0.3
    assert (found.subject[:, SIDE : 2 * SIDE] - alone.subject).abs().max() < 1e-6
    all_pale = key(torch.cat((ghost, ghost), 2), WHITE, FLOOR)
    assert all_pale.subject.max() > 0.9


def disc(picture: Tensor, row: int, column: int, radius: float, colour: tuple[float, float, float]) -> Tensor:
    """Paint a disc into a picture; return where it is."""
    y, x = torch.meshgrid(torch.arange(picture.shape[1]), torch.arange(picture.shape[2]), indexing="ij")
    inside = torch.hypot((y - row).float(), (x - column).float()) < radius
    picture[:, inside] = torch.tensor(colour)[:, None]
    return inside


@pytest.mark.parametrize("tensors", [False, True])
def test_small_pale_parts_go_where_the_picture_goes_on_beside_itself(monkeypatch, tensors):
    """Features that are scaled down leave them at the model's border; mirrored, they are blobs on the wall."""
    if tensors:
        monkeypatch.setattr(keys, "mask", lambda found: found)
    picture = torch.ones(3, 128, 128)
    subject = disc(picture, 64, 64, 30, (0.9, 0.2, 0.1))
    at_border = disc(picture, 128, 40, 8, (1.0, 0.75, 0.5))
    alone = disc(picture, 16, 110, 7, (0.95, 0.6, 0.6))
    leaf = disc(picture, 64, 110, 6, (0.1, 0.4, 0.05))  # small, and of a colour of its own
    pale = disc(picture, 22, 30, 18, (1.0, 0.8, 0.5))  # pale, and not small
    keying = Keying((1.0, 1.0, 1.0), shadow=0.5, margin=2 / 128)
    found = key(picture, WHITE, keying, goes_on=True)
    for gone in (at_border, alone):
        assert found.alpha[gone].max() == 0.0
        assert key(picture, WHITE, keying).subject[gone].max() > 0.9  # a picture as the model paints it keeps all
    for kept in (subject, leaf, pale):
        assert found.subject[kept].mean() > 0.9


def test_a_frame_says_by_its_spread_that_it_goes_on():
    picture = torch.ones(3, 128, 128)
    disc(picture, 64, 64, 30, (0.9, 0.2, 0.1))
    island = disc(picture, 16, 110, 7, (0.95, 0.6, 0.6))
    frame = as_frame(picture)
    for compiled in (False, True):
        matte = Matte(compiled=compiled)
        by_itself = matte(frame, frame, FLOOR, Params({"picture.matte": 1.0}))
        beside = matte(frame, frame, FLOOR, Params({"picture.matte": 1.0, "picture.spread": 0.5}))
        assert by_itself[island][:, 3].float().mean() > 230
        assert beside[island].max() == 0


def test_a_subject_that_the_border_cuts_has_no_rim_there():
    """What looks for edges, and a wall that goes on beside the picture, would show a line."""
    picture, _ = drawn()
    for cut in (picture[:, SIDE // 2 :], picture[:, :, : SIDE // 2].contiguous()):
        found = key(cut, WHITE, FLOOR)
        border = found.subject[0] if cut.shape[1] < SIDE else found.subject[:, -1]
        beside = found.subject[2] if cut.shape[1] < SIDE else found.subject[:, -3]
        assert border.max() > 0.95
        assert (border - beside).abs().mean() < 0.06


def test_a_subject_that_ends_just_before_the_border_ends_there():
    picture = torch.ones(3, 128, 128)
    picture[1:, 3:60, 50:70] = 0.2  # a stem; its head is 3 pixels from the border, the margin is 4
    found = key(picture, WHITE, Keying((1.0, 1.0, 1.0), margin=4 / 128))
    assert found.subject[20, 60] == 1.0
    assert found.alpha[:2].max() < 0.05


def test_on_its_own_background_the_picture_is_as_it_was():
    picture, _ = drawn()
    found = key(picture, WHITE, FLOOR)
    light = (picture - (1.0 - found.alpha)).clamp(min=0.0)
    assert (light + (1.0 - found.alpha) - picture).abs().max() <= 0.021


def test_a_shadow_is_a_black_veil_and_no_part_of_the_subject():
    picture, ball = drawn()
    found = key(picture, WHITE, FLOOR)
    shadow = (ball == 0.0) & (picture.mean(0) < 0.75)
    assert shadow.sum() > 20
    assert found.subject[shadow].max() < 0.1
    assert (found.alpha[shadow] - (1.0 - picture.mean(0)[shadow])).abs().max() < 0.05


def test_a_shiny_edge_and_a_shadow_of_its_own_tint_are_no_fringe():
    side = 2 * SIDE * FINE
    y, x = (np.mgrid[:side, :side] + 0.5) / side * 2.0 - 1.0
    far, below = np.hypot(x, y), np.exp(-np.hypot(x / 2.0, np.maximum(0.0, 0.5 - y)) * 5.0)
    ball = far < 0.5
    shine = np.clip((far - 0.4) / 0.1, 0.0, 1.0)[..., None] ** 2 * 0.2
    colour = np.array([0.8, 0.1, 0.05]) * (1.0 - shine) + shine
    floor = 1.0 - np.array([0.32, 0.36, 0.4]) * below[..., None]
    picture = reduced(np.where(ball[..., None], colour, floor), 2 * SIDE)
    share = reduced(ball[..., None].astype(float), 2 * SIDE)[0]
    truth = 1.0 - reduced(np.where(ball, 0.0, floor.min(2))[..., None], 2 * SIDE)[0]
    found = key(picture, WHITE, FLOOR)
    rim = (share > 0.0) & (share < 1.0)
    assert (found.alpha - truth)[rim].abs().mean() < 0.02
    assert (found.alpha - truth)[(share == 0.0) & (truth > 0.05)].abs().mean() < 0.005


def test_a_grey_subject_is_no_shadow_where_a_model_has_no_hard_ones():
    picture = torch.ones(3, 128, 128)
    soft = disc(picture, 64, 64, 40, (0.58, 0.5, 0.48))
    picture = picture - 0.3 * torch.exp(-((torch.arange(128) - 108) ** 2) / 60.0)[None, :, None] * ~soft
    by_hue = key(picture, WHITE, FLOOR)
    by_step = key(picture, WHITE, replace(FLOOR, step=0.12))
    middle = shrink(shrink(soft))
    assert by_hue.subject[middle].min() < 0.5
    assert by_step.subject[middle].min() == 1.0
    assert by_step.subject[:20].max() == 0.0


@pytest.mark.parametrize(("pocket", "alpha"), [(0.0, 1.0), (5 / 64, 0.0)])
def test_a_hole_through_the_subject_is_seen_through_where_pockets_count(pocket, alpha):
    picture, _ = drawn(hole=0.25)
    found = key(picture, WHITE, Keying((1.0, 1.0, 1.0), pocket=pocket))
    assert found.subject[SIDE // 2, SIDE // 2] == alpha


def test_a_flood_goes_round_corners_and_not_through_walls():
    cost = torch.zeros(40, 40)
    cost[10, 5:35] = cost[30, 5:35] = 1.0
    cost[10:31, 5] = cost[10:31, 34] = 1.0
    assert not flood(cost > 0.5, 1)[20, 20]
    cost[10, 20:22] = 0.0  # a door in the north, and a wall behind it
    cost[14, 6:30] = 1.0
    reached = flood(cost > 0.5, 1)
    assert reached[20, 20]
    assert not reached[14, 10]


def test_strength_nothing_is_the_very_frame():
    frame = as_frame(drawn()[0])
    assert Matte()(frame, frame, FLOOR, Params()) is frame


def test_a_frame_without_its_background_is_premultiplied():
    picture, ball = drawn()
    frame = as_frame(picture)
    made = Matte()(frame, frame, FLOOR, Params({"picture.matte": 1.0})).numpy()
    assert (made[..., :3] <= made[..., 3:]).all()
    assert made[0, 0].tolist() == [0, 0, 0, 0]
    inside = (ball >= 1.0).numpy()
    assert np.abs(made[inside].astype(int) - frame.numpy()[inside]).max() <= 8
    half = Matte()(frame, frame, FLOOR, Params({"picture.matte": 0.5})).numpy()
    assert np.abs(half[0, 0].astype(int) - 128).max() <= 1  # half of the white floor is left


def test_the_shadow_goes_where_it_is_not_wanted():
    picture, ball = drawn()
    frame = as_frame(picture)
    made = Matte()(frame, frame, FLOOR, Params({"picture.matte": 1.0, "picture.shadow": 0.0})).numpy()
    assert made[((ball == 0.0) & (picture.mean(0) < 0.75)).numpy()].max() < 26


def test_a_model_with_alpha_is_taken_at_its_word():
    frame = torch.tensor([[[90, 60, 0, 128], [0, 0, 0, 0]]], dtype=torch.uint8)
    own = Keying(own=True)
    assert Matte()(frame, frame, own, Params({"picture.matte": 1.0})).tolist() == frame.tolist()
    assert Matte()(frame, frame, own, Params())[..., 3].tolist() == [[255, 255]]


def test_a_style_paints_the_subject_and_not_what_shows_through():
    picture, ball = drawn()
    frame = as_frame(picture)
    painted = frame.clone()
    painted[..., :3] = 255 - painted[..., :3]
    made = Matte()(frame, painted, FLOOR, Params({"picture.matte": 1.0})).numpy()
    inside = (ball >= 1.0).numpy()
    assert np.abs(made[inside].astype(int) - painted.numpy()[inside]).max() <= 8
    assert made[0, 0].tolist() == [0, 0, 0, 0]


def test_a_background_that_nobody_named_is_what_most_of_the_border_has():
    picture = torch.full((3, 20, 20), 0.25)
    picture[:, :, 5:9] = 1.0
    found = background_of(picture, Keying())
    assert [float(level) for level in found] == [0.25] * 3
    assert key(picture, found, Keying()).subject[10, [2, 7]].tolist() == [0.0, 1.0]


def test_straight_colours_are_as_bright_as_where_they_are_opaque():
    pixels = np.array([[[50, 0, 100, 100], [9, 9, 9, 255], [0, 0, 0, 0]]], np.uint8)
    assert straight(pixels).tolist() == [[[128, 0, 255, 100], [9, 9, 9, 255], [0, 0, 0, 0]]]
    opaque = np.full((2, 2, 4), 255, np.uint8)
    assert straight(opaque) is opaque


def as_frame(picture: Tensor) -> Tensor:
    rgb = (picture * 255.0).round().to(torch.uint8).permute(1, 2, 0)
    return torch.cat((rgb, torch.full((*rgb.shape[:2], 1), 255, dtype=torch.uint8)), 2)
