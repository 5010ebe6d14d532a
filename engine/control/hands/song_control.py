"""What hands ask of a rehearsal's song: seek, pause, loops. A command's name after ``transport.`` is also OSC's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

STEP_SECONDS, FAR_SECONDS = 5.0, 30.0  # s; by which keys go on and back


class SongControl(Protocol):
    """The song, as far as hands reach. Places are seconds of it; None is where it is now."""

    def seek(self, seconds: float) -> None:
        """Go to a place."""
        ...

    def skip(self, seconds: float) -> None:
        """Go on by ``seconds``, or back."""
        ...

    def pause(self, on: bool | None = None) -> None:
        """Hold the song, or let it go on; None changes to the other."""
        ...

    def loop_from(self, seconds: float | None = None) -> None:
        """Begin a loop."""
        ...

    def loop_to(self, seconds: float | None = None) -> None:
        """End the loop, and go round."""
        ...

    def clear_loop(self) -> None:
        """Go round no longer."""
        ...


# By their name: what each does with the number that OSC has sent along, None where there was none.
REQUESTS: Mapping[str, Callable[[SongControl, float | None], None]] = MappingProxyType(
    {
        "pause": lambda song, on: song.pause(None if on is None else on > 0.0),
        "play": lambda song, _: song.pause(False),
        "back": lambda song, _: song.skip(-STEP_SECONDS),
        "forward": lambda song, _: song.skip(STEP_SECONDS),
        "far_back": lambda song, _: song.skip(-FAR_SECONDS),
        "far_forward": lambda song, _: song.skip(FAR_SECONDS),
        "loop_from": lambda song, place: song.loop_from(place),
        "loop_to": lambda song, place: song.loop_to(place),
        "loop_clear": lambda song, _: song.clear_loop(),
        "seek": lambda song, place: song.seek(place or 0.0),
        "skip": lambda song, by: song.skip(by or 0.0),
    }
)
WITH_NUMBER = ("seek", "skip")  # do nothing without a number
TAKES_PLACES = (*WITH_NUMBER, "loop_from", "loop_to")
NO_SONG = "transport: there is no song to seek in; vj rehearse SONG plays one"
