"""Shader files as text: their includes, and what they say of themselves with ``#pragma latentvj``. No OpenGL here."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.borders.errors import UserError
from engine.system.last_good import last_good
from engine.system.resources import resource

PASSES = "[!.]*.frag"  # the files of passes in a folder
_INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"\s*$')
_PRAGMA = re.compile(r"^\s*#pragma\s+latentvj\b(.*)$")


class ShaderError(UserError):
    """A shader that cannot be read or does not compile: file, line and what is wrong there."""


@dataclass(frozen=True, slots=True)
class Pragma:
    """One ``#pragma latentvj``: its words, and the place ``file:line`` that an error names."""

    words: tuple[str, ...]
    place: str


@dataclass(frozen=True, slots=True)
class Source:
    """A shader with its includes unfolded, the files it came from in the order of their numbers, and its pragmas."""

    text: str
    files: tuple[Path, ...]
    pragmas: tuple[Pragma, ...]

    def defining(self, defines: Mapping[str, str]) -> str:
        """Return the text with ``#define`` lines after its ``#version``."""
        version, _, rest = self.text.partition("\n")
        lines = [f"#define {name} {value}" for name, value in defines.items()]
        return "\n".join([version, *lines, "#line 2 0", rest])


def shipped() -> Path:
    """Return the folder of the shipped shaders."""
    return resource("shaders")


def files_of(folders: Sequence[Path] = ()) -> dict[str, Path]:
    """Return the file of every pass by name. A file in ``folders`` goes over a shipped one of the same name."""
    found: dict[str, Path] = {}
    for place in (*folders, shipped()):
        for path in last_good.files(place, PASSES):
            found.setdefault(path.stem, path)
    return found


def read(name: str, folders: Sequence[Path] = ()) -> Source:
    """Return the shader file ``name`` (``grade.frag``) with its includes; each file is included once.

    A file is looked for in each of ``folders`` and then among the shipped ones. ShaderError names file and line.
    """
    places = (*folders, shipped())
    files = [_find(name, places) or places[0] / name]
    pragmas: list[Pragma] = []
    text = "\n".join(_unfold(files[0], places, files, pragmas))
    if not text.startswith("#version"):
        raise ShaderError(f"{files[0]}:1: a shader begins with '#version 330 core'")
    return Source(text + "\n", tuple(files), tuple(pragmas))


def pragmas_of(path: Path) -> tuple[Pragma, ...]:
    """Return what a file says of itself; its includes are not looked at. ShaderError names file and line."""
    found = (_pragma(line, f"{path}:{number}") for number, line in enumerate(_lines(path), 1))
    return tuple(pragma for pragma in found if pragma is not None)


def _lines(path: Path) -> list[str]:
    return text_of(path).splitlines()


def text_of(path: Path) -> str:
    """Return the text of a shader's file, as it is or as it was good; ShaderError where it cannot be read."""
    try:
        return last_good.read(path, "the shader")
    except UserError as error:
        raise ShaderError(str(error)) from error


def _pragma(line: str, place: str) -> Pragma | None:
    found = _PRAGMA.match(line)
    if found is None:
        return None
    try:
        return Pragma(tuple(shlex.split(found[1])), place)
    except ValueError as error:
        raise ShaderError(f"{place}: {str(error).lower()} in '{line.strip()}'") from error


def _find(name: str, places: Sequence[Path]) -> Path | None:
    return next((place / name for place in places if last_good.at_hand(place / name)), None)


def _unfold(path: Path, places: Sequence[Path], files: list[Path], pragmas: list[Pragma]) -> list[str]:
    """Return the lines of ``path``, which is the last of ``files``, and of what it includes."""
    number = len(files) - 1
    out: list[str] = []
    for index, line in enumerate(_lines(path), 1):
        place = f"{path}:{index}"
        if (pragma := _pragma(line, place)) is not None:
            if number:
                raise ShaderError(f"{place}: '#pragma latentvj' stands in the file of the pass, not in an included one")
            pragmas.append(pragma)
            out.append("")  # the driver need not read it
        elif (found := _INCLUDE.match(line)) is None:
            out.append(line)
        else:
            inner = _find(found[1], places)
            if inner is None:
                raise ShaderError(f"{place}: there is no {found[1]} to include in {' or '.join(map(str, places))}")
            if inner not in files:
                files.append(inner)
                out.append(f"#line 1 {len(files) - 1}")
                out += _unfold(inner, places, files, pragmas)
            out.append(f"#line {index + 1} {number}")
    return out
