"""Opens the operator's window beside the wall's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.borders.contracts import Window
from engine.borders.errors import UserError

if TYPE_CHECKING:
    from engine.stage.operator.window import Operator


def open_operator(wall: Window, display: str = "") -> Operator:
    """Open it on ``display``, a number or part of a name, or where there is room; UserError where that cannot be."""
    if not wall.on_screen:
        raise UserError("--operator: there is no window beside which it could open (--headless)")
    from engine.stage.operator.window import Operator  # loads GLFW: not in a show without a window
    from engine.stage.windows.window import GlfwWindow

    assert isinstance(wall, GlfwWindow)  # the only window that is on a screen
    return Operator(wall, display)
