"""Endless flowers on black, with their mask: a seeded procedural renderer, the teacher of the model `garden`.

A picture is a function of `theta`, a vector of about thirty numbers in about unit scale (`NAMES`). The first twelve say
how much of each kind of flower it is, on a scale on which 1 is pure; the others say view, shape, colour and light,
-1..1 around the usual. `bloom` runs from the bud (-1) over the open flower (0) to the wilted one (1).

Petals are bent sheets, filaments are tubes (`kinds.py` has their tables); a first pass draws them lit, a second one
darkens the folds and throws shadows. Any OpenGL does, Mesa's software renderer too. Pictures are RGBA: light on black
(premultiplied by the mask) and the mask.

    python -m tools.garden.render --contact-sheet sheet.png
    python -m tools.garden.render --out data/garden.npz --count 20000 --resolution 128
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import moderngl
import numpy as np
import numpy.typing as npt
from PIL import Image
from rich.progress import track

from tools.fruit.parameters import Parameters
from tools.fruit.render import tile
from tools.garden.botany import (
    BLENDS,
    KNOBS,
    NAMES,
    NEAREST,
    POSE,
    POSE_RANGE,
    TRUNCATED,
    Botany,
    Flower,
    petal_data,
    smooth,
    thread_data,
)
from tools.garden.kinds import KINDS, SLOTS, THREADS, Array

Pictures = npt.NDArray[np.uint8]

PARAMETERS = Parameters(
    KINDS, KNOBS, POSE, POSE_RANGE, first="rose", blends=BLENDS, truncated=TRUNCATED, nearest=NEAREST
)
weights, sample, mean_theta, knob_ranges = PARAMETERS.weights, PARAMETERS.sample, PARAMETERS.mean, PARAMETERS.ranges


def strip(across: int, along: int, dense: bool) -> tuple[Array, npt.NDArray[np.int32]]:
    """Return a grid of points [n, 2], across -1..1 (or around 0..1), along 0..1, and its triangles."""
    v = np.linspace(0, 1, along)
    v = 0.5 - 0.5 * np.cos(np.pi * v) if dense else v
    u = np.linspace(-1, 1, across) if dense else np.linspace(0, 1, across)
    points = np.stack(np.meshgrid(u, v), -1).reshape(-1, 2).astype(np.float32)
    i = np.arange(across * (along - 1)).reshape(along - 1, across)[:, :-1].ravel()
    faces = np.stack([i, i + 1, i + across, i + 1, i + across + 1, i + across], 1)
    return points, faces.astype(np.int32)


class Part:
    """A program that draws many instances of one mesh."""

    def __init__(
        self,
        context: moderngl.Context,
        name: str,
        mesh: tuple[Array, npt.NDArray[np.int32]],
        layout: str,
        names: tuple[str, ...],
    ) -> None:
        folder = Path(__file__).parent
        text = (folder / "lib.glsl").read_text() + (folder / f"{name}.glsl").read_text()
        self.program = context.program(
            vertex_shader="#version 330\n#define VERTEX\n" + text, fragment_shader="#version 330\n" + text
        )
        points, faces = mesh
        content: list[tuple[object, ...]] = [(context.buffer(points.tobytes()), "2f", "grid")]
        self.instances = context.buffer(reserve=4 * 24 * (SLOTS + THREADS)) if layout else None
        if self.instances:
            content.append((self.instances, layout + "/i", *names))
        self.array = context.vertex_array(self.program, content, context.buffer(faces.tobytes()))

    def draw(self, data: Array | None = None, **uniforms: object) -> None:
        """Draw instances ``data`` [n, floats]; uniforms by name."""
        for name, value in uniforms.items():
            uniform = self.program.get(name, None)
            if isinstance(uniform, moderngl.Uniform):  # the compiler drops what it does not need
                uniform.write(np.asarray(value, "f4").tobytes())
        if data is None:
            self.array.render(moderngl.TRIANGLES)
        elif len(data) and self.instances:
            self.instances.write(data.astype("f4").tobytes())
            self.array.render(moderngl.TRIANGLES, instances=len(data))


class Studio:
    """An offscreen renderer."""

    def __init__(self, resolution: int = 128, supersample: int = 2, columns: int = 8) -> None:
        self.resolution, self.supersample, self.columns = resolution, supersample, columns
        self.side = side = resolution * supersample
        self.botany = Botany()
        self.context = gl = moderngl.create_standalone_context(backend="egl")  # type: ignore[arg-type]
        self._colours, self._kept = (gl.texture((side, side), 4, dtype="f2") for _ in range(2))
        self._kept.filter = self._colours.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self._kept.repeat_x = self._kept.repeat_y = False
        depth = gl.depth_texture((side, side))
        self._solid = gl.framebuffer([self._colours, self._kept], depth)
        self._airy = gl.framebuffer([self._colours], depth)
        self._fine = gl.simple_framebuffer((side, side), components=4)
        four = ("place", "bend", "sheet", "border", "what")
        self._petals = Part(gl, "petal", strip(11, 20, dense=True), "4f 4f 4f 4f 4f", four)
        self._threads = Part(gl, "thread", strip(7, 12, dense=False), "4f 4f 4f 4f 3f", ("a", "b", "c", "ink", "head"))
        self._stem = Part(gl, "thread", strip(10, 24, dense=False), "4f 4f 4f 4f 3f", ("a", "b", "c", "ink", "head"))
        self._disc = Part(gl, "disc", strip(40, 14, dense=False), "", ())
        self._pappus = Part(gl, "pappus", strip(7, 7, dense=True), "4f 4f", ("spot", "facing"))
        corners = np.array([[-1, -1], [3, -1], [-1, 3]], np.float32), np.array([0, 1, 2], np.int32)
        folder = Path(__file__).parent
        text = (folder / "lib.glsl").read_text() + (folder / "compose.glsl").read_text()
        self._compose = gl.program(
            vertex_shader="#version 330\n#define VERTEX\n" + text, fragment_shader="#version 330\n" + text
        )
        self._quad = gl.vertex_array(self._compose, [(gl.buffer(corners[0].tobytes()), "2f", "corner")])

    def render(self, theta: Array) -> Pictures:
        """Render `theta` [n, THETA] to RGBA pictures [n, resolution, resolution, 4] uint8: light on black, mask."""
        out = np.empty((len(theta), self.resolution, self.resolution, 4), np.uint8)
        s, r = self.supersample, self.resolution
        for i, (row, share) in enumerate(zip(theta, weights(theta), strict=True)):
            self._draw(self.botany.flower(row, share))
            raw = np.frombuffer(self._fine.read(components=4), np.uint8).reshape(r, s, r, s, 4)
            out[i] = (raw.sum((1, 3), dtype=np.uint16) + s * s // 2)[::-1] // (s * s)
        return out

    def _draw(self, flower: Flower) -> None:
        gl, rest, knob, inks = self.context, flower.rest, flower.knob, flower.inks
        self._solid.use()
        self._solid.clear()
        gl.enable_only(moderngl.DEPTH_TEST)
        rim = (
            np.array([0.55, 0.62, 1.0])
            + max(knob["rim"], 0) * np.array([0.6, -0.35, -0.1])
            + max(-knob["rim"], 0) * np.array([-0.5, 0.25, 0.0])
        )
        common = {"light": [knob["light"]], "rim_ink": rim, "frame": flower.frame.T, "origin": flower.origin}
        petals, _ = petal_data(flower)
        threads, hairs = thread_data(flower)
        reach = rest["throat"] * (1 + 0.35 * knob["heart"])
        self._petals.draw(
            petals, **common, body=flower.hues[0], tip=flower.hues[1],
            throat_ink=inks["throat_ink"], edge_ink=inks["edge_ink"], lip=inks["lip"], spot=inks["spot"],
            pattern=[reach, rest["veins"], rest["spots"], rest["edge"]],
            looks=[rest["ring"], rest["gloss"], rest["glow"], rest["dark"]],
            wilt=[flower.wilt], dew=[max(0.0, 0.35 + 0.65 * knob["dew"])],
        )  # fmt: skip
        if rest["disc"] > 0.01:
            size = 0.7 + 0.3 * float(smooth(-1.0, -0.2, knob["bloom"]))
            disc = [rest["disc"] * size, rest["dome"] * size, rest["disc_height"], 1.0]
            grain = [rest["florets"], rest["ridges"], 0.5 * flower.wilt, 40 + 900 * rest["disc"] ** 1.5]
            self._disc.draw(None, **common, disc=disc, grain=grain, disc_in=inks["disc_in"], disc_out=inks["disc_out"])
        self._stem.draw(threads[:1], **common)
        self._threads.draw(threads[1:], **common)
        if len(hairs):
            self._airy.use()
            gl.enable(moderngl.BLEND)
            gl.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
            self._airy.depth_mask = False
            self._pappus.draw(hairs, **common, hair=flower.hues[1])
            self._airy.depth_mask = True
        self._fine.use()
        gl.disable(moderngl.DEPTH_TEST | moderngl.BLEND)
        self._colours.use(0)
        self._kept.use(1)
        for name, value in (
            ("colours", 0),
            ("kept", 1),
            ("side", float(self.side)),
            ("shade", 1.0),
            ("light", knob["light"]),
        ):
            self._compose[name] = value
        self._quad.render(moderngl.TRIANGLES)


def stream(seed: int, resolution: int, batch: int = 64) -> Iterator[tuple[Array, Pictures]]:
    """Yield (theta [batch, THETA], pictures) without end; the same seed gives the same flowers."""
    rng, studio = np.random.default_rng(seed), Studio(resolution)
    while True:
        theta = sample(rng, batch)
        yield theta, studio.render(theta)


def contact_sheet(seed: int, resolution: int, columns: int = 8) -> Image.Image:
    """Each pure kind several times (one kind a row), a row from bud to wilt, then two rows of blends."""
    rng = np.random.default_rng(seed)
    theta = sample(rng, (len(KINDS) + 3) * columns)
    for k in range(len(KINDS)):
        theta[k * columns : (k + 1) * columns, : len(KINDS)] = np.eye(len(KINDS), dtype=np.float32)[k]
    row = theta[len(KINDS) * columns : (len(KINDS) + 1) * columns]
    row[:] = row[0]
    row[:, : len(KINDS)] = np.eye(len(KINDS), dtype=np.float32)[0]
    row[:, NAMES.index("bloom")] = np.linspace(-1, 1, columns)
    return tile(Studio(resolution).render(theta), columns)


def main() -> None:
    """Draw a contact sheet or a data set."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--contact-sheet", type=Path, metavar="PNG", help="one picture of every kind and some blends")
    p.add_argument("--out", type=Path, help="a folder for PNG files, or a .npz of theta and pictures")
    p.add_argument("--count", type=int, default=64)
    p.add_argument("--resolution", type=int, default=128)
    p.add_argument("--seed", type=int, default=0)
    a = p.parse_args()
    if a.contact_sheet:
        contact_sheet(a.seed, a.resolution).save(a.contact_sheet)
    if a.out:
        batches = stream(a.seed, a.resolution, batch=50)
        drawn = [next(batches) for _ in track(range(math.ceil(a.count / 50)), description="flowers")]
        theta, pictures = (np.concatenate(x)[: a.count] for x in zip(*drawn, strict=True))
        if a.out.suffix == ".npz":
            np.savez(a.out, theta=theta, pictures=pictures)
        else:
            a.out.mkdir(parents=True, exist_ok=True)
            for i, picture in enumerate(pictures):
                Image.fromarray(picture).save(a.out / f"{i:06d}.png")


if __name__ == "__main__":
    main()
