"""ISF files: where they are found, and one as it was read, with its vertex shader and its pictures."""

from __future__ import annotations

import itertools
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.borders.errors import nearest
from engine.borders.params import Param
from engine.borders.preset import ISF
from engine.stage.isf.header import Header, read_header
from engine.stage.passes.source import ShaderError, shipped, text_of
from engine.system import user_folders
from engine.system.files import expanded, is_file, is_path
from engine.system.last_good import last_good
from engine.system.watched_file import Stamp, stamp

SUFFIX, VERTEX_SUFFIX = ".fs", ".vs"
BEHIND = f"{ISF}behind:"  # begins the name of a generator that is drawn behind the picture
MIX = "mix"  # the row that every shader has beside its inputs: how much of it is in the picture
_UNSPOKEN = re.compile(r"[^A-Za-z0-9_-]+")  # what a parameter's name does not have


@dataclass(frozen=True, slots=True)
class Shader:
    """An ISF file as it was read: what it says of itself, its code, and the state of its files then."""

    path: Path
    text: str
    header: Header
    vertex: tuple[Path, str] | None  # its own vertex shader
    pictures: tuple[tuple[str, Path], ...]  # the imported ones by name
    stamps: tuple[tuple[Path, Stamp | None], ...]  # of every file that it is made of

    @property
    def prefix(self) -> str:
        """What the names of its parameters begin with: ``isf.NAME.``."""
        return f"isf.{spoken(self.path.stem)}."

    @property
    def rows(self) -> tuple[Param, ...]:
        """Its rows of the table: ``mix``, then its inputs'."""
        inputs = tuple(row for each in self.header.inputs for row in each.rows(self.prefix))
        own = Param(f"{self.prefix}{MIX}", 1.0, 0.0, 1.0, "", "how much of this shader is in the picture; 0: it is off")
        return inputs if any(each.name == MIX for each in self.header.inputs) else (own, *inputs)

    @property
    def texts(self) -> tuple[Path, ...]:
        """Its files of code."""
        return self.path, *(() if self.vertex is None else (self.vertex[0],))

    @property
    def unchanged(self) -> bool:
        """Whether its files are as they were read."""
        return all(stamp(path) == known for path, known in self.stamps)


def spoken(stem: str) -> str:
    """Return a file's name as its parameters say it: ``3d Rotate`` is ``3d_Rotate``."""
    return _UNSPOKEN.sub("_", stem)


def is_isf(name: str) -> bool:
    """Return whether the name of a pass is that of an ISF file."""
    return name.startswith(ISF)


def is_behind(name: str) -> bool:
    """Return whether the pass is a generator that is drawn behind the picture."""
    return name.startswith(BEHIND)


def folders(own: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Return where ISF files are found by name, the first that has one counts: a performer's, the system's, ours."""
    return (*own, user_folders.data("isf"), *_standard(), shipped() / "isf")


def _standard() -> tuple[Path, ...]:
    """Return the folders that programs share on this system."""
    if sys.platform == "darwin":
        return Path.home() / "Library/Graphics/ISF", Path("/Library/Graphics/ISF")
    if sys.platform == "win32":
        return (Path(os.environ.get("PROGRAMDATA", "C:\\ProgramData")) / "ISF",)
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local/share")
    shared = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    return tuple(Path(place) / "ISF" for place in (home, *filter(None, shared.split(":"))))


def find(name: str, own: Sequence[Path] = ()) -> Path:
    """Return the file of the pass ``isf:NAME.fs`` or ``isf:PATH``; ShaderError where there is none."""
    wanted = name.removeprefix(BEHIND).removeprefix(ISF)
    file = wanted if wanted.endswith(SUFFIX) else f"{wanted}{SUFFIX}"
    if is_path(wanted):
        if last_good.at_hand(expanded(file)):
            return expanded(file)
        raise ShaderError(f"{expanded(file)}: there is no such ISF file")
    places = folders(own)
    for place in places:
        if last_good.at_hand(place / file):
            return place / file
    for place in places:  # collections lie in folders of their own
        inner = f"*/**/{_literal(file)}"
        files = (path for path in sorted(place.glob(inner)) if path.is_file())
        found = next(itertools.chain(files, last_good.missing(place, f"*/{_literal(file)}")), None)
        if found is not None:
            return found
    known = sorted({path.stem for place in places for path in place.glob(f"**/[!.]*{SUFFIX}")})
    hint = nearest(file.removesuffix(SUFFIX), known)
    raise ShaderError(f"no ISF file {file!r} in {', '.join(map(str, places))}; {hint}")


def _literal(file: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", file)


_read: dict[Path, Shader] = {}  # the last reading of every file


def read(path: Path) -> Shader:
    """Return the ISF file at ``path``; ShaderError names the file, the line and what is wrong."""
    known = _read.get(path)
    if known is not None and known.unchanged:
        return known
    text = text_of(path)
    header = read_header(text, path)
    beside = path.with_suffix(VERTEX_SUFFIX)
    vertex = (beside, text_of(beside)) if last_good.at_hand(beside) else None
    pictures = tuple((name, path.parent / file.replace("\\", "/")) for name, file in header.imported)
    for name, picture in pictures:
        if not is_file(picture):
            raise ShaderError(f"{path}: the imported picture {name!r} is not there: {picture}")
    parts = (path, beside, *(picture for _, picture in pictures))
    stamps = tuple((part, None if last_good.instead(part) else stamp(part)) for part in parts)
    shader = Shader(path, text, header, vertex, pictures, stamps)
    _read[path] = shader
    return shader


def rows_of(names: Sequence[str], own: Sequence[Path] = ()) -> tuple[Param, ...]:
    """Return the rows of the ISF files among the passes ``names``; ShaderError for a file that is broken.

    Two files of one name would have the same parameters, so they are refused.
    """
    found: dict[str, Shader] = {}
    for name in filter(is_isf, names):
        shader = read(find(name, own))
        if (other := found.setdefault(shader.prefix, shader)).path != shader.path:
            raise ShaderError(f"{shader.path} and {other.path} have one name: rename one of them")
    return tuple(row for shader in found.values() for row in shader.rows)


def switch_of(name: str) -> str:
    """Return the parameter that switches the pass ``name`` on and off."""
    if not is_isf(name):
        return f"{name}.amount"
    file = name.removeprefix(BEHIND).removeprefix(ISF).removesuffix(SUFFIX)
    return f"isf.{spoken(Path(file).name)}.{MIX}"
