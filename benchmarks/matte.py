"""How clean the matte is, and what it costs.

    OMP_NUM_THREADS=1 python -m benchmarks.matte --json benchmarks/matte.json

**Renders**: the fruit's renderer knows its own mask. A keyed render is laid over red, green, blue, black and a
checkerboard, beside the true subject (without the shadow: picture.shadow 0) or the true subject with the floor's shadow
as a black veil (1). What differs is told in levels of 255, at the edge: two pixels around where the mask is partial.
**Seeds** have no mask. For them light + (1 - alpha) B must be the model's own picture again, B the background's colour;
what differs is a fringe over any ground. Holes are pixels that are not opaque, and more than `DEEP` pixels inside; the
floor that cherries enclose (seeds 16 and 32) counts as one.
**Codecs**: every seed as a frame of a film, read back, over the same grounds, and its alpha alone. **Cost**: in turns
with the generator's frame of the same run, by processor time.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from engine.borders.options import ModelOptions
from engine.borders.params import Params
from engine.borders.preset import Preset
from engine.borders.tick import Tick
from engine.generator.player import Player
from engine.generator.points import seeds_to_z
from engine.show.opening import open_model
from engine.show.table import standard
from engine.stage.matte.stage import SHADOW, STRENGTH, Matte
from engine.stage.recording.codecs import ALPHA
from engine.stage.recording.movie import Movie
from engine.stage.video.film import Film
from engine.system.allocator import tune_allocator
from tools.fruit.render import Studio, sample

COUNT, RENDERS = 64, 24  # seeds, and renders
PSI = 0.7
DEEP = 6  # pixels
RENDER_SEED = 7
UNSEEN_SEED = 1107  # the matte's numbers were chosen while looking at the first renders of the other
FPS = 10.0
LIMIT = 8.0  # levels of 255
Array: TypeAlias = NDArray[np.float64]


def grounds(side: int) -> list[Array]:
    """Return what pictures are laid over, [H, W, 3] or [3], 0..255."""
    y, x = np.mgrid[:side, :side] // 8
    board = np.where(((x + y) % 2)[..., None] > 0, 255.0, 0.0).repeat(3, 2)
    return [np.array(colour, float) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0))] + [board]


def fringe(one: Array, other: Array) -> Array:
    """Return the largest difference [H, W] of two premultiplied pictures [H, W, 4], 0..255, over the grounds."""
    over = [(light[..., :3] + (1.0 - light[..., 3:] / 255.0) * g) for g in grounds(len(one)) for light in (one, other)]
    return np.asarray(np.max([np.abs(a - b).max(2) for a, b in zip(over[::2], over[1::2], strict=True)], 0))


def widest(mask: Array, pixels: int, least: bool = False) -> Array:
    """Return the largest (or smallest) value of ``mask`` [H, W] within so many pixels."""
    x = torch.from_numpy(-mask if least else mask)[None, None]
    found = F.max_pool2d(x, 2 * pixels + 1, 1, pixels)[0, 0].numpy()
    return -found if least else found


def summary(values: Sequence[Array]) -> dict[str, float]:
    """Return the mean, the quantiles and the share within the limit of many pixels."""
    every = np.concatenate([each.ravel() for each in values])
    return {
        "mean": round(float(every.mean()), 2),
        "p50": round(float(np.median(every)), 2),
        "p95": round(float(np.percentile(every, 95)), 2),
        "max": round(float(every.max()), 1),
        "within_8": round(float((every <= LIMIT).mean()), 4),
    }


def keyed(matte: Matte, frame: torch.Tensor, model: Player, shadow: float = 1.0) -> Array:
    """Return the premultiplied picture [H, W, 4], 0..255."""
    params = Params({STRENGTH: 1.0, SHADOW: shadow}, standard())
    return np.asarray(matte(frame, frame, model.keying, params).numpy(), float)


def of_renders(matte: Matte, model: Player, seed: int) -> dict[str, object]:
    """Return the edges and holes of renders against their own masks."""
    with_veil, without, holes = [], [], []
    for whole, drawn in Studio(256, 3).masked(sample(np.random.default_rng(seed), RENDERS)):
        frame = torch.from_numpy(np.concatenate([whole, np.full((*whole.shape[:2], 1), 255, np.uint8)], 2))
        subject = drawn.astype(float)
        mask = subject[..., 3] / 255.0
        edge = (widest(mask, 2) > 0.02) & (widest(mask, 2, least=True) < 0.98)
        deep = widest(mask, 3, least=True) > 0.999
        floor = (whole - subject[..., :3]).min(2) / np.maximum(1.0 - mask, 1e-3)
        veil = np.where(mask < 0.999, np.clip(1.0 - floor / 255.0, 0.0, 1.0), 0.0)
        alpha = 255.0 * (mask + (1.0 - mask) * veil)
        veiled = np.concatenate([whole - (255.0 - alpha[..., None]), alpha[..., None]], 2)
        shadowed = keyed(matte, frame, model)
        with_veil.append(fringe(shadowed, veiled)[edge])
        without.append(fringe(keyed(matte, frame, model, 0.0), subject)[edge])
        holes.append(int((deep & (shadowed[..., 3] < 250.0)).sum()))
    return {
        "edge_with_shadow": summary(with_veil),
        "edge_without_shadow": summary(without),
        "pictures_with_holes": sum(each > 0 for each in holes),
        "hole_pixels": sum(holes),
    }


def of_seeds(matte: Matte, frames: Iterable[torch.Tensor], model: Player) -> dict[str, object]:
    """Return how far seeds are from their own picture on their own background, and their holes."""
    edges, everywhere, holes = [], [], []
    for frame in frames:
        picture, made = frame.numpy()[..., :3].astype(float), keyed(matte, frame, model)
        alpha = made[..., 3]
        off = np.abs(made[..., :3] + (255.0 - alpha[..., None]) - picture).max(2)
        inner = 4
        everywhere.append(off[inner:-inner, inner:-inner])
        edges.append(off[(widest(alpha, 2) > 250.0) & (widest(alpha, 2, least=True) < 128.0)])
        outside = reached(alpha < 128.0)
        deep = widest(outside.astype(float), DEEP) == 0.0
        holes.append(int((deep & (alpha < 250.0)).sum()))
    return {
        "edge": summary(edges),
        "everywhere": summary(everywhere),
        "seeds_with_holes": {seed: count for seed, count in enumerate(holes) if count},
    }


def reached(open_: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what of ``open_`` the border leads to, step by step: not the matte's own flood."""
    found = np.zeros_like(open_)
    found[0], found[-1], found[:, 0], found[:, -1] = open_[0], open_[-1], open_[:, 0], open_[:, -1]
    while True:
        more = found
        for _ in range(8):
            more = (widest(more.astype(float), 1) > 0.0) & open_
        if (more == found).all():
            return found
        found = more


