"""ISF files as presets and setlists name them."""

from __future__ import annotations

from pathlib import Path

from engine.borders.preset import ISF
from engine.system.files import beside, is_path
from engine.system.last_good import last_good


def isf_of(name: str, file: Path) -> str:
    """Return ``isf:NAME`` of the text ``file``: by its whole path where it lies beside, or is a path."""
    wanted = name.removeprefix(ISF)
    return f"{ISF}{beside(wanted, file)}" if is_path(wanted) or last_good.at_hand(beside(wanted, file)) else name
