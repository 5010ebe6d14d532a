"""Every knob of the picture, declared once.

Preset checks, MIDI ranges, overlay labels, OSC and the docs read one `Table`. A new knob of the engine is one row here
and one line where it is used. A warp and a pass have their rows in their own files. A model brings its rows when it is
loaded, and so does a performer's pass: `Table.grown` returns a table with them.

**The rule for rows that come and go.** A name is resolved where it is used, against the table that plays: the standard
rows, the model's, and those of the preset's passes.

- A preset, a profile or a log may name rows of OPEN_GROUPS before anything has brought them. Such a name is checked
  when the model and the passes are loaded. Every other unknown name is refused when it is read. A controller profile
  outlives the folder of passes that it was learned with: there a name of an unknown group costs a line.
- At the start an unknown row is an error that names the file, the key and the nearest row; where nothing brings rows
  of its group, the error says so. During the show it costs a line, and the preset before plays on.
- A value by OSC and a learned knob are kept while their row is away. They do nothing meanwhile, and act as soon as the
  row is back. Values are clamped by the row that plays, when they are used.
- In a morph a row of the coming table alone starts at its default, and a row of the going table alone ends at its
  default and leaves with the end of the morph.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NoReturn, TypeVar

from engine.borders.errors import nearest


@dataclass(frozen=True, slots=True)
class Param:
    """One knob: its dotted name, default, range, unit and one line of help.

    ``rate`` marks a quantity that is integrated over time (loops per second): its value for a frame
    is its mean over the frame, not the value at its end. ``whole`` marks whole numbers. ``label`` is what people are
    shown in place of the name, where there is one.
    """

    name: str
    default: float
    low: float
    high: float
    unit: str
    help: str
    rate: bool = False
    whole: bool = False
    label: str = ""

    def clamp(self, value: float) -> float:
        """Return ``value`` inside the range; not-a-number becomes the default."""
        if math.isnan(value):
            return self.default
        value = min(max(value, self.low), self.high)
        return float(round(value)) if self.whole else value


OPEN_GROUPS = ("attribute", "isf", "label")  # only a model or a pass brings rows of these groups

TRAVEL_ROWS: tuple[Param, ...] = (
    Param("speed", 0.05, -4.0, 4.0, "loops/s", "travel along the closed spline", rate=True),
    Param("truncation_psi", 0.7, 0.0, 2.0, "", "distance from the average w: 0 average, 1 as sampled"),
    Param("noise.strength", 1.0, 0.0, 4.0, "x", "StyleGAN's per-pixel noise, relative to the model's own"),
    Param("noise.drift", 0.0, 0.0, 16.0, "1/s", "how fast that noise changes; 0 stands still", rate=True),
    *(Param(f"noise.r{2**k}", 1.0, 0.0, 4.0, "x", f"noise.strength of the block at {2**k} px") for k in range(2, 11)),
    # Travel through latent space (engine/latent).
    Param("truncation.coarse", 1.0, 0.0, 2.0, "x", "truncation_psi of the layers at 4 and 8 px: pose, kind"),
    Param("truncation.middle", 1.0, 0.0, 2.0, "x", "truncation_psi of the layers at 16 and 32 px: form"),
    Param("truncation.fine", 1.0, 0.0, 2.0, "x", "truncation_psi of the layers from 64 px: colour, texture"),
    Param("mix.speed", 0.05, -4.0, 4.0, "loops/s", "the second traveller's speed, on mix_seeds", rate=True),
    Param("mix.coarse", 0.0, 0.0, 1.0, "", "layers at 4 and 8 px: 0 first traveller, 1 second"),
    Param("mix.middle", 0.0, 0.0, 1.0, "", "layers at 16 and 32 px: 0 first traveller, 1 second"),
    Param("mix.fine", 0.0, 0.0, 1.0, "", "layers from 64 px: 0 first traveller, 1 second"),
    Param("spring.stiffness", 0.0, 0.0, 4000.0, "1/s2", "pull of w towards the path: 0 rigid, 160 two hertz"),
    Param("spring.damping", 0.35, 0.05, 2.0, "", "under 1 overshoots and settles, 1 critical, over 1 lags"),
    Param("jump.point", 0.0, 0.0, 64.0, "", "a new value jumps to that point, 1 the first", whole=True),
    Param("jump.next", 0.0, 0.0, 1.0, "", "rising through one half jumps to the next point"),
    Param("jump.glide", 0.0, 0.0, 8.0, "s", "how long a jump glides; 0 cuts"),
    *(
        Param(f"direction.{i}", 0.0, -8.0, 8.0, "sd", f"walk along the model's direction number {i}")
        for i in range(1, 9)
    ),
)

PICTURE_ROWS: tuple[Param, ...] = (
    Param("picture.brightness", 1.0, 0.0, 4.0, "x", "gain of the finished picture"),
    Param("picture.contrast", 1.0, 0.0, 4.0, "x", "contrast around middle grey"),
    Param("picture.saturation", 1.0, 0.0, 4.0, "x", "0 grey, 1 as generated"),
    Param("picture.zoom", 1.0, 0.25, 8.0, "x", "size of the picture in its window"),
    Param("picture.fit", 0.0, 0.0, 1.0, "", "in a window of another shape: 0 bars, 1 cut off to fill it"),
    Param(
        "picture.spread",
        0.0,
        0.0,
        1.0,
        "",
        "beside a picture of another shape: 0 bars or a cut, 1 it goes on, see warp.border",
    ),
    Param("picture.rotation", 0.0, -16.0, 16.0, "turns", "rotation of the finished picture"),
    Param("picture.blackout", 0.0, 0.0, 1.0, "", "0 the picture, 1 black"),
    Param("picture.matte", 0.0, 0.0, 1.0, "", "takes the model's background away: 0 the whole picture, 1 the subject"),
    Param("picture.shadow", 1.0, 0.0, 1.0, "", "matte: how much of the subject's shadow stays"),
    Param(
        "picture.tolerance", 1.0, 0.1, 4.0, "x", "matte: which colours are the background's, relative to the model's"
    ),
)

# What the picture is painted over with (engine/stage/style); a preset's [style] names the styles.
STYLE_SHARES = ("style.mix.1", "style.mix.2", "style.mix.3", "style.mix.4")
STYLE_ROWS: tuple[Param, ...] = (
    Param("style.strength", 1.0, 0.0, 1.0, "", "how much of the preset's style: 0 the picture as generated"),
    *(
        Param(name, float(i == 1), 0.0, 1.0, "", f"share of the preset's style number {i}; all 0: no style")
        for i, name in enumerate(STYLE_SHARES, 1)
    ),
    Param("style.calm", 0.0, 0.0, 2.0, "s", "time constant in which the painting follows: above 0 flickers less"),
    Param("style.rate", 0.0, 0.0, 120.0, "1/s", "paintings a second, the motion goes on between; 0 every frame"),
)

# The desktop around the picture (engine/stage/desktop/desktop.py).
DESKTOP_ROWS: tuple[Param, ...] = (
    Param("desktop.mode", 0.0, 0.0, 2.0, "", "0 none, 1 over the picture, 2 the picture in it", whole=True),
    Param("desktop.terminal", 1.0, 0.0, 1.0, "", "the terminal that prints ws: 1 open, 0 minimised"),
    Param("desktop.monitor", 1.0, 0.0, 1.0, "", "the terminal that shows the machine: 1 open, 0 minimised"),
    Param("desktop.picture", 1.0, 0.0, 1.0, "", "the picture's window: 1 open, 0 minimised"),
    Param("desktop.terminal_size", 1.0, 0.1, 1.0, "x", "how high that terminal is"),
    Param("desktop.monitor_size", 1.0, 0.1, 1.0, "x", "how high that terminal is"),
    Param("desktop.picture_size", 1.0, 0.2, 1.75, "x", "how large the picture's window is"),
    Param("desktop.typing", 1.0, 0.0, 1.0, "", "types the code that prints ws: 1 is Enter"),
    Param("desktop.scroll", 0.0, 0.0, 1.0, "", "scrolls the terminal back: 1 to its oldest line"),
    Param("desktop.opacity", 0.9, 0.0, 1.0, "", "of the terminals' ground"),
    Param("desktop.rate", 4.0, 0.0, 30.0, "1/s", "how often ws are printed"),
    *(
        Param(f"desktop.{name}_{axis}", 0.0, -2.0, 2.0, "heights", f"the {name} is moved {way}")
        for name in ("terminal", "monitor", "picture")
        for axis, way in (("x", "right"), ("y", "up"))
    ),
)


def may_come(name: str) -> bool:
    """Return whether a model or a pass could bring a row of this name."""
    return name.split(".")[0] in OPEN_GROUPS


V = TypeVar("V")


class _Fixed(dict[str, V]):
    """A dict that is filled when it is made, and never changed. Reading a dict costs no Python call."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is immutable")

    def __setitem__(self, name: str, value: V, /) -> NoReturn:
        self._refuse()

    def __delitem__(self, name: str, /) -> NoReturn:
        self._refuse()

    def __or__(self, other: object) -> NoReturn:
        self._refuse()

    def __ior__(self, other: object) -> NoReturn:
        self._refuse()

    def clear(self) -> NoReturn:
        """TypeError, always."""
        self._refuse()

    def pop(self, *_: object) -> NoReturn:
        """TypeError, always."""
        self._refuse()

    def popitem(self) -> NoReturn:
        """TypeError, always."""
        self._refuse()

    def setdefault(self, *_: object) -> NoReturn:
        """TypeError, always."""
        self._refuse()

    def update(self, *_: object, **__: object) -> NoReturn:
        """TypeError, always."""
        self._refuse()