def of_codecs(matte: Matte, frames: Sequence[torch.Tensor], model: Player) -> dict[str, object]:
    """Return what a film of every codec has made of the seeds, over the grounds."""
    sent = [keyed(matte, frame, model) for frame in frames]
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, codec in ALPHA.items():
            path = Path(folder) / f"film{codec.suffix}"
            movie = Movie(path, (256, 256), FPS, alpha=codec)
            for picture in sent:
                movie.picture(picture.astype(np.uint8))
            movie.close()
            film = Film(path, 256, exact=True)
            off, alpha = [], []
            for index, picture in enumerate(sent):
                pixels = film.at(index / FPS + 0.5 / FPS)
                assert pixels is not None
                off.append(fringe(pixels.astype(float), picture))
                alpha.append(np.abs(pixels[..., 3] - picture[..., 3]))
            film.close()
            found[name] = {"over_grounds": summary(off), "alpha": summary(alpha)}
    return found


def of_cost(matte: Matte, model: Player, ws: NDArray[np.float32]) -> Mapping[str, float]:
    """Return the matte's time beside the generator's, in turns, seconds of the processor, and where no compiler is."""
    plain, cut = Params({}, standard()), Params({STRENGTH: 1.0}, standard())
    generator, keying, by_tensors, tensors = [], [], [], Matte(compiled=False)
    for index in range(len(ws)):
        begun = time.process_time()
        frame = model(ws[index], plain, Tick(index, index / 30, 1 / 30))
        between = time.process_time()
        matte(frame, frame, model.keying, cut)
        generator.append(between - begun)
        done = time.process_time()
        tensors(frame, frame, model.keying, cut)
        keying.append(done - between)
        by_tensors.append(time.process_time() - done)
    first = len(ws) // 8  # the first are slower
    one, other = float(np.median(generator[first:])), float(np.median(keying[first:]))
    plainly = float(np.median(by_tensors[first:]))
    least = min(keying[first:]) / min(generator[first:])
    return {
        "generator_ms": round(1e3 * one, 2),
        "matte_ms": round(1e3 * other, 2),
        "share": round(other / one, 3),
        "share_of_the_fastest": round(least, 3),
        "without_a_compiler_ms": round(1e3 * plainly, 2),
        "without_a_compiler_share": round(plainly / one, 3),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="F")
    args = parser.parse_args()
    tune_allocator()
    model, matte = open_model(ModelOptions(), Preset("matte")), Matte()
    model.settle()
    ws = model.truncate(model.map(seeds_to_z(range(COUNT), model.z_dim)), PSI)
    frames = [model(each, Params({}, standard()), Tick(i, i / 30, 1 / 30)).clone() for i, each in enumerate(ws)]
    with torch.inference_mode():
        found = {
            "device": str(model.device),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "backend": model.backend,
            "renders": of_renders(matte, model, RENDER_SEED),
            "renders_unseen": of_renders(matte, model, UNSEEN_SEED),
            "seeds": of_seeds(matte, frames, model),
            "codecs": of_codecs(matte, frames, model),
            "cost_256": of_cost(matte, model, ws),
        }
    text = json.dumps(found, indent=1)
    print(text)
    if args.json is not None:
        args.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
