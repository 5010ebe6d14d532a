"""A part of a film: some of its frames in a file of their own, which says what it was made from."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path

import av

from engine.borders.errors import UserError
from engine.system.files import media

TAG = "LATENTVJ_PART"  # of a Matroska file
VERSION = 1
SUFFIX = ".mkv"  # the container that keeps the tag


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a part says of itself.

    ``frames`` are its first and the one behind its last, of ``of`` in the film. ``made_from`` has a digest of
    everything that the pictures depend on, by what it is. On equal ``kind`` (processor or GPU, precision, …) equal
    pictures are promised. ``ends`` are the seconds at which its frames end, where these are not evenly long.
    ``sound`` says where the film's sound comes from.
    """

    frames: tuple[int, int]
    of: int
    fps: str  # a fraction
    made_from: Mapping[str, str]
    kind: Mapping[str, str]
    sound: Mapping[str, str] = field(default_factory=dict)
    ends: Sequence[float] | None = None

    @property
    def rate(self) -> Fraction:
        """Frames a second."""
        return Fraction(self.fps)

    def tags(self) -> dict[str, str]:
        """Return the tags of its file."""
        return {TAG: json.dumps({"version": VERSION, **asdict(self)})}


def read(path: Path) -> Part:
    """Return what a file says of itself; UserError where it is no part, or damaged."""
    try:
        with av.open(media(path)) as container:
            said = container.metadata.get(TAG)
            videos = len(container.streams.video)
    except (av.error.FFmpegError, OSError) as error:
        raise UserError(f"{path}: cannot be read as a part ({error.strerror or error}): make it again") from error
    if said is None or videos != 1:
        raise UserError(f"{path}: is no part of a film: vj render … --frames A:B -o PART.mkv makes parts")
    if (part := told(said)) is not None:
        return part
    raise UserError(f"{path}: was made by another version of vj: make it again")


def told(said: str | None) -> Part | None:
    """Return the part that a tag tells of; None where another version of vj has written it."""
    with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
        fields = json.loads(said or "{}")
        if fields.pop("version") == VERSION:
            begin, end = fields.pop("frames")
            return Part(frames=(int(begin), int(end)), **fields)
    return None
