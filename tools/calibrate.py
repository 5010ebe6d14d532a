"""Tune how a model looks at reduced resolutions, store that beside it, and report the error before and after.

    python -m tools.calibrate presets/models/fruit.safetensors --report docs/reduced-resolution.jpg

It writes MODEL.calibration.safetensors, which ``vj --resolution R`` then uses. Each stop has its own part of the
squared errors, so each stop is tuned alone: first the closed form (engine/generator/calibration/fit.py, on more
pictures), then Adam on all of the stop's per-pixel layers. These layers are modulated and demodulated like the
network's own, so no instance normalisation is needed before ToRGB. The report is measured on other pictures than
those that are learnt from.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from rich.progress import track
from torch import Tensor

from engine.borders.errors import UserError
from engine.generator.backends.blocks import to_rgba
from engine.generator.backends.prepare import Prepared, prepare
from engine.generator.calibration import files as calibration_files
from engine.generator.calibration.calibration import Calibration, Rest, perceive, stops
from engine.generator.calibration.fit import (
    FIRST_SEED,
    Example,
    Regression,
    blank,
    examples,
    fit,
    pictures_to_fit,
    sample_ws,
)
from engine.generator.calibration.staged import BEFORE, StagedCalibration, pictures
from engine.generator.checkpoints import checkpoint
from engine.generator.networks.staged import Staged
from engine.system.files import write_whole
from tools.judge import command

EFFORT = 6e12  # floating-point operations; the pictures to learn from may cost no more
FEWEST, MOST = 24, 96  # pictures; limits of how many are learnt from
PIXELS = 1024  # pixels of each picture; no more are learnt from
CHECKED = 4  # one picture in four is kept for the choice between closed form and tuned
LARGEST = 600_000  # weights; a stop with more is neither tuned nor stored
BATCH, SAMPLES = 6, 256  # pictures in a step; pixels of each picture
PACE = 0.02  # Adam's rate, as a share of each tensor's own deviation
HELD_OUT = range(24)  # seeds; the report is measured on them
PSIS = (0.7, 1.0)
TILE, SHOWN = 128, 6  # pixels of a tile; tiles in a row of the report's picture


def rest_error(rest: Rest, prepared: Prepared, example: Example, chosen: Tensor | None = None) -> Tensor:
    """Mean squared error of the finished picture, at all of the example's pixels or at those ``chosen``."""
    rows, so_far, target = example.rows, example.so_far, example.target
    if chosen is not None:
        chosen = chosen % len(rows)
        rows, so_far, target = rows[chosen], so_far[chosen], target[chosen]
    own, painted = perceive(rest, prepared, example.level, rows, example.styles, example.scales)
    added = F.linear(so_far, rest.colour, rest.bias) + own
    return (so_far + added + torch.stack(painted).sum(dim=0) - target).square().mean()


def small(rest: Rest) -> bool:
    """Whether a stop's kernels are few enough to be tuned and stored."""
    return sum(kernel.numel() for kernel in rest.kernels) <= LARGEST


def tune(rest: Rest, prepared: Prepared, seen: list[Example], steps: int, name: str) -> Rest:
    """Return ``rest`` after ``steps`` steps of Adam on the pictures ``seen``."""
    tuned = Rest(
        rest.own.clone(),
        rest.colour.clone(),
        rest.bias.clone(),
        [kernel.clone() for kernel in rest.kernels],
        [paint.clone() for paint in rest.paint],
    )
    tensors = [tensor.requires_grad_() for tensor in tuned.tensors().values()]
    paces = [PACE * max(float(t.detach().std()), 0.02) if t.numel() > 9 else PACE * 0.1 for t in tensors]
    adam = torch.optim.Adam([{"params": [t], "lr": pace} for t, pace in zip(tensors, paces, strict=True)])
    draw = torch.Generator().manual_seed(0)
    for step in track(range(steps), description=name, transient=True):
        for group, pace in zip(adam.param_groups, paces, strict=True):
            group["lr"] = pace * (1 - step / steps)
        pictures = torch.randint(len(seen), (BATCH,), generator=draw).tolist()
        chosen = torch.randint(2**31, (SAMPLES,), generator=draw)
        loss = torch.stack([rest_error(tuned, prepared, seen[i], chosen) for i in pictures]).mean()
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
    for tensor in tensors:
        tensor.requires_grad_(False)
    return tuned


