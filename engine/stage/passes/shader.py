"""Shader sources into programs, and errors that name the file and the line."""

from __future__ import annotations

import re
from collections.abc import Mapping

import moderngl

from engine.stage.passes.source import ShaderError, Source

# Mesa says 2:12(5): error, NVIDIA 2(12) : error, Apple and AMD ERROR: 2:12:. The first number is the file.
_PLACE = re.compile(r"\b(\d+)[:(](\d+)\b\)?")


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