class Table(_Fixed[Param]):
    """The rows that can be played at present, by name, in the order of their declaration. Immutable."""

    __slots__ = ("defaults",)

    def __init__(self, rows: Iterable[Param] = ()) -> None:
        """ValueError when two different rows have one name."""
        found: dict[str, Param] = {}
        for row in rows:
            if found.setdefault(row.name, row) != row:
                raise ValueError(f"two parameters are called {row.name!r}")
        super().__init__(found)
        self.defaults: Mapping[str, float] = MappingProxyType({name: row.default for name, row in found.items()})

    def grown(self, rows: Iterable[Param]) -> Table:
        """Return a table with ``rows`` after its own; ValueError when a name is taken by a different row."""
        added = tuple(rows)
        return Table((*self.values(), *added)) if added else self

    def joined(self, other: Table) -> Table:
        """Return this table with the rows of ``other`` that it lacks; where both have a name its own row counts."""
        lacking = other.keys() - self.keys()
        return self.grown(row for name, row in other.items() if name in lacking)

    def nearest(self, name: str) -> str:
        """Return what to say of a name that no row has: the most similar name, or who brings no such row."""
        first = name.split(".")[0]
        known = [row for row in self if row.split(".")[0] == first] if may_come(name) else list(self)
        if difflib.get_close_matches(name, known, 1):
            return nearest(name, known)
        if may_come(name):
            bringer = ".".join(name.split(".")[:2]) if first == "isf" else first  # a pass has a group of its own
            if not any(f"{row}.".startswith(f"{bringer}.") for row in known):
                return f"no pass brings {bringer}" if first == "isf" else f"the model brings no {first}"
        best = difflib.get_close_matches(name, known, 1, 0.0)
        return f"the nearest is {best[0]!r}" if best else nearest(name, known)


