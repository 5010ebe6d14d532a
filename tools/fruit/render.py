"""Endless fruit on white: a seeded procedural renderer, the teacher of the default model.

A picture is a function of `theta`, a vector of about thirty numbers in about unit scale (`NAMES`). The first
eleven say how much of each kind of fruit it is, on a scale on which 1 is pure; the others say place, shape,
colour and light, -1..1 around the usual. Signed distances are traced in a GLSL shader (fruit.glsl for the
kinds, fruit_light.glsl for the scene). Any OpenGL does, Mesa's software renderer too.

    python -m tools.fruit.render --contact-sheet sheet.png
    python -m tools.fruit.render --out data/fruit.npz --count 20000 --resolution 128
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

from tools.fruit.parameters import Array, Parameters

Pictures = npt.NDArray[np.uint8]

# fmt: off
KINDS = ("apple", "pear", "orange", "lemon", "banana", "strawberry",
         "grapes", "cherry", "peach", "melon", "kiwi")
KNOBS = ("place_x", "place_y", "size", "roll", "pitch", "yaw", "length", "width", "profile", "bend",
         "hue", "saturation", "value", "blush", "speckle", "gloss", "stem", "lean", "leaf", "leaftone", "light")
NAMES = KINDS + KNOBS
POSE, POSE_RANGE = KNOBS[:6], 0.6  # share of the scale from which `sample` draws the pose; a small one is easier
THETA = len(NAMES)

# What a kind has at its top and how its surface shines. Stalk: height of its foot, length, thickness, leaf
# length. Finish: highlight strength, highlight sharpness, velvet, translucency.
STALKS: Array = np.array([
    [0.56, 0.42, 0.045, 0.62], [0.84, 0.34, 0.045, 0.55], [0.78, 0.06, 0.00, 0.00], [0.60, 0.10, 0.00, 0.00],
    [0.50, 0.10, 0.00, 0.00], [0.90, 0.26, 0.035, 0.00], [0.62, 0.42, 0.050, 0.72], [1.00, 0.10, 0.00, 0.45],
    [0.66, 0.16, 0.050, 0.66], [0.40, 0.10, 0.00, 0.00], [0.60, 0.10, 0.00, 0.00]], np.float32)
FINISHES: Array = np.array([
    [0.50, 60, 0.0, 0.30], [0.30, 35, 0.0, 0.45], [0.30, 30, 0.0, 0.45], [0.35, 40, 0.0, 0.55],
    [0.20, 25, 0.0, 0.50], [0.50, 50, 0.0, 0.55], [0.42, 55, 0.2, 0.90], [0.80, 110, 0.0, 0.55],
    [0.06, 15, 1.0, 0.60], [0.25, 35, 0.0, 0.70], [0.22, 35, 0.1, 0.75]], np.float32)
# fmt: on

PARAMETERS = Parameters(KINDS, KNOBS, POSE, POSE_RANGE, first="peach")
weights, sample, mean_theta, knob_ranges = PARAMETERS.weights, PARAMETERS.sample, PARAMETERS.mean, PARAMETERS.ranges


class Studio:
    """An offscreen renderer. Programs are compiled per set of kinds and kept."""

    def __init__(self, resolution: int = 128, supersample: int = 2, columns: int = 8) -> None:
        self.resolution, self.columns = resolution, columns
        self.context = moderngl.create_standalone_context(backend="egl")  # type: ignore[arg-type]
        side = resolution * supersample
        self.cell = side
        self.fine = self.context.simple_framebuffer((side, side), components=4)
        self._sources = [(Path(__file__).parent / f).read_text() for f in ("fruit.glsl", "fruit_light.glsl")]
        self._programs: dict[tuple[int, ...], tuple[moderngl.Program, moderngl.VertexArray]] = {}
        self._quad = self.context.buffer(np.array([-1, -1, 3, -1, -1, 3], "f4").tobytes())
        self.supersample = supersample

    def render(self, theta: Array) -> Pictures:
        """Render `theta` [n, THETA] to sRGB pictures [n, resolution, resolution, 3] uint8."""
        out = np.empty((len(theta), self.resolution, self.resolution, 3), np.uint8)
        s, r = self.supersample, self.resolution
        self.fine.use()
        for i, (row, share) in enumerate(zip(theta, weights(theta), strict=True)):
            self._draw(row, share)
            raw = np.frombuffer(self.fine.read(components=3), np.uint8).reshape(r, s, r, s, 3)
            out[i] = (raw.sum((1, 3), dtype=np.uint16) + s * s // 2)[::-1] // (s * s)
        return out

    def masked(self, theta: Array) -> Iterator[tuple[Pictures, Array]]:
        """Yield pictures [resolution, resolution, 3] uint8 and the fruit in each, premultiplied [..., 4], 0..255."""
        s, r = self.supersample, self.resolution
        self.fine.use()
        for row, share in zip(theta, weights(theta), strict=True):
            self._draw(row, share)
            raw = np.frombuffer(self.fine.read(components=4), np.uint8).reshape(r * s, r * s, 4)[::-1]
            fine = raw.reshape(r, s, r, s, 4).astype(np.float32)
            subject = np.concatenate([fine[..., :3] * (fine[..., 3:] / 255.0), fine[..., 3:]], 4).mean((1, 3))
            yield np.rint(fine[..., :3].mean((1, 3))).astype(np.uint8), subject

    def _draw(self, row: Array, share: Array) -> None:
        program, mesh = self._program(tuple(int(k) for k in np.flatnonzero(share)))
        stalk, finish = share @ STALKS, share @ FINISHES
        knob = dict(zip(NAMES, row.tolist(), strict=True))
        stalk[1] *= 1 + 0.4 * knob["stem"]
        stalk[3] *= max(0.0, 0.45 + 0.75 * knob["leaf"])
        values = {
            "theta": row,
            "weight": share,
            "stalk": stalk,
            "finish": finish,
            "viewport": np.array([0, 0, self.cell, self.cell]),
        }
        for name, value in values.items():
            uniform = program.get(name, None)
            if isinstance(uniform, moderngl.Uniform):  # the compiler drops what it does not need, ends of arrays too
                size = uniform.array_length * uniform.dimension
                uniform.write(value[:size].astype("f4").tobytes())
        mesh.render(moderngl.TRIANGLES)

    def _program(self, kinds: tuple[int, ...]) -> tuple[moderngl.Program, moderngl.VertexArray]:
        if kinds not in self._programs:
            body = " + ".join(f"weight[{k}] * {KINDS[k]}_shape(p)" for k in kinds)
            skin = " + ".join(f"weight[{k}] * {KINDS[k]}_skin(p, n)" for k in kinds)
            head = [f"#define THETA {THETA}", f"#define KINDS {len(KINDS)}"]
            head += [f"#define {name.upper()} theta[{i + len(KINDS)}]" for i, name in enumerate(KNOBS)]
            head += [f"#define HAS_{KINDS[k].upper()}\n#define {KINDS[k].upper()} {k}" for k in kinds]
            tail = f"float bodies(vec3 p) {{ return {body}; }}\nvec3 skins(vec3 p, vec3 n) {{ return {skin}; }}\n"
            text = "\n".join([*head, self._sources[0], tail, self._sources[1]])
            program = self.context.program(
                vertex_shader="#version 330\n#define VERTEX\n" + text, fragment_shader="#version 330\n" + text
            )
            mesh = self.context.vertex_array(program, [(self._quad, "2f", "corner")])
            self._programs[kinds] = (program, mesh)
        return self._programs[kinds]


def stream(seed: int, resolution: int, batch: int = 64) -> Iterator[tuple[Array, Pictures]]:
    """Yield (theta [batch, THETA], pictures) without end; the same seed gives the same fruit."""
    rng, studio = np.random.default_rng(seed), Studio(resolution)
    while True:
        theta = sample(rng, batch)
        yield theta, studio.render(theta)


def tile(pictures: Pictures, columns: int) -> Image.Image:
    """Lay pictures [n, h, w, 3 or 4] out as one image, row by row; a mask is left out."""
    n, h, w, _ = pictures.shape
    rows = math.ceil(n / columns)
    sheet = np.full((rows * h, columns * w, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        y, x = divmod(i, columns)
        sheet[y * h : (y + 1) * h, x * w : (x + 1) * w] = picture[..., :3]
    return Image.fromarray(sheet)


def contact_sheet(seed: int, resolution: int, columns: int = 8) -> Image.Image:
    """Each pure kind several times (one kind a row), then two rows of blends."""
    rng = np.random.default_rng(seed)
    theta = sample(rng, (len(KINDS) + 2) * columns)
    for k in range(len(KINDS)):
        theta[k * columns : (k + 1) * columns, : len(KINDS)] = np.eye(len(KINDS), dtype=np.float32)[k]
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
        drawn = [next(batches) for _ in track(range(math.ceil(a.count / 50)), description="fruit")]
        theta, pictures = (np.concatenate(x)[: a.count] for x in zip(*drawn, strict=True))
        if a.out.suffix == ".npz":
            np.savez(a.out, theta=theta, pictures=pictures)
        else:
            a.out.mkdir(parents=True, exist_ok=True)
            for i, picture in enumerate(pictures):
                Image.fromarray(picture).save(a.out / f"{i:06d}.png")


if __name__ == "__main__":
    main()
