"""The header of an ISF file: the JSON in its first comment, as values.

Read from the public specification (ISF 2.0, isf.video/spec): its keys, its types, its defaults. Version 1 says buffers
under PERSISTENT_BUFFERS and imported pictures as a list; both are read too. What a key means that is not read here is
up to the program that wrote the file.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.stage.isf.expression import Expression, parse
from engine.stage.isf.inputs import KINDS, PICTURES, Input, read_input
from engine.stage.passes.source import ShaderError

MAX_PASSES = 32  # of a file; more is a mistake, or costs a show its pace
MAX_INPUTS = 128  # of a file
_COMMENT = re.compile(r"/\*(.*?)\*/", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TRUE = (True, 1, "1", "true", "True", "TRUE", "YES", "yes")


@dataclass(frozen=True, slots=True)
class Target:
    """One entry of PASSES: the buffer it draws to ("" is the picture), how that is kept, and its size."""

    name: str = ""
    persistent: bool = False
    floating: bool = False  # 32-bit floats; else 8 bits, as other programs have
    width: Expression | None = None  # None: the picture's
    height: Expression | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """What an ISF file says of itself."""

    description: str
    inputs: tuple[Input, ...]
    targets: tuple[Target, ...]  # one a pass, in order; at least one
    imported: tuple[tuple[str, str], ...]  # names of pictures, and their files as written
    line: int  # of the file, on which the code begins

    @property
    def is_transition(self) -> bool:
        """Whether it leads from one picture to another by its ``progress``."""
        return {"startImage", "endImage", "progress"} <= {each.name for each in self.inputs}

    @property
    def is_generator(self) -> bool:
        """Whether it makes a picture out of nothing."""
        return not any(each.kind == "image" for each in self.inputs)

    @property
    def buffers(self) -> tuple[str, ...]:
        """The names of the buffers, each once."""
        return tuple(dict.fromkeys(target.name for target in self.targets if target.name))


@dataclass(frozen=True, slots=True)
class _Reader:
    """The file that is read, to say where a mistake is."""

    path: Path
    text: str

    def fail(self, what: str, near: str = "") -> ShaderError:
        """Return the error ``what``, at the line on which ``near`` stands for the first time."""
        at = self.text.find(near) if near else -1
        line = self.text.count("\n", 0, max(at, 0)) + 1
        return ShaderError(f"{self.path}:{line}: {what}")

    def listed(self, found: object, key: str) -> list[dict[str, Any]]:
        """Return a list of JSON objects; ShaderError where it is none."""
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise self.fail(f"{key} is a list of objects, {{…}}", f'"{key}"')
        return found

    def word(self, found: object, key: str, taken: set[str]) -> str:
        """Return a name that GLSL takes and nothing else has; ShaderError for another."""
        if not isinstance(found, str) or not _WORD.fullmatch(found):
            raise self.fail(f"{key} is a word of letters, digits and _, not {found!r}", f'"{found}"')
        if found.startswith("gl_") or "__" in found:
            raise self.fail(f"{found!r}: names with gl_ or __ are GLSL's own", f'"{found}"')
        if found in taken:
            raise self.fail(f"two things are called {found!r}", f'"{found}"')
        taken.add(found)
        return found


def read_header(text: str, path: Path) -> Header:
    """Return the header of the file ``path`` with the ``text``; ShaderError names file and line."""
    comment = _COMMENT.search(text)
    if comment is None or text[: comment.start()].strip(" \t\r\n\ufeff"):
        raise ShaderError(f"{path}:1: an ISF file begins with a comment, /*{{ … }}*/, that holds JSON")
    reader = _Reader(path, text)
    said = _json(reader, comment)
    taken: set[str] = set()
    inputs = tuple(_input(reader, each, taken) for each in reader.listed(said.get("INPUTS") or [], "INPUTS"))
    if len(inputs) > MAX_INPUTS:
        raise reader.fail(f"{len(inputs)} inputs; {MAX_INPUTS} are the most", '"INPUTS"')
    imported = _imported(reader, said.get("IMPORTED") or {}, taken)
    targets = _targets(reader, said, inputs, taken)
    description = said.get("DESCRIPTION")
    line = text.count("\n", 0, comment.end()) + 1
    return Header(description if isinstance(description, str) else "", inputs, targets, imported, line)


def _json(reader: _Reader, comment: re.Match[str]) -> dict[str, Any]:
    try:
        said = json.loads(comment[1], strict=False)  # tabs stand in many files' texts
    except json.JSONDecodeError as error:
        line = reader.text.count("\n", 0, comment.start(1)) + error.lineno
        raise ShaderError(f"{reader.path}:{line}: its JSON is broken: {error.msg.lower()}") from error
    except RecursionError as error:
        raise reader.fail("its JSON is nested too deeply") from error
    if not isinstance(said, dict):
        raise reader.fail("its JSON is an object, {…}")
    return said


def _input(reader: _Reader, said: dict[str, Any], taken: set[str]) -> Input:
    name = reader.word(said.get("NAME"), "the NAME of an input", taken)
    kind = said.get("TYPE")
    if not isinstance(kind, str) or kind not in KINDS:
        near = f'"{kind}"' if isinstance(kind, str) else f'"{name}"'
        raise reader.fail(f"the input {name!r} has the type {kind!r}: types are {', '.join(KINDS)}", near)
    try:
        return read_input(name, kind, said)
    except ValueError as error:
        raise reader.fail(f"the input {name!r}: {error}", f'"{name}"') from error


def _imported(reader: _Reader, said: object, taken: set[str]) -> tuple[tuple[str, str], ...]:
    """Return the pictures of IMPORTED: an object by name, or version 1's list."""
    if isinstance(said, list):
        said = {each.get("NAME"): each for each in reader.listed(said, "IMPORTED")}
    if not isinstance(said, dict):
        raise reader.fail("IMPORTED is an object, {…}", '"IMPORTED"')
    found = []
    for name, entry in said.items():
        path = entry.get("PATH") if isinstance(entry, dict) else entry
        if not isinstance(path, str) or not path:
            raise reader.fail(f"the imported picture {name!r} has no PATH", f'"{name}"')
        found.append((reader.word(name, "the name of an imported picture", taken), path))
    return tuple(found)


