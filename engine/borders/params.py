"""Every knob of the picture, declared once.

Preset checks, MIDI ranges, overlay labels, OSC and the docs read one `Table`. A new knob of the engine is one row of
ROWS and one line where it is used. A model or a pass brings its own rows when it is loaded: `Table.grown` returns a
table that has them as well.

**The rule for rows that come and go.** A name is resolved where it is used, against the table that plays: the standard
rows, the model's, and those of the preset's passes.

- A preset, a profile or a log may name rows of OPEN_GROUPS before anything has brought them. Such a name is checked
  when the model and the passes are loaded. Every other unknown name is refused when it is read.
- At the start an unknown row is an error that names the file, the key and the nearest row. During the show it costs a
  line, and the preset before plays on.
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
    is its mean over the frame, not the value at its end. ``whole`` marks whole numbers.
    """

    name: str
    default: float
    low: float
    high: float
    unit: str
    help: str
    rate: bool = False
    whole: bool = False

    def clamp(self, value: float) -> float:
        """Return ``value`` inside the range; not-a-number becomes the default."""
        if math.isnan(value):
            return self.default
        value = min(max(value, self.low), self.high)
        return float(round(value)) if self.whole else value


OPEN_GROUPS = ("attribute", "isf", "label")  # only a model or a pass brings rows of these groups

