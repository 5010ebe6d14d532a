"""No preset shows the picture's own edge: the outermost rows and columns are painted like those beside them."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.bench.opening import BenchOptions, open_bench
from engine.borders.contracts import Frame
from engine.borders.options import ModelOptions
from engine.borders.preset import Preset
from engine.borders.tick import REST, Tick
from engine.control.presets.preset import load
from engine.generator.player import Player
from engine.generator.points import seeds_to_z
from engine.loop import perform
from engine.show.opening import open_model
from engine.stage.passes.compositor import Compositor
from engine.stage.windows.headless import HeadlessWindow
from engine.system import resources
from tests.builders.params import TABLE, Params
from tests.builders.pictures import as_frame
from tests.parts import need

# The size of the window, what the model paints (None: its square), whether that is cut to fit.
WALLS = {
    "wide": ((64, 36), Fraction(16, 9), 1.0),
    "square": ((40, 40), None, 0.0),
    "high": ((36, 64), Fraction(9, 16), 1.0),
    "odd": ((63, 37), Fraction(16, 9), 1.0),
    "cut": ((67, 35), None, 1.0),
}
STEP = 24.0  # of 255: the most by which an outermost row may differ from the next one, on average
ALIKE = 1.25  # times the largest step further in; where details are as fine as pixels every row has such a step
INWARDS = 4  # rows that are looked at for that
LOUD = 4.6  # seconds of the built-in song
FINE = {"printshop"}  # hatched as finely as the pixels of a small wall: only what is the border's alone counts
SMALL = [  # what was worst once; how many times as large the wall is where fruits are no larger than its pixels
    ("pond", "wide", 1),
    ("pond", "square", 1),
    ("desktop", "odd", 1),
    ("duet", "square", 1),
    ("neon", "high", 1),
    ("rosette", "cut", 4),
    ("printshop", "wide", 1),
    ("printshop", "square", 4),
]
PLAYABLE = [  # the others have rows that a model or a pass brings
    name
    for name in resources.names("presets", ".toml")
    if not {"attribute.", "isf"}
    & set(re.findall("attribute[.]|isf", resources.resource("presets", f"{name}.toml").read_text("utf-8")))
]


def steps(picture: NDArray[np.uint8]) -> list[list[float]]:
    """Return by how much rows differ on average, from each border of [H, W, 3] inwards: the outermost from the next."""
    p = picture[..., :3].astype(float)
    edges = (p, p[::-1], p.transpose(1, 0, 2), p.transpose(1, 0, 2)[::-1])
    return [[float(np.abs(edge[i] - edge[i + 1]).mean()) for i in range(INWARDS + 1)] for edge in edges]


def stripe(picture: NDArray[np.uint8]) -> float:
    """Return the largest step at a border that is the border's alone: 0 where rows further in differ as much."""
    return max(first if first > ALIKE * max(others) else 0.0 for first, *others in steps(picture))


def step(picture: NDArray[np.uint8]) -> float:
    """Return the largest step at a border."""
    return max(first for first, *_ in steps(picture))


@pytest.fixture(scope="module")
def model() -> Callable[..., Player]:
    """The fruit, or a preset's own model, at 64 px in the shapes of the walls, each opened once."""
    need("EGL")
    kept: dict[tuple[Fraction | None, str], Player] = {}

    def of(shape: Fraction | None, preset: str = "default") -> Player:
        text = resources.resource("presets", f"{preset}.toml").read_text("utf-8")
        name = str(tomllib.loads(text).get("model", "fruit"))
        if (shape, name) not in kept:
            options = ModelOptions(
                model=name, resolution=64, aspect=shape, device="cpu", backend="eager", calibration=False
            )
            kept[shape, name] = open_model(options, Preset("walls"))
        return kept[shape, name]

    return of


@pytest.fixture(scope="module")
def frames(model: Callable[..., Player]) -> dict[Fraction | None, Frame]:
    """A frame of each shape."""
    made = dict[Fraction | None, Frame]()
    for _, shape, _ in WALLS.values():
        painter = model(shape)
        made[shape] = painter(painter.map(seeds_to_z([7], painter.z_dim))[0], Params(), REST)
    return made


@pytest.fixture(scope="module")
def compositors() -> Iterator[dict[str, Compositor]]:
    """A compositor for each wall: shaders are compiled once."""
    need("EGL")
    made = {name: Compositor(HeadlessWindow(size), fit=fit) for name, (size, _, fit) in WALLS.items()}
    yield made
    for compositor in made.values():
        with compositor.window.ctx:
            compositor.close()


