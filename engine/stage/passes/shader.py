"""Shader files into programs: ``#include``, defines, and errors that name the file and the line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import moderngl

from engine.borders.errors import UserError
from engine.system.resources import resource

_INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"\s*$')
PRAGMA = re.compile(r"^\s*#pragma\s+latentvj\b(.*)$")
_LINE = re.compile(r"^#line (\d+) (\d+)")
# Mesa says 2:12(5): error, NVIDIA 2(12) : error, Apple and AMD ERROR: 2:12:. The first number is the file.
_PLACE = re.compile(r"\b(\d+)[:(](\d+)\b\)?")


class ShaderError(UserError):
    """A shader that cannot be read or does not compile: file, line and the driver's message."""


@dataclass(frozen=True, slots=True)
class Source:
    """A shader with its includes unfolded, and the files it came from in the order of their numbers."""

    text: str
    files: tuple[Path, ...]

    @property
    def own(self) -> str:
        """The lines of the file itself, every other line empty, so that lines keep their numbers."""
        lines: list[str] = []
        number, here = 0, True
        for line in self.text.splitlines():
            if found := _LINE.match(line):
                number, here = int(found[1]) - 1, found[2] == "0"
                continue
            number += 1
            if here:
                lines += [""] * (number - 1 - len(lines)) + [line]
        return "\n".join(lines)

    def defining(self, defines: Mapping[str, str]) -> str:
        """Return the text with ``#define`` lines after its ``#version``."""
        version, _, rest = self.text.partition("\n")
        rest = "\n".join("" if PRAGMA.match(line) else line for line in rest.split("\n"))  # ours, not the driver's
        lines = [f"#define {name} {value}" for name, value in defines.items()]
        return "\n".join([version, *lines, "#line 2 0", rest])

    def pragmas(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (line, words) of every ``#pragma latentvj`` in the file itself."""
        number = 0
        for line in self.text.splitlines():
            found = _LINE.match(line)
            number = int(found[1]) - 1 if found else number + 1
            pragma = PRAGMA.match(line)
            if pragma is not None:
                yield number, pragma[1].split()


def folder() -> Path:
    """Return where the shipped shaders are."""
    return resource("shaders")


def read(name: str, folders: Sequence[Path] = ()) -> Source:
    """Return the shader file ``name`` (``grade.frag``) with its includes; each file is included once.

    A file is looked for in each of ``folders`` and then among the shipped ones.
    """
    places = (*folders, folder())
    files: list[Path] = []
    text = "\n".join(_unfold(_find(name, places) or places[0] / name, places, files))
    if not text.startswith("#version"):
        raise ShaderError(f"{files[0]}:1: a shader begins with '#version 330 core'")
    return Source(text + "\n", tuple(files))


def _find(name: str, places: Sequence[Path]) -> Path | None:
    return next((place / name for place in places if (place / name).is_file()), None)


def _unfold(path: Path, places: Sequence[Path], files: list[Path]) -> list[str]:
    number = len(files)
    files.append(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ShaderError(f"{path}: cannot read the shader: {reason}") from error
    out: list[str] = []
    for index, line in enumerate(lines, 1):
        found = _INCLUDE.match(line)
        if found is None:
            out.append(line)
            continue
        inner = _find(found[1], places)
        if inner is None:
            raise ShaderError(f"{path}:{index}: there is no {found[1]} to include in {places[0]}")
        if inner not in files:
            out.append(f"#line 1 {len(files)}")
            out += _unfold(inner, places, files)
        out.append(f"#line {index + 1} {number}")
    return out


def files_of(folders: Sequence[Path] = ()) -> dict[str, Path]:
    """Return the file of every pass by name: those in ``folders`` before the shipped ones."""
    found: dict[str, Path] = {}
    for place in (*folders, folder()):
        for path in sorted(place.glob("*.frag")):
            found.setdefault(path.stem, path)
    return found


def link(ctx: moderngl.Context, vertex: Source, fragment: Source, defines: Mapping[str, str]) -> moderngl.Program:
    """Return the program of the two shaders; ShaderError with the fragment's file and line otherwise."""
    try:
        return ctx.program(vertex_shader=vertex.text, fragment_shader=fragment.defining(defines))
    except (moderngl.Error, KeyError) as error:  # KeyError: an #include that only moderngl's parser saw
        raise ShaderError(_explain(str(error), fragment)) from error


def _explain(message: str, source: Source) -> str:
    """Return one line, ``file:line: what the compiler says``, from a driver's log."""
    log = [line.strip() for line in message.splitlines() if line.strip(" =-")]
    for line in log:
        place = _PLACE.search(line)
        if place is not None and int(place[1]) < len(source.files):
            what = line[place.end() :].lstrip("(): 0123456789")
            return f"{source.files[int(place[1])]}:{place[2]}: {what or line}"
    return f"{source.files[0]}: {log[-1] if log else 'does not compile'}"