ROWS: tuple[Param, ...] = (
    Param("speed", 0.05, -4.0, 4.0, "loops/s", "travel along the closed spline", rate=True),
    Param("truncation_psi", 0.7, 0.0, 2.0, "", "distance from the average w: 0 average, 1 as sampled"),
    Param("noise.strength", 1.0, 0.0, 4.0, "x", "StyleGAN's per-pixel noise, relative to the model's own"),
    Param("noise.drift", 0.0, 0.0, 16.0, "1/s", "how fast that noise changes; 0 stands still", rate=True),
    *(
        Param(f"noise.r{2**k}", 1.0, 0.0, 4.0, "x", f"noise.strength of the block at {2**k} px")
        for k in range(2, 11)
    ),
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
    # Feature warps (engine/generator/warps): x at `layer` px; lengths are picture heights.
    Param("warp.image", 1.0, 0.0, 1.0, "", "1 the RGB so far is warped too, 0 features only", whole=True),
    Param("warp.border", 1.0, 0.0, 2.0, "", "beyond the edge: 0 wrap, 1 mirror, 2 clamp", whole=True),
    Param("slitscan.layer", 32.0, 4.0, 1024.0, "px", "block whose past is scanned", whole=True),
    Param("slitscan.strength", 0.0, 0.0, 1.0, "", "how far back the slits look, as a share of seconds"),
    Param("slitscan.seconds", 2.0, 0.05, 8.0, "s", "how far back the last slit looks at full strength"),
    Param("slitscan.axis", 0.0, 0.0, 3.0, "", "slits are 0 rows, 1 columns, 2 rings, 3 a cloud", whole=True),
    Param("freeze.layer", 16.0, 4.0, 1024.0, "px", "block that is held", whole=True),
    Param("freeze.strength", 0.0, 0.0, 1.0, "", "0 moves on, 1 holds what was there when it left 0"),
    Param("rotate.layer", 32.0, 4.0, 1024.0, "px", "block that is turned", whole=True),
    Param("rotate.turns", 0.0, -16.0, 16.0, "turns", "angle, counter-clockwise"),
    Param("rotate.speed", 0.0, -4.0, 4.0, "turns/s", "keeps turning", rate=True),
    Param("translate.layer", 32.0, 4.0, 1024.0, "px", "block that is moved", whole=True),
    Param("translate.x", 0.0, -4.0, 4.0, "heights", "to the right"),
    Param("translate.y", 0.0, -4.0, 4.0, "heights", "down"),
    Param("translate.speed_x", 0.0, -4.0, 4.0, "heights/s", "keeps moving to the right", rate=True),
    Param("translate.speed_y", 0.0, -4.0, 4.0, "heights/s", "keeps moving down", rate=True),
    Param("zoom.layer", 32.0, 4.0, 1024.0, "px", "block that is scaled", whole=True),
    Param("zoom.octaves", 0.0, -3.0, 4.0, "octaves", "1 twice as large, -1 half"),
    Param("shear.layer", 32.0, 4.0, 1024.0, "px", "block that is slanted", whole=True),
    Param("shear.x", 0.0, -2.0, 2.0, "", "shift to the right per height"),
    Param("shear.y", 0.0, -2.0, 2.0, "", "shift down per height of width"),
    Param("swirl.layer", 32.0, 4.0, 1024.0, "px", "block that is stirred", whole=True),
    Param("swirl.turns", 0.0, -4.0, 4.0, "turns", "angle in the middle, none at the radius"),
    Param("swirl.radius", 0.7, 0.05, 2.0, "heights", "where it ends"),
    Param("ripple.layer", 32.0, 4.0, 1024.0, "px", "block that is rippled", whole=True),
    Param("ripple.amplitude", 0.0, 0.0, 0.5, "heights", "how far rings are pushed in and out"),
    Param("ripple.wavelength", 0.25, 0.02, 2.0, "heights", "from ring to ring"),
    Param("ripple.speed", 1.0, -8.0, 8.0, "waves/s", "how fast rings run outwards", rate=True),
    Param("slice.layer", 32.0, 4.0, 1024.0, "px", "block that is cut into bands", whole=True),
    Param("slice.offset", 0.0, -2.0, 2.0, "heights", "neighbouring bands move apart by twice this"),
    Param("slice.count", 8.0, 1.0, 128.0, "", "bands in a height"),
    Param("slice.phase", 0.0, -64.0, 64.0, "bands", "where the first cut is"),
    Param("slice.speed", 0.0, -8.0, 8.0, "bands/s", "cuts keep moving", rate=True),
    Param("slice.turns", 0.0, -1.0, 1.0, "turns", "direction: 0 horizontal bands, 0.25 vertical"),
    Param("kaleidoscope.layer", 32.0, 4.0, 1024.0, "px", "block that is mirrored", whole=True),
    Param("kaleidoscope.strength", 0.0, 0.0, 1.0, "", "0 as painted, 1 folded; between, folding"),
    Param("kaleidoscope.segments", 1.0, 1.0, 24.0, "", "mirrors around the middle; 1 a single one", whole=True),
    Param("kaleidoscope.turns", 0.25, -16.0, 16.0, "turns", "angle of the first mirror: 0.25 right over left"),
    Param("pixelate.layer", 32.0, 4.0, 1024.0, "px", "block that is coarsened", whole=True),
    Param("pixelate.strength", 0.0, 0.0, 1.0, "", "1 cells of a quarter of the height"),
    Param("channels.layer", 32.0, 4.0, 1024.0, "px", "block whose channels are scaled", whole=True),
    Param("channels.gain", 1.0, -4.0, 4.0, "x", "1 as is, 0 ablated, negative inverted"),
    Param("channels.share", 0.25, 0.0, 1.0, "", "how many of them"),
    Param("channels.seed", 0.0, 0.0, 999.0, "", "which of them, at random", whole=True),
    Param("channels.like", 0.0, 0.0, 1024.0, "", "0 at random; n those most like channel n", whole=True),
    Param("inject.layer", 32.0, 4.0, 1024.0, "px", "block that noise is added to", whole=True),
    Param("inject.strength", 0.0, 0.0, 8.0, "x", "how much noise; 1 as loud as the maps themselves"),
    Param("inject.drift", 0.25, 0.0, 16.0, "1/s", "how fast that noise changes; 0 stands still", rate=True),
    Param("picture.brightness", 1.0, 0.0, 4.0, "x", "gain of the finished picture"),
    Param("picture.contrast", 1.0, 0.0, 4.0, "x", "contrast around middle grey"),
    Param("picture.saturation", 1.0, 0.0, 4.0, "x", "0 grey, 1 as generated"),
    Param("picture.zoom", 1.0, 0.25, 8.0, "x", "size of the picture in its window"),
    Param("picture.fit", 0.0, 0.0, 1.0, "", "in a window of another shape: 0 bars, 1 cut off to fill it"),
    Param("picture.rotation", 0.0, -16.0, 16.0, "turns", "rotation of the finished picture"),
    Param("picture.blackout", 0.0, 0.0, 1.0, "", "0 the picture, 1 black"),
    # The desktop around the picture (engine/stage/desktop/desktop.py).
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
        """Return what to say of a name that no row has: which name is the most similar."""
        if not self or difflib.get_close_matches(name, self, 1):
            return nearest(name, self)
        return f"the nearest is {difflib.get_close_matches(name, self, 1, 0.0)[0]!r}"


TABLE = Table(ROWS)


class Params(_Fixed[float]):
    """The value of every knob for one frame: immutable, every name of its table present, all in range.

    >>> Params({"speed": 0.2})["speed"]
    0.2
    """

    __slots__ = ("table",)

    def __init__(self, values: Mapping[str, float] | None = None, table: Table = TABLE) -> None:
        """KeyError when a name of ``values`` is not in ``table``; what ``values`` lacks is at its default."""
        given = {} if values is None else values
        if unknown := sorted(given.keys() - table.keys()):
            raise KeyError(f"unknown parameter {unknown[0]!r}")
        super().__init__(table.defaults)
        dict.update(self, {name: table[name].clamp(value) for name, value in given.items()})
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

    def moved(self, table: Table) -> Params:
        """Return the values that ``table`` has rows for, clamped to them; a row that is new is at its default."""
        return Params({name: value for name, value in self.items() if name in table}, table)

    def __repr__(self) -> str:
        changed = {n: v for n, v in self.items() if v != self.table[n].default}
        return f"Params({changed})"
