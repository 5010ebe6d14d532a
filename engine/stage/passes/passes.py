"""The passes: each is compiled once as it may be needed, and again when its file is saved."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import moderngl

from engine.borders.errors import Trouble
from engine.borders.params import Param
from engine.stage.passes.rows import rows_in
from engine.stage.passes.shader import link
from engine.stage.passes.source import PASSES, ShaderError, Source, files_of, read
from engine.system.last_good import last_good
from engine.system.watched_file import WatchedFile

Flags: TypeAlias = frozenset[str]  # FIRST: reads the generator's frame, LAST: writes to the window
Key: TypeAlias = tuple[str, Flags]  # a pass, and where in the chain it is compiled for

UNITS = {
    "frame": 0,
    "previous": 1,
    "last": 2,
    "prepared": 3,
    "backdrop": 4,
    "video": 5,
}  # samplers and their texture units
TYPES = {
    "resolution": "vec2",
    "time": "float",
    "dt": "float",
    "layered": "float",
}  # of the other uniforms that are no parameters
ZEROS: Mapping[str, object] = {"vec2": (0.0, 0.0), "float": 0.0}  # what uniforms of these types begin with
NOWHERE: Flags = frozenset()  # neither first nor last
ALPHAS = ("keep", "straight", "own")  # what a pass may say that it does to alpha, see lib/pass.glsl


@dataclass(frozen=True, slots=True)
class Traits:
    """What a pass says of itself with ``#pragma latentvj``.

    ``once``: it asks for its input once a point, so that placing the frame can be fused into it. ``last``: it reads
    its own last picture. ``held``: it reads the picture that was there when it came on. ``prepare``: other shaders
    that run before it, each (name, divisor of the window's size), and each looks at the one before. ``alpha``: what it
    does to alpha, one of ALPHAS.
    """

    once: bool = False
    last: bool = False
    held: bool = False
    prepare: tuple[tuple[str, int], ...] = ()
    alpha: str = "keep"


class Pass:
    """A compiled pass: its program, the triangle to draw, and the uniforms that the program really uses."""

    def __init__(self, ctx: moderngl.Context, program: moderngl.Program, defaults: Mapping[str, float]) -> None:
        """``defaults`` of the uniforms hold until the chain sets others."""
        self.program = program
        names = list(program)
        for name in names:
            if name in UNITS:
                program[name] = UNITS[name]
            elif name in defaults:
                program[name] = defaults[name]
        self.names = tuple(name for name in names if name not in UNITS)
        self.reads = frozenset(name for name in names if name in UNITS)
        self.quad = ctx.vertex_array(program, [])

    def release(self) -> None:
        """Give the program back."""
        self.quad.release()
        self.program.release()


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A pass that can be drawn: what it says of itself, and the files it came from."""

    traits: Traits
    rows: tuple[Param, ...]
    files: tuple[Path, ...]


def traits(source: Source, name: str) -> Traits:
    """Return what the pass says of itself; ShaderError for a word that means nothing."""
    said: set[str] = set()
    alpha = ALPHAS[0]
    prepare: list[tuple[str, int]] = []
    for pragma in source.pragmas:
        match pragma.words:
            case ["once" | "last" | "held" as word]:
                said.add(word)
            case ["alpha", word] if word in ALPHAS:
                alpha = word
            case ["prepare", what, divisor] if divisor.isdecimal() and int(divisor) > 0:
                prepare.append((what, int(divisor)))
            case ["param" | "order", *_]:
                pass  # see rows.py
            case _:
                raise ShaderError(f"{pragma.place}: '#pragma latentvj {' '.join(pragma.words)}' of {name}")
    return Traits("once" in said, "last" in said, "held" in said, tuple(prepare), alpha)


def variants(own: Traits) -> list[Flags]:
    """Return the flags with which a pass may have to be compiled, by where in the chain it may stand."""
    flags = [(), ("LAST",)] if not own.last else [()]
    if own.once:
        flags += [("FIRST", *rest) for rest in flags]
    return [frozenset(each) for each in flags]


class Passes:
    """Every loaded pass by name, and the last good program of each while its file is being edited."""

    def __init__(self, ctx: moderngl.Context, folders: Sequence[Path] = ()) -> None:
        """``folders`` are a performer's own: their files go over the shipped ones of the same name."""
        self._ctx = ctx
        self._folders = tuple(folders)
        self.compiled: dict[Key, Pass] = {}
        self._loaded: dict[str, _Loaded] = {}
        self._files: dict[Path, WatchedFile] = {}

    def load(self, name: str) -> None:
        """Compile a pass as it may be needed; ShaderError, with the names there are, if there is none.

        Nothing is read or compiled later but by ``reload``: a file that breaks during the show is not looked at.
        """
        if name in self._loaded:
            return
        if "/" not in name and name not in (known := files_of(self._folders)):
            raise ShaderError(f"unknown pass {name!r}: the passes are {', '.join(sorted(known))}")
        compiled, loaded = self._compile(name)
        for shader, _ in loaded.traits.prepare:
            self.load(shader)
        self.compiled |= compiled
        self._keep(name, loaded)

    def load_own(self, notify: Callable[[str], None]) -> None:
        """Compile every pass of the performer's folders: each may be cued. A broken one is notified and left out."""
        for folder in self._folders:
            for path in last_good.files(folder, PASSES):
                try:
                    self.load(path.stem)
                except ShaderError as error:
                    notify(Trouble(f"{error}; the pass {path.stem} cannot be drawn"))

    def reads(self, name: str, unit: str) -> bool:
        """Return whether a loaded pass reads the texture of that name in UNITS."""
        return any(unit in step.reads for (of, _), step in self.compiled.items() if of == name)

    def traits(self, name: str) -> Traits:
        """Return what a loaded pass says of itself."""
        return self._loaded[name].traits

    def reload(self, notify: Callable[[str], None]) -> bool:
        """Compile what has been saved since the last look. A broken file leaves what ran, and is notified."""
        now = time.monotonic()
        changed = {path for path, file in self._files.items() if file.saved(now)}
        for path in changed:
            self._files[path].take()
        names = [name for name, loaded in self._loaded.items() if not changed.isdisjoint(loaded.files)]
        return bool(names) and self._recompile(names, notify)

    def _recompile(self, names: Iterable[str], notify: Callable[[str], None]) -> bool:
        """Take all of ``names`` anew, or none."""
        compiled: dict[Key, Pass] = {}
        fresh: dict[str, _Loaded] = {}
        try:
            for name in names:
                passes, fresh[name] = self._compile(name)
                compiled |= passes
                if {shader for shader, _ in fresh[name].traits.prepare} - self._loaded.keys():
                    raise ShaderError(f"{fresh[name].files[0]}: prepares another shader: start anew for that")
        except ShaderError as error:
            _release(compiled)
            notify(Trouble(error))
            return False
        _release({key: step for key, step in self.compiled.items() if key[0] in fresh})
        self.compiled = {key: step for key, step in self.compiled.items() if key[0] not in fresh} | compiled
        notify("shaders reloaded")
        if other := [name for name, loaded in fresh.items() if loaded.rows != self._loaded[name].rows]:
            notify(f"{', '.join(other)}: other parameters are declared now; they count from the next cue on")
        for name, loaded in fresh.items():
            self._keep(name, loaded)
        return True

    def _keep(self, name: str, loaded: _Loaded) -> None:
        self._loaded[name] = loaded
        for path in loaded.files:
            last_good.good(path)

    def _compile(self, name: str) -> tuple[dict[Key, Pass], _Loaded]:
        """Return a pass in every variant; ShaderError, and nothing compiled, where one is broken."""
        source = read(f"{name}.frag", self._folders)
        for path in source.files:
            self._files.setdefault(path, WatchedFile(path))
        loaded = _Loaded(traits(source, name), rows_in(source.pragmas, name), source.files)
        compiled: dict[Key, Pass] = {}
        try:
            for flags in variants(loaded.traits):
                compiled[name, flags] = self._link(source, flags, loaded)
        except ShaderError:
            _release(compiled)
            raise
        return compiled, loaded

    def _link(self, source: Source, flags: Flags, loaded: _Loaded) -> Pass:
        """Return one variant of a pass; its uniforms begin with the defaults of its parameters."""
        defined = (*sorted(flags), f"ALPHA_{loaded.traits.alpha.upper()}")
        program = link(self._ctx, read("fullscreen.vert"), source, dict.fromkeys(defined, "1"))
        for name in program:
            wanted, member = "float" if "." in name else TYPES.get(name), program[name]
            if wanted and not (isinstance(member, moderngl.Uniform) and _same_type(member.value, ZEROS[wanted])):
                program.release()
                raise ShaderError(f"{source.files[0]}: the uniform {name} has the wrong type: it is a {wanted}")
        return Pass(self._ctx, program, {row.name: row.default for row in loaded.rows})


def _same_type(value: object, zero: object) -> bool:
    """Return whether a uniform has the type of ``zero``; an int equals a float, so types are compared."""
    if isinstance(value, tuple) and isinstance(zero, tuple):
        return [type(number) for number in value] == [type(number) for number in zero]
    return type(value) is type(zero)


def _release(compiled: Mapping[Key, Pass]) -> None:
    for step in compiled.values():
        step.release()
