"""The mouse on the parameters' bars: dragged, wheeled, and reset by a double click. Values only, no window here."""

from __future__ import annotations

from typing import NamedTuple

from engine.borders.params import Param
from engine.stage.operator.sheet import Sheet, Slider
from engine.stage.operator.status import share, value_at

DOUBLE = 0.4  # seconds; two presses at one bar that are no further apart reset it
STILL = 3.0  # pixels; a press that moves no further is a click and changes nothing
NOTCH = 0.02  # of a bar; how far a notch of the wheel goes


class Turned(NamedTuple):
    """A parameter that the mouse has set; None lets go of it, and the preset's value is back."""

    name: str
    value: float | None


class Mouse:
    """Turns presses, moves and the wheel into what parameters are set to."""

    def __init__(self) -> None:
        self._held: Slider | None = None
        self._from = 0.0  # pixels; where the bar was pressed
        self._moved = False
        self._pressed: tuple[str, float] | None = None  # the bar of the last press, and when
        self._turned: dict[str, Turned] = {}
        self._stands: dict[str, float] = {}  # what was set last, of parameters that a route moves as well

    def press(self, sheet: Sheet, x: float, y: float, time: float) -> None:
        """Take hold of the bar at ``x``, ``y``, if there is one; a second press soon after resets it."""
        slider = sheet.slider_at(x, y)
        self._held, self._moved, self._from = slider, False, x
        if slider is None:
            self._pressed = None
            return
        name = slider.param.name
        if self._pressed is not None and self._pressed[0] == name and time - self._pressed[1] <= DOUBLE:
            self._set(name, None)
            self._held = self._pressed = None
        else:
            self._pressed = name, time

    def move(self, x: float) -> None:
        """Let the bar that is held follow the mouse."""
        if self._held is None or (not self._moved and abs(x - self._from) <= STILL):
            return
        self._moved, self._pressed = True, None
        param, (left, _, width, _) = self._held.param, self._held.box
        self._set(param.name, value_at(param, (x - left) / max(1.0, width)))

    def release(self) -> None:
        """Let go of the bar; the value stays."""
        self._held = None

    def wheel(self, sheet: Sheet, x: float, y: float, notches: float) -> bool:
        """Turn the bar at ``x``, ``y`` by the wheel; return whether there is one."""
        slider = sheet.slider_at(x, y)
        if slider is None:
            return False
        name, value = slider.param.name, slider.value
        if slider.played or name in self._turned:  # what the sheet shows is moved by the sound, or is of before
            value = self._stands.get(name, value)
        self._set(name, _stepped(slider.param, value, notches))
        return True

    def _set(self, name: str, value: float | None) -> None:
        self._turned[name] = Turned(name, value)
        if value is None:
            self._stands.pop(name, None)
        else:
            self._stands[name] = value

    def turned(self) -> tuple[Turned, ...]:
        """Return what was set since the last call, the last value of each parameter."""
        found = tuple(self._turned.values())
        self._turned = {}
        return found


def _stepped(param: Param, value: float, notches: float) -> float:
    """Return the value some notches on; whole numbers go by one each."""
    if param.whole:
        return param.clamp(value + notches)
    return value_at(param, share(param, value) + notches * NOTCH)