def _targets(reader: _Reader, said: dict[str, Any], inputs: tuple[Input, ...], taken: set[str]) -> tuple[Target, ...]:
    """Return the passes. Version 1 says of its buffers in a list or an object of their own that they persist."""
    rows = reader.listed(said.get("PASSES") or [], "PASSES")
    if len(rows) > MAX_PASSES:
        raise reader.fail(f"{len(rows)} passes; {MAX_PASSES} are the most", '"PASSES"')
    kept = said.get("PERSISTENT_BUFFERS") or {}
    if isinstance(kept, list):
        kept = {name: {} for name in kept if isinstance(name, str)}
    if not isinstance(kept, dict):
        raise reader.fail("PERSISTENT_BUFFERS is a list or an object", '"PERSISTENT_BUFFERS"')
    numbers = {each.name for each in inputs if each.kind not in PICTURES}
    names: set[str] = set()
    targets: list[Target] = []
    for row in rows:
        row = {key.upper(): value for key, value in row.items()}
        name = row.get("TARGET") or ""
        if name and name not in names:
            names.add(reader.word(name, "a TARGET", taken))
        about = kept.get(name) if isinstance(name, str) else None
        row = {**(about if isinstance(about, dict) else {}), **row}
        targets.append(
            Target(
                name=name,
                persistent=row.get("PERSISTENT") in _TRUE or about is not None,
                floating=row.get("FLOAT") in _TRUE,
                width=_size(reader, row.get("WIDTH"), numbers),
                height=_size(reader, row.get("HEIGHT"), numbers),
            )
        )
    return tuple(targets) or (Target(),)


def _size(reader: _Reader, said: object, names: set[str]) -> Expression | None:
    """Return WIDTH or HEIGHT: an expression over $WIDTH, $HEIGHT and the inputs, or a number."""
    if said is None or said == "":
        return None
    try:
        return parse(str(said), names | {"WIDTH", "HEIGHT"})
    except ValueError as error:
        raise reader.fail(f"the size {said!r}: {error}", str(said)) from error
