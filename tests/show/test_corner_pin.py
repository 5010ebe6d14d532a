"""The corners of the wall's picture: kept for each display, drawn last, dragged in the operator's window."""

from __future__ import annotations

import json

import numpy as np
import pytest

from engine.borders.params import Params
from engine.show.corner_pin import CORNERS, CornerPin
from engine.show.table import standard
from engine.stage.operator import corners as marks
from engine.stage.operator.corners import CornerMouse
from engine.stage.operator.sheet import Sheet
from engine.stage.passes.compositor import Compositor
from engine.stage.windows.headless import HeadlessWindow
from tests.parts import need

SIZE = (160, 90)
TABLE = standard()


def drawn(**pin: float) -> np.ndarray:
    """Return the wall, top row first, with what the pass is told; the picture is a ramp of red over green."""
    need("EGL")
    import torch

    frame = torch.zeros(90, 160, 4, dtype=torch.uint8)
    frame[..., 0] = torch.linspace(0, 255, 160)[None]
    frame[..., 1], frame[..., 3] = 200, 255
    window = HeadlessWindow(SIZE)
    compositor = Compositor(window)
    params = Params({f"pin.{name}": value for name, value in pin.items()}, TABLE)
    compositor(frame, params)
    compositor.pin(params)
    seen = window.read_rgba().astype(int)
    compositor.close()
    window.close()
    return seen


def homography(corners: dict[str, tuple[float, float]]) -> np.ndarray:
    """Return the matrix that leads from the picture to the wall, by solving for it."""
    rows, right = [], []
    for name, (u, v) in CORNERS.items():
        x, y = corners[name]
        rows += [[u, v, 1, 0, 0, 0, -u * x, -v * x], [0, 0, 0, u, v, 1, -u * y, -v * y]]
        right += [x, y]
    return np.append(np.linalg.solve(np.array(rows, float), right), 1.0).reshape(3, 3)


def test_off_it_is_the_old_picture_bit_for_bit():
    assert np.array_equal(drawn(), drawn(amount=0.0, top_left_x=0.3, left=0.4))


def test_on_with_nothing_moved_it_is_the_picture():
    assert np.abs(drawn(amount=1.0) - drawn()).max() <= 1


def test_corners_move_by_the_homography():
    moved = {"top_left_x": 0.2, "top_left_y": -0.1, "bottom_right_x": -0.1, "bottom_right_y": 0.25, "top_right_y": -0.2}
    corners = {
        name: (x + moved.get(f"{name}_x", 0.0), y + moved.get(f"{name}_y", 0.0)) for name, (x, y) in CORNERS.items()
    }
    seen, back = drawn(amount=1.0, **moved), np.linalg.inv(homography(corners))
    y, x = np.mgrid[0:90, 0:160]
    at = np.stack([(x + 0.5) / 160, 1.0 - (y + 0.5) / 90, np.ones_like(x, float)])
    u, v, w = np.einsum("ij,jyx->iyx", back, at)
    u, v = u / w, v / w
    inside = (np.minimum(u, 1 - u) > 0.02) & (np.minimum(v, 1 - v) > 0.03)
    outside = (np.minimum(u, 1 - u) < -0.02) | (np.minimum(v, 1 - v) < -0.03)
    assert inside.mean() > 0.4
    assert outside.mean() > 0.1
    assert np.abs(seen[..., 0] - 255 * (u * 160 - 0.5) / 159)[inside].max() <= 3
    assert seen[outside][..., :3].max() == 0


def test_outside_goes_on_by_the_border_rule_where_that_is_asked_for():
    seen = drawn(amount=1.0, outside=1.0, top_left_x=0.3, bottom_left_x=0.3)
    assert seen[45, 4, 1] > 150


def test_two_blended_edges_are_as_bright_as_the_rest_in_light():
    left, right = drawn(amount=1.0, right=0.25), drawn(amount=1.0, left=0.25)
    light = (left[45, 120:, 1] / 200.0) ** 2.2 + (right[45, :40, 1] / 200.0) ** 2.2
    assert np.abs(light - 1.0).max() < 0.03
    assert left[45, -1, 1] < 40
    assert left[45, 60, 1] == 200


