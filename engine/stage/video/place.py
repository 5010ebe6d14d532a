"""Where a video comes from: ``--video-in NAME`` as a value."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from engine.borders.errors import UserError, nearest
from engine.stage.video.cameras import Camera, cameras, system
from engine.system.files import expanded, is_path

FILM, PIPE, CAMERA = "film", "pipe", "camera"
FOREIGN = ("ndi", "spout", "syphon")  # other programs' pictures, NAME behind a colon
PATTERN = "test-pattern"  # FFmpeg's moving one: what a preset makes of a video, without a camera
FILM_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".gif", ".mxf", ".ogv")


@dataclass(frozen=True, slots=True)
class Place:
    """A film's file, a named pipe, a camera, another program's picture or the test pattern: ``kind`` is one of these.

    ``name`` is what the performer calls it, and what is remembered; ``path`` that of a film or a pipe.
    """

    kind: str
    name: str
    path: Path | None = None

    def camera(self) -> Camera:
        """Return the camera of this name, by its number, its device or a part of its name; UserError lists them."""
        return find_camera(self.name)


def parse(text: str) -> Place:
    """Return the place that ``text`` names; UserError where it can be none."""
    text = text.strip()
    kind, _, name = text.partition(":")
    if kind in FOREIGN and ":" in text:
        return Place(kind, name)
    if "://" in text:
        raise UserError(
            f"--video-in {text}: addresses in the network are not opened; give a file, a camera or ndi:NAME"
        )
    if text == PATTERN:
        return Place(PATTERN, PATTERN)
    path = expanded(text)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        if path.suffix.lower() in FILM_SUFFIXES or (is_path(text) and not text.startswith("/dev/")):
            return Place(FILM, text, path)
        return Place(CAMERA, text)
    if stat.S_ISCHR(mode):
        return Place(CAMERA, text)
    if stat.S_ISFIFO(mode):
        return Place(PIPE, text, path)
    if stat.S_ISDIR(mode):
        raise UserError(f"--video-in {text}: is a folder: name a film in it")
    return Place(FILM, text, path)


def film_of(text: str) -> Path:
    """Return the film's file for a render; UserError where it is none, for a render has no cameras."""
    place = parse(text)
    if place.kind != FILM or place.path is None:
        raise UserError(f"--video-in {text}: a render reads the file of a film; there is none of that name")
    return place.path


def lasting(place: Place) -> str:
    """Return the name by which a later show finds the place again, from any folder and at any plug."""
    if place.path is not None:
        return os.path.abspath(place.path)
    return place.camera().name if place.kind == CAMERA else (f"{place.kind}:{place.name}" if place.kind in FOREIGN
                                                             else place.name)  # fmt: skip


def find_camera(name: str) -> Camera:
    """Return a camera by number, from 0, by its device or by a part of its name; UserError lists what there is."""
    found = cameras()
    if name.isdecimal() and int(name) < len(found):
        return found[int(name)]
    wanted = name.casefold()
    for camera in found:
        if name == camera.device:
            return camera
    fitting = [camera for camera in found if wanted in camera.name.casefold()]
    exact = [camera for camera in fitting if wanted == camera.name.casefold()]
    if fitting:
        return (exact or fitting)[0]
    if not found:
        why = "no camera is plugged in" if system() is not None else "FFmpeg knows no cameras on this system"
        raise UserError(f"--video-in {name}: {why}, and there is no film of that name")
    raise UserError(f"--video-in {name}: no camera and no film; {nearest(name, [camera.name for camera in found])}")