def loud(preset: Preset) -> Params:
    """Return a preset's parameters as loud music moves them."""
    values = {name: row.default for name, row in TABLE.items()} | dict(preset.params)
    for route in preset.routes:
        row = TABLE[route.target]
        if not route.source.startswith("midi."):
            values[route.target] = min(max(values[route.target] + 0.6 * route.amount, row.low), row.high)
    return Params(values)


@pytest.mark.parametrize("name", PLAYABLE)
def test_no_pass_shows_the_pictures_own_edge(
    name: str, frames: dict[Fraction | None, Frame], compositors: dict[str, Compositor]
) -> None:
    """A fruit in the shape of each wall, drawn by the preset's passes where the music is loud."""
    preset = load(resources.resource("presets", f"{name}.toml"), TABLE)
    params = loud(preset)
    for wall, compositor in compositors.items():
        with compositor.window.ctx:
            compositor.change(preset.passes)
            for i in range(3):  # what looks back sees something
                compositor(frames[WALLS[wall][1]], params, (), Tick(i, 0.1 * i, 0.1))
            picture = compositor.window.read()
        assert step(picture) <= STEP, f"{name}: {wall}"


def play(name: str, wall: str, painter: Player, pictures: int, times: int = 1) -> None:
    """Play the whole loop, warps, matte and passes, where the song is loud, and look at ``pictures`` of it.

    The wall is ``times`` as large: in few pixels a picture's own details are as wide as a stripe.
    """
    (wide, high), _, fit = WALLS[wall]
    size, cut = (times * wide, times * high), "crop" if fit else "letterbox"
    options = BenchOptions(preset=name, size=size, fps=1 / LOUD, frames=1 + pictures, fit=cut)
    seen, measure = list[float](), stripe if name in FINE and times == 1 else step
    with open_bench(options, lambda _, clock: clock, painter) as rig:
        rig.service.watch(lambda _: seen.append(measure(rig.window.read_rgba())))
        perform(rig)
    assert max(seen[1:]) <= STEP, f"{name}: {wall}"


@pytest.mark.parametrize(("name", "wall", "times"), SMALL)
def test_the_smallest_walls_hold_it_too(name: str, wall: str, times: int, model: Callable[..., Player]) -> None:
    play(name, wall, model(WALLS[wall][1]), 2, times)


@pytest.mark.skipif(not os.environ.get("LATENTVJ_LONG"), reason="seconds a preset: LATENTVJ_LONG=1 runs it")
@pytest.mark.parametrize("name", resources.names("presets", ".toml"))
@pytest.mark.parametrize("wall", WALLS)
def test_no_preset_shows_the_pictures_own_edge(name: str, wall: str, model: Callable[..., Player]) -> None:
    play(name, wall, model(WALLS[wall][1], name), 4, times=4)


@pytest.mark.parametrize("side", ["top", "left"])
def test_a_missing_row_is_a_stripe_and_a_picture_of_fine_lines_is_none(side: str) -> None:
    lines = np.random.default_rng(5).integers(0, 256, (36, 64, 3)).astype(np.uint8)
    assert stripe(lines) == 0.0, "its details are as fine as its pixels"
    for picture in (lines // 4, np.full((36, 64, 3), 200, np.uint8)):
        (picture if side == "top" else picture.transpose(1, 0, 2))[0] = 255 if picture.max() < 100 else 0
        assert stripe(picture) > STEP


@pytest.mark.parametrize("border", [0.0, 1.0, 2.0])
def test_a_picture_that_fills_the_wall_fills_it_turned_and_zoomed_out(
    compositors: dict[str, Compositor], border: float
) -> None:
    grey = as_frame(np.full((32, 32, 3), 128, np.uint8))
    compositor = compositors["cut"]
    with compositor.window.ctx:
        compositor.change(("grade",))
        compositor(grey, Params({"warp.border": border, "picture.zoom": 0.4, "picture.rotation": 0.1}))
        assert np.abs(compositor.window.read().astype(int) - 128).max() <= 1


def test_outlines_end_at_the_border_of_what_they_outline(compositors: dict[str, Compositor]) -> None:
    compositor = compositors["square"]
    with compositor.window.ctx:
        compositor.change(("edges",))
        compositor(as_frame(np.full((40, 40, 3), 255, np.uint8)), Params({"edges.amount": 4.0, "edges.alone": 1.0}))
        assert compositor.window.read().max() == 0, "the edge of the picture is no outline"
