"""What the compositor draws, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

from engine.borders.errors import UserError
from engine.stage.passes.compositor import Compositor
from engine.stage.windows.headless import HeadlessWindow
from tests.builders.params import Params
from tests.builders.pictures import BLUE, GREEN, GREY, RED, as_frame, assert_golden, flat, quadrants, still_life


def draw(window, frame, overlay=(), **knobs):
    values = {name.replace("__", "."): value for name, value in knobs.items()}
    compositor = Compositor(window)
    compositor(frame, Params(values), overlay)
    return window.read()


def close_to(pixel, colour, within=2):
    return np.abs(np.asarray(pixel, int) - colour).max() <= within


def test_a_frame_of_the_windows_size_arrives_unchanged(open_window):
    frame = still_life(48)
    picture = draw(open_window(48, 48), frame)
    assert np.array_equal(picture, frame.numpy()[..., :3])


def test_the_first_row_is_the_top(open_window):
    picture = draw(open_window(64, 64), quadrants())
    corners = picture[8, 8], picture[8, 56], picture[56, 8], picture[56, 56]
    assert [close_to(c, want) for c, want in zip(corners, (RED, GREEN, BLUE, GREY), strict=True)] == [True] * 4


@pytest.mark.parametrize(("size", "box"), [((160, 90), (35, 0, 125, 90)), ((90, 160), (0, 35, 90, 125))])
def test_the_frame_keeps_its_shape_in_the_middle_of_black(open_window, size, box):
    picture = draw(open_window(*size), flat((255, 255, 255)))
    left, top, right, bottom = box
    lit = np.zeros(picture.shape[:2], bool)
    lit[top:bottom, left:right] = True
    assert (picture[lit] == 255).all()
    assert (picture[~lit] == 0).all()


def test_a_frame_that_is_not_square_keeps_its_shape(open_window):
    wide = as_frame(np.full((8, 24, 3), 255, np.uint8))
    lit = draw(open_window(120, 120), wide)[..., 0] == 255
    assert lit.any(axis=1).sum() == 40
    assert lit.any(axis=0).sum() == 120


def test_enlarging_is_closer_to_the_truth_than_bilinear(open_window):
    def wave(n):
        x = (np.arange(n) + 0.5) / n
        return 127.5 + 100 * np.sin(2 * np.pi * 6 * x)[None, :] * np.cos(2 * np.pi * 5 * x)[:, None]

    frame = as_frame(np.repeat(wave(64).round().astype(np.uint8)[..., None], 3, axis=2))
    picture = draw(open_window(512, 512), frame)[..., 0].astype(float)
    at = (np.arange(512) + 0.5) / 8 - 0.5
    columns = np.array([np.interp(at, np.arange(64), row) for row in wave(64)])
    bilinear = np.array([np.interp(at, np.arange(64), column) for column in columns.T]).T
    inner = slice(16, -16)
    error, worse = (np.abs(p - wave(512))[inner, inner].mean() for p in (picture, bilinear))
    assert error < 0.6 * worse


def test_an_enlarged_edge_neither_steps_nor_rings_much(open_window):
    edge = np.zeros((32, 32, 3), np.uint8)
    edge[:, 16:] = 200
    row = draw(open_window(256, 256), as_frame(edge))[128, :, 0].astype(int)
    assert row.max() <= 200 * 1.08
    rise = row[116:140]
    assert (np.diff(rise[(rise > 5) & (rise < 195)]) > 0).all()  # no plateaus: not the pixels themselves


def test_a_smaller_window_averages_the_frame(open_window):
    board = np.indices((256, 256)).sum(axis=0) % 2 * 255
    picture = draw(open_window(64, 64), as_frame(np.repeat(board[..., None], 3, axis=2).astype(np.uint8)))
    assert np.abs(picture.astype(int) - 127).max() <= 2


@pytest.mark.parametrize(
    ("knobs", "colour"),
    [
        ({"picture__brightness": 0.0}, (0, 0, 0)),
        ({"picture__brightness": 0.5}, (100, 50, 25)),
        ({"picture__brightness": 2.0}, (255, 200, 100)),
        ({"picture__contrast": 0.0}, (128, 128, 128)),
        ({"picture__contrast": 1.5}, (236, 86, 11)),
        ({"picture__saturation": 0.0}, (118, 118, 118)),  # BT.709 luma of (200, 100, 50)
        ({"picture__saturation": 0.5}, (159, 109, 84)),
        ({"picture__blackout": 0.5}, (100, 50, 25)),
        ({"picture__blackout": 1.0}, (0, 0, 0)),
    ],
)
def test_a_knob_of_the_grade_does_what_it_says(open_window, knobs, colour):
    picture = draw(open_window(40, 40), flat((200, 100, 50)), **knobs)
    assert close_to(picture[20, 20], colour), picture[20, 20]
    assert np.ptp(picture, axis=(0, 1)).max() <= 1


def test_zoom_scales_about_the_middle(open_window):
    lit = draw(open_window(80, 80), flat((255, 255, 255)), picture__zoom=0.5)[..., 0] > 127
    assert lit.any(axis=0).nonzero()[0].tolist() == list(range(20, 60))
    near = draw(open_window(80, 80), quadrants(), picture__zoom=4.0)
    assert close_to(near[4, 4], RED)
    assert close_to(near[76, 76], GREY)


def test_a_quarter_turn_is_anticlockwise(open_window):
    picture = draw(open_window(64, 64), quadrants(), picture__rotation=0.25)
    assert close_to(picture[56, 8], RED)
    assert close_to(picture[8, 8], GREEN)


def test_text_is_drawn_bottom_left_and_nowhere_else(open_window):
    window = open_window(480, 270)
    picture = draw(window, flat((40, 120, 40)), ("fps 60.0", "speed 0.05"))
    without = draw(window, flat((40, 120, 40)))
    rows, columns = (np.abs(picture.astype(int) - without).max(axis=2) > 0).nonzero()
    assert rows.min() > 135
    assert columns.max() < 240
    assert picture[rows.min() :, : columns.max()].max() > 200  # white ink


def test_text_is_rasterised_only_when_it_changes(open_window):
    from engine.stage.desktop.text import TextPanel

    window = open_window(320, 180)
    panel = TextPanel(window.ctx)
    for lines in (("one",), ("one",), ("two",), (), ("two",)):
        panel.draw(lines, window.target, window.size)
    assert panel.redraws == 2


def test_a_frame_of_another_size_is_taken_mid_show(open_window):
    window = open_window(64, 64)
    compositor = Compositor(window)
    for size in (16, 32, 64, 128, 16):
        compositor(flat(RED, size), Params())
        assert close_to(window.read()[32, 32], RED)


def test_nothing_is_shown_before_the_first_frame(open_window):
    window = open_window(32, 32)
    Compositor(window).draw(Params())
    assert window.read().max() == 0


def test_an_unknown_pass_is_refused_with_the_known_ones(open_window):
    with pytest.raises(UserError, match=r"unknown pass 'sparkle'.*grade"):
        Compositor(open_window(8, 8), ("grade", "sparkle"))


@pytest.mark.parametrize("size", [(0, 10), (-4, 4), (10, 99999)])
def test_an_impossible_size_is_refused_in_one_line(size):
    with pytest.raises(UserError, match="pixels"):
        HeadlessWindow(size)


def test_the_whole_picture_has_not_changed(open_window):
    knobs = {"picture__rotation": 0.05, "picture__zoom": 1.2, "picture__contrast": 1.2, "picture__saturation": 1.3}
    assert_golden(draw(open_window(192, 108), still_life()), "grade")
    assert_golden(draw(open_window(192, 108), still_life(), **knobs), "grade_turned")


def test_a_wide_window_has_bars_or_is_filled(open_window):
    window, white = open_window(160, 80), flat((255, 255, 255))
    compositor = Compositor(window)

    def lit(**knobs: float) -> list[int]:
        compositor(white, Params({name.replace("__", "."): value for name, value in knobs.items()}))
        columns = (window.read()[..., 0] > 127).all(axis=0).nonzero()[0]
        return [int(columns.min()), int(columns.max())]

    assert lit() == [40, 119]
    assert lit(picture__fit=0.5) == [20, 139]
    assert lit(picture__fit=1.0) == [0, 159]
    compositor.close()
    compositor = Compositor(window, fit=1.0)
    assert lit() == [0, 159]
    compositor(quadrants(), Params())
    assert close_to(window.read()[2, 2], RED)  # cut off above and below, not squeezed
    compositor.close()
