"""ISF files for tests: a header as a dict, and the code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from engine.stage.isf.effect import Effect, Moment
from engine.stage.isf.files import read
from engine.stage.isf.first_picture import DATE
from engine.stage.passes.canvas import Canvas

IMAGE = {"NAME": "inputImage", "TYPE": "image"}


def write(folder: Path, code: str, name: str = "try", vertex: str | None = None, **header: Any) -> Path:
    """Write NAME.fs, and NAME.vs where there is a vertex shader; the header is one line long, the code begins on 2."""
    path = folder / f"{name}.fs"
    path.write_text(f"/*{json.dumps({'ISFVSN': '2', **header})}*/\n{code}", encoding="utf-8")
    if vertex is not None:
        path.with_suffix(".vs").write_text(vertex, encoding="utf-8")
    return path


def play(
    ctx: moderngl.Context,
    path: Path,
    size: tuple[int, int] = (4, 4),
    pictures: int = 1,
    picture: NDArray[np.float32] | None = None,
    alpha: bool = False,
    layered: float = 0.0,
    behind: bool = False,
    **values: float,
) -> NDArray[np.float32]:
    """Return the last of so many pictures, float32 [H, W, 3 or 4], bottom row first; ``a__b`` is the parameter a.b."""
    shown = np.full((size[1], size[0], 4), 0.5, np.float32) if picture is None else picture
    source = ctx.texture((shown.shape[1], shown.shape[0]), 4, shown.astype(np.float32).tobytes(), dtype="f4")
    source.repeat_x = source.repeat_y = False
    effect, canvas = Effect(ctx, read(path)), Canvas.make(ctx, size, "f4")
    params = {f"{effect.shader.prefix}{name.replace('__', '.')}": value for name, value in values.items()}
    params["layered"] = layered
    for index in range(pictures):
        effect.draw(source, {}, params, Moment(index / 10.0, 0.1 if index else 0.0, DATE), canvas, behind)
    found = np.frombuffer(canvas.texture.read(), np.float32).reshape(size[1], size[0], 4)[..., : 3 + alpha].copy()
    for each in (effect, canvas, source):
        each.release()
    return found
