"""Parameters by the mouse: dragged, wheeled, reset by a double click."""

from __future__ import annotations

import pytest

from engine.borders.features import AudioFeatures
from engine.borders.params import Param
from engine.borders.tick import Tick
from engine.control.hands.hands import Hands
from engine.control.hands.keyboard import Keyboard
from engine.stage.operator import layout
from engine.stage.operator.sheet import Sheet, Slider
from engine.stage.operator.sliders import Mouse, Turned
from engine.stage.operator.status import Status, share, value_at
from tests.builders.params import TABLE, Params

SIZE = (1280, 800)
STATUS = Status(
    cue="tidal", place="", fps=60.0, wanted_fps=60.0, late=0, gaps=(), features=AudioFeatures(),
    params=Params({"speed": 0.23}), base={}, played=frozenset(),
)  # fmt: skip
RIPE = Param("attribute.ripe", 0.0, -4.0, 4.0, "sd", "how ripe")


def sheet_of(param: Param, value: float, *, played: bool = False) -> Sheet:
    sheet = Sheet(SIZE, 12)
    sheet.slider(Slider(param, value, played, (100.0, 50.0, 200.0, 14.0)))
    return sheet


@pytest.mark.parametrize("name", TABLE)
def test_a_place_on_a_bar_is_the_value_that_is_drawn_there(name: str):
    param = TABLE[name]
    for at in (0.0, 0.2, 0.5, 0.9, 1.0):
        value = value_at(param, at)
        assert param.low <= value <= param.high
        assert value_at(param, share(param, value)) == pytest.approx(value, abs=1e-6 * (param.high - param.low))
        if not param.whole:
            assert share(param, value) == pytest.approx(at, abs=1e-6)


def test_every_parameter_of_the_operators_window_has_a_slider_on_its_row():
    found = set()
    for scroll in range(0, len(TABLE) + 10, 40):
        sheet = layout.operator(STATUS, SIZE, 12, (1280, 720), scroll)
        for slider in sheet.sliders:
            left, top, width, height = slider.box
            assert sheet.hit(left + width / 2, top + height / 2) == slider.param.name
            assert sheet.slider_at(left + 0.9 * width, top + height / 2) == slider
            found.add(slider.param.name)
    assert found == set(TABLE)


def test_a_bar_follows_the_mouse_and_a_mere_click_changes_nothing():
    mouse, sheet = Mouse(), sheet_of(RIPE, 0.5)
    mouse.press(sheet, 150.0, 55.0, 0.0)
    mouse.move(151.0)
    mouse.release()
    assert mouse.turned() == ()
    mouse.press(sheet, 150.0, 55.0, 5.0)
    for x in (180.0, 240.0, 250.0):
        mouse.move(x)
    mouse.release()
    mouse.move(110.0)
    assert mouse.turned() == (Turned("attribute.ripe", value_at(RIPE, 0.75)),)
    assert mouse.turned() == ()
    mouse.press(sheet, 150.0, 55.0, 9.0)
    mouse.move(9000.0)
    assert mouse.turned() == (Turned("attribute.ripe", 4.0),)
    mouse.press(sheet, 20.0, 55.0, 12.0)  # beside every bar
    mouse.move(300.0)
    assert mouse.turned() == ()


def test_a_double_click_lets_go_and_two_slow_ones_or_a_drag_do_not():
    mouse, sheet = Mouse(), sheet_of(RIPE, 0.5)
    for time in (0.0, 0.2):
        mouse.press(sheet, 150.0, 55.0, time)
        mouse.release()
    assert mouse.turned() == (Turned("attribute.ripe", None),)
    for time in (5.0, 6.0):
        mouse.press(sheet, 150.0, 55.0, time)
        mouse.release()
    assert mouse.turned() == ()
    mouse.press(sheet, 150.0, 55.0, 10.0)
    mouse.move(170.0)
    mouse.release()
    mouse.press(sheet, 170.0, 55.0, 10.1)
    assert [each.value is None for each in mouse.turned()] == [False]


def test_the_wheel_goes_on_from_what_it_has_set():
    mouse, sheet = Mouse(), sheet_of(RIPE, 0.0)
    assert mouse.wheel(sheet, 150.0, 55.0, 1.0)
    assert mouse.wheel(sheet, 150.0, 55.0, 1.0)
    (turned,) = mouse.turned()
    assert turned.value == pytest.approx(value_at(RIPE, 0.54))
    assert not mouse.wheel(sheet, 20.0, 55.0, 1.0)
    played = sheet_of(RIPE, 0.0, played=True)  # the sound moves it: the sheet does not show where it stands
    mouse.wheel(played, 150.0, 55.0, -1.0)
    (turned,) = mouse.turned()
    assert turned.value == pytest.approx(value_at(RIPE, 0.52))
    whole = Param("jump.point", 0.0, 0.0, 64.0, "", "", whole=True)
    mouse.wheel(sheet_of(whole, 3.0), 150.0, 55.0, 2.0)
    assert mouse.turned() == (Turned("jump.point", 5.0),)


def test_what_the_mouse_sets_stands_until_it_is_let_go_or_panic():
    class Cues:
        def next(self) -> None: ...

        def previous(self) -> None: ...

        def go(self, cue: int | str) -> None: ...

    hands = Hands(Keyboard(lambda: ()), Cues(), lambda line: None, TABLE)
    tick = Tick(0, 0.0, 0.0)
    hands.set("speed", 9.0)
    hands.set("swirl.turns", 0.5)
    hands.set("attribute.nothing", 1.0)
    assert dict(hands.read(tick).overrides) == {"speed": 4.0, "swirl.turns": 0.5}
    hands.set("speed", None)
    assert dict(hands.read(tick).overrides) == {"swirl.turns": 0.5}
    hands._panic()
    assert dict(hands.read(tick).overrides) == {}