def calibrate(
    prepared: Prepared, count: int, steps: int, before: Calibration | None = None, only: Collection[int] = ()
) -> Calibration:
    """Fit and tune every stop, or ``only`` some; with ``before`` go on from there, and leave the other stops as is."""
    levels = [level for level in stops(prepared) if not only or prepared.blocks[level].resolution in only]
    ws = sample_ws(prepared.network, range(FIRST_SEED, FIRST_SEED + count))
    pool: dict[int, list[Example]] = {level: [] for level in levels}
    with torch.no_grad():
        drawn = examples(prepared, ws, levels, torch.float32, PIXELS)
        for example in track(drawn, "whole pictures", count * len(levels), transient=True):
            pool[example.level].append(example)
    rests: dict[int, Rest] = dict(before.rests) if before is not None else {}
    for level in levels:
        resolution, seen = prepared.blocks[level].resolution, pool.pop(level)
        checks, lessons = seen[::CHECKED], [e for i, e in enumerate(seen) if i % CHECKED]
        sums = Regression(prepared, level)
        with torch.no_grad():
            for example in lessons:
                sums.add(example)
            ways = [sums.rest, sums.solve()]
        if resolution in rests:
            ways.append(rests[resolution])
        if steps and small(ways[-1]):
            ways.append(tune(ways[-1], prepared, lessons, steps, f"{resolution} px"))
        with torch.no_grad():  # a fit of few pictures may be worse than what the network itself says
            errors = [float(torch.stack([rest_error(way, prepared, e) for e in checks]).mean()) for way in ways]
        best = ways[int(np.argmin(errors))]
        rests[resolution] = best
    return Calibration(prepared, rests)


@dataclass(frozen=True, slots=True)
class Row:
    """The report on one stop: mean squared errors to the whole picture averaged down, range -1..1."""

    resolution: int
    psi: float
    raw: float
    network: float
    fitted: float
    tuned: float


@torch.no_grad()
def measure(prepared: Prepared, ways: dict[str, Calibration], seeds: Iterable[int]) -> list[Row]:
    """Measure every stop at every psi on pictures that nothing learnt from."""
    rows = []
    for psi in PSIS:
        errors: dict[int, list[list[float]]] = {}
        ws = sample_ws(prepared.network, seeds, psi)
        for example in examples(prepared, ws, stops(prepared), torch.float32, 10**9):
            raw = float((example.so_far - example.target).square().mean())
            finished = [
                float(rest_error(way.rest(prepared, example.level), prepared, example)) for way in ways.values()
            ]
            errors.setdefault(prepared.blocks[example.level].resolution, []).append([raw, *finished])
        for resolution, values in sorted(errors.items()):
            raw, *finished = np.mean(values, axis=0).tolist()
            rows.append(Row(resolution, psi, raw, **dict(zip(ways, finished, strict=True))))
    return rows