@pytest.fixture
def kept(tmp_path):
    """Return the file that corners are kept in."""
    return tmp_path / "user" / "corners.json"


def pin(kept, display: str = "HDMI-1", lines: list[str] | None = None) -> CornerPin:
    """Return the corners of a display."""
    return CornerPin(TABLE, lambda: display, (lines if lines is not None else []).append, kept)


def test_corners_are_kept_for_their_display_and_for_no_other(kept):
    one = pin(kept)
    one.toggle()
    one.drag("top_left", 0.1, 0.9)
    one.set("pin.left", 0.2)
    one.toggle()
    again = pin(kept).values(Params({}, TABLE))
    assert again["pin.top_left_x"] == pytest.approx(0.1)
    assert again["pin.top_left_y"] == pytest.approx(-0.1)
    assert again["pin.left"] == pytest.approx(0.2)
    assert again["pin.amount"] == 1.0
    params = Params({}, TABLE)
    assert pin(kept, "DP-2").values(params) is params
    other = pin(kept, "DP-2")
    other.drag("bottom_right", 0.8, 0.1)
    other.save()
    assert set(json.loads(kept.read_text())) == {"HDMI-1", "DP-2"}
    other.reset()
    assert set(json.loads(kept.read_text())) == {"HDMI-1"}


def test_what_osc_or_a_route_says_goes_over_what_is_kept(kept):
    one = pin(kept)
    one.drag("top_left", 0.1, 0.9)
    now = one.values(Params({"pin.top_left_x": 0.3}, TABLE))
    assert (now["pin.top_left_x"], now["pin.top_left_y"]) == pytest.approx((0.3, -0.1))


@pytest.mark.parametrize(
    "text", ["", "[]", '{"HDMI-1": 3}', '{"HDMI-1": {"pin.left": "x", "pin.nothing": 1}}', "{" * 9]
)
def test_a_file_that_was_broken_by_hand_is_no_corners(kept, text):
    kept.parent.mkdir()
    kept.write_text(text)
    assert not pin(kept).on


def test_a_folder_that_cannot_be_written_costs_a_line(tmp_path):
    (tmp_path / "file").write_text("")
    lines: list[str] = []
    one = pin(tmp_path / "file" / "corners.json", lines=lines)
    one.drag("top_left", 0.1, 0.9)
    one.save()
    assert len(lines) == 1
    assert "corners" in lines[0]
    assert one.on


def test_four_drags_set_four_corners(kept):
    one = pin(kept)
    one.toggle()
    for name, (dx, dy) in zip(CORNERS, [(20, 10), (-20, 10), (20, -10), (-20, -10)], strict=True):
        sheet = Sheet((800, 600), 12)
        sheet.picture(100, 50, 400, 200)
        marks.draw(sheet, one.places(Params({}, TABLE)), True)
        mouse = CornerMouse()
        at = next((x, y) for which, x, y in sheet.handles if which == name)
        assert mouse.press(sheet, at[0] + 2, at[1] - 2)
        mouse.move(at[0] + 2 + dx, at[1] - 2 + dy)
        mouse.release()
        mouse.move(0.0, 0.0)
        for corner, place in mouse.dragged().items():
            one.drag(corner, *place)
    places = one.places(Params({}, TABLE))
    assert places["top_left"] == pytest.approx((0.05, 0.95))
    assert places["bottom_right"] == pytest.approx((0.95, 0.05))
    assert {sheet.hit(*_middle(zone)) for zone in sheet.zones} == {marks.TOGGLE, marks.RESET}


def test_without_dragging_a_press_on_the_preview_moves_nothing(kept):
    sheet = Sheet((800, 600), 12)
    sheet.picture(100, 50, 400, 200)
    marks.draw(sheet, pin(kept).places(Params({}, TABLE)), False)
    assert not CornerMouse().press(sheet, 100, 50)


def _middle(zone):
    _, (left, top, width, height) = zone
    return left + width / 2, top + height / 2