class Params(_Fixed[float]):
    """The value of every knob for one frame: immutable, every name of its table present, all in range.

    >>> Params({"speed": 0.2}, Table(TRAVEL_ROWS))["speed"]
    0.2
    """

    __slots__ = ("table",)

    def __init__(self, values: Mapping[str, float], table: Table) -> None:
        """KeyError when a name of ``values`` is not in ``table``; what ``values`` lacks is at its default."""
        if unknown := sorted(values.keys() - table.keys()):
            raise KeyError(f"unknown parameter {unknown[0]!r}")
        super().__init__(table.defaults)
        dict.update(self, {name: table[name].clamp(value) for name, value in values.items()})
        self.table = table

    def changed(self, changes: Mapping[str, float]) -> Params:
        """Return these parameters with some of them changed; KeyError for a name that is not in the table."""
        return self.placed({name: self.table[name].clamp(value) for name, value in changes.items()})

    def placed(self, values: Mapping[str, float]) -> Params:
        """Return these parameters with ``values``, which the caller has clamped to rows of the table."""
        both = Params.__new__(Params)  # what is here already is complete and in range
        dict.update(both, self)
        dict.update(both, values)
        both.table = self.table
        return both

    def __repr__(self) -> str:
        changed = {n: v for n, v in self.items() if v != self.table[n].default}
        return f"Params({changed})"