def table(rows: list[Row]) -> str:
    """Return the report as Markdown."""
    lines = ["| stop | psi | as painted | network's own | closed form | tuned | tuned against painted |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    for r in rows:
        errors = " | ".join(f"{value:.5f}" for value in (r.raw, r.network, r.fitted, r.tuned))
        lines.append(f"| {r.resolution} | {r.psi:g} | {errors} | {r.raw / r.tuned:.1f}× less |")
    return "\n".join(lines)


@torch.no_grad()
def measure_staged(prepared: Prepared, calibration: StagedCalibration, seeds: Iterable[int]) -> list[Row]:
    """Measure a staged network: its early ToRGBs, the blocks above per pixel, and the fit, which is not tuned."""
    errors: dict[tuple[int, float], list[list[float]]] = {}
    for psi in PSIS:
        ws = sample_ws(prepared.network, seeds, psi)
        for level, x, img, styles, target in pictures(prepared, ws, stops(prepared)):
            _, so_far, above = calibration.seen(prepared, level, x, img, styles)
            finished = _finished(prepared, calibration, level, x, img, styles)
            ways = [so_far, above, finished[0].flatten(1).T, finished[0].flatten(1).T]
            found = [float((way - target).square().mean()) for way in ways]
            errors.setdefault((prepared.network.resolutions[level], psi), []).append(found)
    return [Row(*key, *np.mean(found, axis=0).tolist()) for key, found in sorted(errors.items())]


def _finished(
    prepared: Prepared, calibration: Calibration, level: int, x: Tensor, img: Tensor | None, styles: Tensor
) -> Tensor:
    """Return a staged network's calibrated picture before its last nonlinearity."""
    network = prepared.network
    assert isinstance(network, Staged)
    return BEFORE[network.output](calibration.finish(prepared, level, x, img, styles, styles.new_empty(0)))


Tiles = Iterator[tuple[int, dict[str, Tensor]]]  # a stop's resolution, and its pictures [1, channels, R, R] by name


def _tiles(prepared: Prepared, calibration: Calibration, ws: Tensor, levels: list[int]) -> Tiles:
    for e in examples(prepared, ws, levels, torch.float32, 10**9):
        plan = prepared.blocks[e.level]
        x, img = (part.T.reshape(1, -1, *plan.shape) for part in (e.rows, e.so_far))
        finished = calibration.finish(prepared, e.level, x, img, e.styles, e.scales)
        whole = e.target.T.reshape(img.shape)
        yield plan.resolution, {"as painted": img, "calibrated": finished, "whole picture": whole}


def _tiles_of_staged(prepared: Prepared, calibration: Calibration, ws: Tensor, levels: list[int]) -> Tiles:
    network = prepared.network
    assert isinstance(network, Staged)
    for level, x, img, styles, target in pictures(prepared, ws, levels):
        painted = network.paint(level, x) if img is None else img
        finished = _finished(prepared, calibration, level, x, img, styles)
        whole = target.T.reshape(painted.shape)
        yield network.resolutions[level], {"as painted": painted, "calibrated": finished, "whole picture": whole}


@torch.no_grad()
def picture(prepared: Prepared, calibration: Calibration, columns: int = SHOWN) -> Image.Image:
    """For the three largest stops: as painted, calibrated, and the whole picture averaged down."""
    levels = stops(prepared)[-3:][::-1]
    drawn = _tiles_of_staged if prepared.network.is_staged else _tiles
    tiles: dict[tuple[int, str], list[Image.Image]] = {}
    for one in sample_ws(prepared.network, range(columns), 0.7):
        for resolution, images in drawn(prepared, calibration, one[None], levels):
            for name, image in images.items():
                tiles.setdefault((resolution, name), []).append(_tile(image[0]))
    left = 130
    sheet = Image.new("RGB", (left + columns * TILE, len(tiles) * TILE), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for row, ((resolution, name), shown) in enumerate(sorted(tiles.items(), key=lambda item: -item[0][0])):
        pen.text((8, row * TILE + TILE // 2 - 18), f"{resolution} px\n{name}", fill="#333", font=font)
        for column, tile in enumerate(shown):
            sheet.paste(tile, (left + column * TILE, row * TILE))
    return sheet


def _tile(image: Tensor) -> Image.Image:
    return Image.fromarray(to_rgba(image).numpy()[..., :3]).resize((TILE, TILE), Image.Resampling.NEAREST)


def run(a: argparse.Namespace) -> dict[str, object]:
    """Calibrate, write, report; return the figures. UserError for a model that has nothing to calibrate."""
    found = checkpoint.load(a.model)
    network = checkpoint.build(found)
    if not (network.blocks or network.is_staged) or not stops(prepare(network)):
        raise UserError(f"{a.model}: only paints at its full size: there is nothing to calibrate")
    prepared = prepare(network)
    target = a.out or calibration_files.beside(a.model)
    cost = network.cost()
    count = a.pictures or (FEWEST if cost is None else int(min(max(EFFORT // cost.flops, FEWEST), MOST)))
    if (a.only or a.report_only) and not target.exists():
        raise UserError(f"{target}: there is none yet; leave --only and --report-only out")
    if not a.report_only:
        before = calibration_files.read(target, found.sha256, prepared) if a.only else None
        if network.is_staged:  # the closed form is all there is to it
            tuned, a.steps = fit(prepared, count=count), 0
        else:
            tuned = calibrate(prepared, count, a.steps, before, a.only)
        stored = [resolution for resolution, rest in tuned.rests.items() if a.steps and small(rest)]
        calibration_files.write(target, tuned, found.sha256, stored)
    read = calibration_files.read(target, found.sha256, prepared)
    ways = {"network": blank(prepared), "fitted": fit(prepared), "tuned": read}
    if isinstance(read, StagedCalibration):
        rows = measure_staged(prepared, read, HELD_OUT)
    else:
        rows = measure(prepared, ways, HELD_OUT)
    print(table(rows))
    print(f"{target}: {target.stat().st_size / 1e3:.0f} kB", file=sys.stderr)
    if a.report:
        sheet = picture(prepared, ways["tuned"])
        write_whole(a.report, lambda part: sheet.save(part, quality=88))
    return {
        "model": a.model.name, "sha256": found.sha256, "model_resolution": network.resolution,
        "pictures_tuned_on": count, "pictures_fitted_on": pictures_to_fit(prepared), "steps": a.steps,
        "held_out_seeds": [HELD_OUT.start, HELD_OUT.stop - 1],
        "mean_squared_error": [{name: getattr(row, name) for name in Row.__slots__} for row in rows],
    }  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Run; 2 with one line on bad input."""
    p = command.parser(__doc__)
    p.add_argument("model", type=Path, help="a checkpoint of any known format")
    p.add_argument("--out", type=Path, help="the side file; beside the model, where it is looked for, without this")
    p.add_argument("--pictures", type=int, help="whole pictures to learn from")
    p.add_argument("--steps", type=int, default=1500, help="of tuning per stop; 0 is the closed form alone")
    p.add_argument("--only", type=int, nargs="+", default=(), help="go on with these stops of the side file")
    p.add_argument("--report-only", action="store_true", help="measure the side file that is there")
    p.add_argument("--report", type=Path, metavar="JPG", help="a picture of before and after")
    return command.measure(p, run, argv)


if __name__ == "__main__":
    sys.exit(main())
