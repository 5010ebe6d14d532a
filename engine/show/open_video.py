"""Opens the video in of a show: a camera, a film, another program's picture."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from engine.borders.contracts import Hands
from engine.borders.controls import Controls
from engine.borders.errors import UserError
from engine.borders.options import ShowOptions, StageOptions
from engine.borders.tick import Tick
from engine.borders.video import Seen
from engine.stage.video.place import film_of, lasting, parse
from engine.stage.video.video_in import FilmIn, VideoIn


def open_video(options: StageOptions, notify: Callable[[str], None], stack: contextlib.ExitStack) -> VideoIn | None:
    """Return the video in that the options ask for, to be closed with ``stack``; UserError where it is not there.

    One that is remembered is waited for.
    """
    if options.video_in is None:
        return None
    video = VideoIn(parse(options.video_in), notify, must_exist="video_in" not in options.recalled)
    stack.callback(video.close)
    return video


def video_of(options: ShowOptions) -> Path | None:
    """Return the film that a render reads, for the digest of what it is made from."""
    return None if options.video_in is None else film_of(options.video_in)


def open_film_in(options: ShowOptions) -> FilmIn | None:
    """Return the film that a render reads as its video in; UserError where it is none."""
    return None if options.video_in is None else FilmIn(film_of(options.video_in))


def seen_as(video: VideoIn | None) -> str | None:
    """Return the name by which the video in is found again, None where there is none."""
    if video is None:
        return None
    try:
        return lasting(video.place)
    except UserError:  # pulled out since
        return video.place.name


class SeeingHands(Hands):
    """The hands of a render, and what its film says: `video.*` stands among the controls, as in a show."""

    def __init__(self, hands: Hands, video: Seen) -> None:
        self._hands, self._video = hands, video

    def read(self, tick: Tick) -> Controls:
        """See Hands."""
        return with_video(self._hands.read(tick), self._video.values(tick.time))


def with_video(controls: Controls, values: Mapping[str, float]) -> Controls:
    """Return ``controls`` with the sources of a video."""
    return replace(controls, values=MappingProxyType({**controls.values, **values})) if values else controls
