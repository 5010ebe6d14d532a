"""Opens the operator's window beside the wall's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.borders.contracts import Window
from engine.borders.errors import UserError

if TYPE_CHECKING:
    from engine.stage.operator.window import Operator


def open_operator(window: Window, display: str = "") -> Operator:
    """Open it on ``display``, a number or part of a name, or where there is room; UserError where that cannot be."""
    if window.wall is None:
        raise UserError("--operator: there is no window beside which it could open (--headless)")
    from engine.stage.operator.window import Operator  # loads GLFW: not in a show without a window

    return Operator(window.wall, display)
