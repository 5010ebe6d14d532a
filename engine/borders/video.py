"""What is seen through a camera or a film: the names of its sources, and the contract of what shows it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from engine.borders.contracts import Pixels

VIDEO = "video"  # of a preset's background: what --video-in opens
PREFIX = "video."
# Sources by their name, and what each says; all are 0..1.
VIDEO_SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "video.motion": "how much of the picture has changed in the last tenth of a second",
        "video.brightness": "its mean brightness",
        "video.red": "its mean red",
        "video.green": "its mean green",
        "video.blue": "its mean blue",
        "video.hue": "the hue of its mean colour: 0 red, 1/3 green, 2/3 blue",
    }
)


class Seen(Protocol):
    """A camera, a film or another program's picture, as a show uses it. See `contracts.Footage` for `at`."""

    def at(self, seconds: float) -> Pixels | None:
        """Return what is seen ``seconds`` into the show, premultiplied; None before the first frame."""
        ...

    def values(self, seconds: float) -> Mapping[str, float]:
        """Return the sources of VIDEO_SOURCES at that moment; none before the first frame."""
        ...

    def close(self) -> None:
        """Release the file or the device; a second call does nothing."""
        ...
