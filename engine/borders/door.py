"""A door: a way of the show to other programs. It looks at every frame and says how it is doing."""

from __future__ import annotations

from typing import Protocol

from engine.borders.moment import Moment


class Door(Protocol):
    """A door that somebody asked for. An error of ``attend`` costs a line, and is tried again."""

    @property
    def name(self) -> str:
        """What the operator's window calls it, in a word or two."""
        ...

    def attend(self, moment: Moment) -> None:
        """Look at a frame that was just presented; never wait."""
        ...

    def line(self) -> str:
        """Return how it is doing, in a few words; empty while there is nothing to say."""
        ...

    def close(self) -> None:
        """Shut it; a second call does nothing."""
        ...
