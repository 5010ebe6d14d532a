"""The work of ``vj project``: opens what is named, projects picture after picture, writes whole files."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from engine.borders.errors import UserError
from engine.cli.photograph import Taken, mask_of, take
from engine.cli.project import ProjectOptions
from engine.cli.project_views import Views
from engine.cli.say import say
from engine.cli.studio import Studio, open_studio
from engine.system import leaving
from engine.system.files import write_whole

if TYPE_CHECKING:
    from torch import Tensor

    from engine.generator.inversion.projection import Projection, Seen


def project_all(jobs: Sequence[tuple[Path, Path]], options: ProjectOptions) -> int:
    """Project every picture; return the exit code. One that cannot be read costs a line where there are several."""
    began, results, tiles, refused = time.monotonic(), list[dict[str, Any]](), list[Any](), 0
    alone = None
    others = (options.model, options.encoder, options.vgg, options.mask, options.continue_from)
    if len(jobs) == 1 and (options.progress or not any(others)):  # refused before torch is loaded
        alone = take(jobs[0][0], options, False, say)
    studio = open_studio(options)
    if len(jobs) == 1 and (alone is None or padded(studio) or studio.of_faces):  # refused before anything is shown
        alone = opened(jobs[0][0], studio)
    if options.steps != 0:
        say(f"likeness is judged by: {'pixels only' if studio.perceptual is None else studio.perceptual.name}")
    with ExitStack() as stack:
        views = stack.enter_context(Views(len(jobs), options.preview, options.progress))
        for number, (path, output) in enumerate(jobs):
            try:
                picture = alone or opened(path, studio)
                views.photograph(picture.picture)
                done = one(studio, picture, views.of(number, path, output), began if number == 0 else time.monotonic())
            except UserError as error:
                if alone is not None:
                    raise
                say(str(error))
                refused += 1
                continue
            keep(output, done)
            if options.tune and studio.network is not None:
                tune(studio, picture, done, output)
            results.append(report(path, studio, done))
            tiles.append((picture.picture, done))
            if done.interrupted:
                say(f"interrupted: {output} holds the best so far")
                break
    if options.json is not None:
        write_whole(options.json, lambda part: part.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8"))
    if options.compare is not None and tiles:
        sheet = side_by_side(tiles)
        write_whole(options.compare, lambda part: sheet.save(part, format="PNG"))
    return 2 if refused else leaving.code() if results and tiles[-1][1].interrupted else 0


def opened(path: Path, studio: Studio) -> Taken:
    """Return what is meant of a photograph."""
    return take(path, studio.options, studio.of_faces, say, padded(studio))


def padded(studio: Studio) -> bool:
    """Return whether the encoder sees a whole picture in the middle of a square."""
    from engine.generator.inversion.encoders.files import CARS_SHAPE

    return studio.encoder is not None and studio.encoder.encoder.shape == CARS_SHAPE


def one(studio: Studio, taken: Taken, watch: Callable[[Seen], None] | None, began: float) -> Projection:
    """Return the place of one picture."""
    import torch

    from engine.generator.inversion import pictures
    from engine.generator.inversion.answers import answers, seen_by
    from engine.generator.inversion.projection import Projection, project

    options, network, start, noises = studio.options, studio.network, None, list[Any]()
    picture = taken.picture
    if studio.continued is not None:
        start, noises = studio.continued
    elif studio.encoder is not None:
        start = answers(studio.encoder, seen_by(studio.encoder, picture), options.iterations)[-1]
    if options.space == "w" and start is not None:
        start = start.mean(dim=1, keepdim=True).expand_as(start).contiguous()
    if network is None:
        assert start is not None  # --steps 0 of an encoder without a generator
        ws = np.asarray(start[0].numpy(), dtype=np.float32)
        empty = np.zeros((0, 0, 3), np.uint8)
        return Projection(ws, empty, (), 0, time.monotonic() - began, float("nan"), (), (), time.process_time())
    target = pictures.tensor(picture, network.shape, network.img_channels)
    torch.manual_seed(0)
    return project(
        network,
        target,
        recipe=options.recipe,
        steps=options.steps,
        seconds=options.seconds,
        processor_seconds=options.processor_seconds,
        space=studio.space,
        perceptual=studio.perceptual,
        encoder=None if studio.encoder is None else studio.encoder.encoder,
        start=start,
        noises=noises,
        noise_maps=options.noise_maps,
        mask=mask_for(studio, taken),
        calibration=studio.calibration,
        began=began,
        watch=watch,
    )


def mask_for(studio: Studio, taken: Taken) -> Tensor | None:
    """Return what counts of a photograph [1, 1, H, W]; None for all."""
    path, network = studio.options.mask, studio.network
    return None if path is None or network is None else mask_of(path, taken, network.shape)


def keep(output: Path, done: Projection) -> None:
    """Write a result, whole or not at all."""
    if output.suffix.lower() == ".npz":
        named = {f"noise_{i}": noise for i, noise in enumerate(done.noises)}

        def save(part: Path) -> None:
            with part.open("wb") as file:
                np.savez(file, allow_pickle=False, ws=done.ws, **named)
    else:

        def save(part: Path) -> None:
            with part.open("wb") as file:
                np.save(file, done.ws, allow_pickle=False)

    write_whole(output, save)


def tune(studio: Studio, taken: Taken, done: Projection, output: Path) -> None:
    """Bend the model around a point and write its deltas beside the result."""
    from engine.generator.inversion import pictures, tuning

    assert studio.network is not None
    network, options = studio.network, studio.options
    target, mask = pictures.tensor(taken.picture, network.shape, network.img_channels), mask_for(studio, taken)
    deltas, mse = tuning.tune(network, target, done.ws, studio.perceptual, mask, options.seconds)
    path = tuning.beside(output)
    write_whole(path, tuning.save, deltas, done.ws, studio.digest)
    say(f"{path}: written, PSNR {done.psnr:.1f} dB before and {pictures.psnr(mse):.1f} dB with it")


def report(path: Path, studio: Studio, done: Projection) -> dict[str, Any]:
    """Return one picture's object of the JSON."""
    known = np.isfinite(done.mse)
    return {
        "picture": str(path),
        "space": studio.space if studio.options.steps != 0 or studio.options.space else "w+",
        "encoder": None if studio.encoder is None else str(studio.encoder.path),
        "perceptual": None if studio.perceptual is None else studio.perceptual.name,
        "steps": done.steps,
        "seconds": round(done.seconds, 3),
        "processor_seconds": round(done.processor_seconds, 3),
        "mse": done.mse if known else None,
        "psnr": done.psnr if known else None,
        "curve": [list(point) for point in done.curve],
        "recipe": studio.options.recipe,
    }


def side_by_side(tiles: Sequence[tuple[Image.Image, Projection]]) -> Image.Image:
    """Return a sheet: every picture, and at its right what the model makes of it."""
    side = max(max(done.picture.shape[0], 64) for _, done in tiles)
    sheet = Image.new("RGB", (2 * side, side * len(tiles)))
    for row, (picture, done) in enumerate(tiles):
        sheet.paste(picture.resize((side, side), Image.Resampling.LANCZOS), (0, row * side))
        if done.picture.size:
            answer = Image.fromarray(done.picture.squeeze()).convert("RGB").resize((side, side))
            sheet.paste(answer, (side, row * side))
    return sheet
