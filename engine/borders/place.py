"""Where a window lies: told by a show to its supervisor, and by that to the next one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where a window lies on the desktop, in screen coordinates."""

    left: int
    top: int
    width: int
    height: int
    full: bool = False  # whether it fills its display
