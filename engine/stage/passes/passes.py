"""The passes: compiled once, with what each needs to run, and anew when its file is saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import moderngl

from engine.borders.params import Param
from engine.stage.passes.rows import rows_in
from engine.stage.passes.shader import ShaderError, Source, files_of, link, read

UNITS = {"frame": 0, "previous": 1, "last": 2, "prepared": 3}  # samplers and their texture units
_BUILT_IN: Mapping[str, object] = {"resolution": (1, 1), "time": 0.0, "dt": 0.0}
LOOK_EVERY = 12  # draws between two looks at the files' times


@dataclass(frozen=True, slots=True)
class Traits:
    """What a pass says of itself with ``#pragma latentvj``.

    ``once``: asks for its input once a point, so placing the frame can be fused into it. ``last``: reads
    its own last picture. ``held``: reads the picture that was there when it came on. ``prepare``: other
    shaders that run first, each (name, divisor of the window's size), looking at the one before it.
    """

    once: bool = False
    last: bool = False
    held: bool = False
    prepare: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Pass:
    """A compiled pass: its program, the triangle to draw, and the uniforms that the program really uses."""

    program: moderngl.Program
    quad: moderngl.VertexArray
    uniforms: frozenset[str]

    def render(self, values: Mapping[str, object]) -> None:
        """Draw with those of ``values`` that the program uses: a uniform is named like its parameter."""
        for name in self.uniforms & values.keys():
            self.program[name] = values[name]
        self.quad.render(moderngl.TRIANGLES, vertices=3)


def traits(source: Source, name: str) -> Traits:
    """Return what the pass says of itself; ShaderError for a word that means nothing."""
    said: set[str] = set()
    prepare: list[tuple[str, int]] = []
    for number, words in source.pragmas():
        match words:
            case ["once" | "last" | "held" as word]:
                said.add(word)
            case ["prepare", what, divisor] if divisor.isdecimal() and int(divisor) > 0:
                prepare.append((what, int(divisor)))
            case ["param", *_]:
                pass  # see rows.py
            case _:
                raise ShaderError(f"{source.files[0]}:{number}: '#pragma latentvj {' '.join(words)}' of {name}")
    return Traits("once" in said, "last" in said, "held" in said, tuple(prepare))


def variants(own: Traits) -> list[frozenset[str]]:
    """Return the flags with which a pass may have to be compiled, by where in the chain it may stand."""
    flags = [(), ("LAST",)] if not own.last else [()]
    if own.once:
        flags += [("FIRST", *rest) for rest in flags]
    return [frozenset(each) for each in flags]


class Passes:
    """Every pass by name, and the last good program of each while its file is being edited."""

    def __init__(self, ctx: moderngl.Context, folders: Sequence[Path] = ()) -> None:
        """``folders`` are a performer's own: their files go over the shipped ones of the same name."""
        self._ctx = ctx
        self._folders = tuple(folders)
        self._compiled: dict[tuple[str, frozenset[str]], Pass] = {}
        self._traits: dict[str, Traits] = {}
        self._rows: dict[str, list[Param]] = {}
        self._times: dict[Path, float] = {}
        self._draws = 0

    def load(self, name: str) -> None:
        """Compile a pass as it may be needed; ShaderError, with the names there are, if there is none.

        Nothing is read or compiled later but by ``reload``: a file that breaks mid-show is not looked at.
        """
        if name in self._traits:
            return
        if not name.startswith("lib/") and name not in (known := files_of(self._folders)):
            raise ShaderError(f"unknown pass {name!r}: the passes are {', '.join(sorted(known))}")
        source = self._read(name)
        own = traits(source, name)
        for shader, _ in own.prepare:
            self.load(shader)
        for flags in variants(own):
            self._compiled[name, flags] = self._compile(source, flags)
        self._traits[name] = own
        self._rows[name] = _rows(source)

    def traits(self, name: str) -> Traits:
        """Return what a loaded pass says of itself."""
        return self._traits[name]

    def get(self, name: str, *flags: str) -> Pass:
        """Return a loaded pass, compiled with ``flags`` (FIRST, LAST) defined."""
        return self._compiled[name, frozenset(flags)]

    def reload(self, notify: Callable[[str], None]) -> bool:
        """Compile what has been saved since the last look. A broken file leaves what ran, and is notified."""
        self._draws += 1
        if self._draws % LOOK_EVERY:
            return False
        changed = {path for path, seen in self._times.items() if _time(path) not in (seen, 0.0)}
        if not changed:
            return False
        for path in changed:
            self._times[path] = _time(path)
        return self._recompile(notify)

    def _recompile(self, notify: Callable[[str], None]) -> bool:
        fresh: dict[tuple[str, frozenset[str]], Pass] = {}
        fresh_traits: dict[str, Traits] = {}
        fresh_rows: dict[str, list[Param]] = {}
        try:
            for name in self._traits:
                source = self._read(name)
                fresh_traits[name], fresh_rows[name] = traits(source, name), _rows(source)
                if {shader for shader, _ in fresh_traits[name].prepare} - self._traits.keys():
                    raise ShaderError(f"{source.files[0]}: prepares another shader: start anew for that")
                for flags in variants(fresh_traits[name]):
                    fresh[name, flags] = self._compile(source, flags)
        except ShaderError as error:
            for step in fresh.values():
                _release(step)
            notify(str(error))
            return False
        for step in self._compiled.values():
            _release(step)
        self._compiled, self._traits = fresh, fresh_traits
        notify("shaders reloaded")
        if other := [name for name, rows in fresh_rows.items() if rows != self._rows[name]]:
            notify(f"{', '.join(other)}: other parameters are declared now; they count from the next start")
        return True

    def _read(self, name: str) -> Source:
        source = read(f"{name}.frag", self._folders)
        for path in source.files:
            self._times.setdefault(path, _time(path))
        return source

    def _compile(self, source: Source, flags: frozenset[str]) -> Pass:
        program = link(self._ctx, read("fullscreen.vert"), source, dict.fromkeys(sorted(flags), "1"))
        uniforms = frozenset(program)
        defaults = {row.name: row.default for row in _rows(source)}
        try:
            for name, value in {**defaults, **_BUILT_IN, **UNITS}.items():
                if name in uniforms:
                    program[name] = value
            quad = self._ctx.vertex_array(program, [])
        except Exception as error:  # moderngl raises what it likes for a uniform of another type
            program.release()
            raise ShaderError(f"{source.files[0]}: a uniform has the wrong type ({error})") from error
        return Pass(program, quad, uniforms)


def _rows(source: Source) -> list[Param]:
    """Return the parameters that a pass declares."""
    return rows_in(source.own, source.files[0].stem, source.files[0])


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime_ns * 1.0
    except OSError:
        return 0.0  # being saved: editors move files about


def _release(step: Pass) -> None:
    step.quad.release()
    step.program.release()
