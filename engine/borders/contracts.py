"""The borders of the engine: what the loop needs from ears, hands, generator and window."""

from __future__ import annotations

from typing import Any, Protocol

from engine.borders.features import AudioFeatures
from engine.borders.params import Params
from engine.borders.tick import Tick


class Ears(Protocol):
    """A source of sound, already analysed."""

    def latest(self, tick: Tick) -> AudioFeatures:
        """Return what was heard up to ``tick``; its ``recent`` holds every hop since the last call."""
        ...

    def close(self) -> None:
        """Release the device."""
        ...


class Generator(Protocol):
    """A model that turns latents into a frame that stays on its device."""

    num_ws: int
    w_dim: int
    resolution: int

    def __call__(self, ws: Any, params: Params) -> Any:
        """Return the frame, uint8 RGBA [H, W, 4], for ``ws`` float32 [num_ws, w_dim]."""
        ...


class Window(Protocol):
    """Where pictures go: a screen, a file, or nowhere."""

    def present(self, picture: Any) -> None:
        """Show the picture; returns once it has been handed over."""
        ...

    def close(self) -> None:
        """Release the screen or finish the file."""
        ...
