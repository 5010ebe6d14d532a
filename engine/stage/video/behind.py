"""The video in behind the picture: it goes on when the preset does not."""

from __future__ import annotations

from engine.borders.contracts import Pixels
from engine.borders.video import Seen


class Behind:
    """Footage that the show keeps open."""

    def __init__(self, video: Seen) -> None:
        self.video = video

    def at(self, seconds: float) -> Pixels | None:
        """See Footage."""
        return self.video.at(seconds)

    def close(self) -> None:
        """Leave it to the show."""
