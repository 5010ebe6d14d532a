"""``vj image``: a still, or a contact sheet of many seeds."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from engine.borders.contracts import Frame, Model, NoiseMode, Pixels
from engine.borders.errors import UserError
from engine.borders.keying import Keying
from engine.borders.options import ModelOptions
from engine.borders.params import Params
from engine.borders.preset import Preset
from engine.cli import arguments
from engine.cli.say import say
from engine.generator.backends.table import PRECISIONS
from engine.generator.points import count_z, load_one, seeds_to_z
from engine.stage.matte.straight import straight
from engine.system.files import write_whole

if TYPE_CHECKING:
    import torch
    from PIL import Image

SHEET_COLUMNS = 8
MIN_POINTS = 9  # size of a tile's number; smaller ones are not legible
POINTS_A_TILE = 16  # a tile is as many times higher than its number
MOST_DIGITS = 19  # digits of a seed, leading zeros included; Python refuses to read a number of several thousand digits
NUMBER_INK, NUMBER_GROUND = (255, 255, 255, 255), (0, 0, 0, 160)  # RGBA


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``vj image`` takes."""
    parser.add_argument("-o", "--output", type=arguments.path, required=True, metavar="OUT.png|OUT.npy")
    parser.add_argument("--model", default="fruit")
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--seed", default="0", help="a number, or A..B for a contact sheet")
    given.add_argument(
        "--z", type=arguments.path, metavar="FILE.npy", help="z [z_dim]; .npz, .pt and .safetensors as well"
    )
    given.add_argument(
        "--ws", type=arguments.path, metavar="FILE.npy", help="ws [num_ws, w_dim] or w [w_dim]; likewise"
    )
    parser.add_argument("--psi", type=arguments.finite, default=1.0, help="truncation (1: none)")
    parser.add_argument("--noise", choices=get_args(NoiseMode), default="const")
    parser.add_argument("--label", type=arguments.whole(0, 10**6), help="class of a conditional model")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32")
    parser.add_argument(
        "--no-numbers", dest="numbers", action="store_false", help="a contact sheet without the seeds on its tiles"
    )
    parser.add_argument(
        "--alpha", action="store_true", help="a .png of the subject alone, with alpha: without the model's background"
    )
    arguments.add_assume(parser)
    arguments.add_resolution(parser)
    arguments.add_aspect(parser)
    arguments.add_device(parser)


def run(args: argparse.Namespace) -> int:
    """Render what is asked for and write it; UserError on anything that does not fit the model."""
    render(args)
    say(f"{args.output}: written")
    return 0


def render(args: argparse.Namespace) -> None:
    """Render the picture or the sheet and write it."""
    from engine.show.opening import open_model

    suffix = args.output.suffix.lower()
    if suffix not in (".png", ".npy"):
        raise UserError(f"{args.output}: write a .png, or a .npy for the raw image")
    if args.alpha and suffix != ".png":
        raise UserError(f"{args.output}: --alpha is for a .png; a raw image has the alpha that its model paints")
    # fp32 is the readable network itself: what the program that trained the model would have painted.
    backend, precision = ("auto", "bf16") if args.precision == "bf16" else ("plain", "auto")
    options = ModelOptions(
        model=args.model,
        assume=tuple(args.assume or ()),
        resolution=args.resolution,
        device=args.device,
        backend=backend,
        precision=precision,
        aspect=args.aspect,
        fill=args.fill or "mirror",
        calibration=args.calibration,
    )
    model = open_model(options, Preset("image"))
    if args.z is not None and args.label is not None and model.c_dim == 0:
        # The file does not say how many of its inputs are a label: those for which z has no numbers.
        behind = model.z_dim - count_z(args.z)
        if behind > 0:
            model = open_model(replace(options, assume=(*options.assume, f"labels={behind}")), Preset("image"))
    model.settle()
    for line in model.take_notes():
        say(line)
    import torch  # after the checkpoint has been accepted

    ws = _ws(args, model)
    seeds = _seeds(args.seed)
    random = torch.Generator(device=model.device).manual_seed(seeds[0])
    images = [_render(model, row, args, random) for row in ws]
    if suffix == ".npy":
        if len(images) > 1:
            raise UserError(f"{args.output}: a raw image holds one picture; give one seed, or write a .png sheet")
        write_whole(args.output, np.save, images[0])
    else:
        sheet = _sheet(images, model.keying if args.alpha else None)
        if len(images) > 1 and args.numbers:
            number(sheet, seeds, images[0].shape[2], images[0].shape[1])
        write_whole(args.output, lambda path: sheet.save(path))


def _render(
    model: Model, ws: NDArray[np.float32], args: argparse.Namespace, random: torch.Generator
) -> NDArray[np.float32]:
    """Return the raw image [C, H, W] of ``ws`` [num_ws, w_dim] at the precision asked for."""
    import torch

    from engine.generator.aspect import cut
    from engine.generator.backends.blocks import DTYPES

    # Compiled code takes no autocast. A note has said where it plays in fp32 after all.
    cast = model.precision == "fp32" != args.precision and (model.backend == "plain" or model.device.type != "cpu")
    with torch.autocast(model.device.type, DTYPES[args.precision], enabled=cast):
        image = model.image(torch.from_numpy(ws).to(model.device)[None], args.noise, random)
    return np.asarray(cut(image[0], model.aspect, 1).float().cpu().numpy())


def _seeds(text: str) -> list[int]:
    """Return the seeds of ``7`` or ``0..63``."""
    first, dots, last = text.partition("..")
    if not _is_seed(first) or (dots and not _is_seed(last)):
        raise UserError(f"--seed {text}: give a whole number from 0, or A..B for a contact sheet")
    low, high = int(first), int(last) if dots else int(first)
    if high < low or high - low >= 4096 or high >= 2**32:
        raise UserError(f"--seed {text}: the range must rise, stay below 4294967296 and hold at most 4096 seeds")
    return list(range(low, high + 1))


def _is_seed(text: str) -> bool:
    """Return whether ``text`` is a whole number that can be read: a raised ² is a digit, and is none."""
    return text.isdecimal() and len(text) <= MOST_DIGITS


def _ws(args: argparse.Namespace, model: Model) -> NDArray[np.float32]:
    """Return the truncated ws [n, num_ws, w_dim] of the seeds, the z or the ws given."""
    if args.ws is not None:
        ws = load_one(args.ws, (model.num_ws, model.w_dim))
    else:
        z = _z(args, model)
        ws = model.map(z[:, : model.z_dim], _labels(args.label, model.c_dim, len(z), z[:, model.z_dim :]))
    return model.truncate(ws, args.psi)


def _z(args: argparse.Namespace, model: Model) -> NDArray[np.float32]:
    """Return the z [n, z_dim] of the seeds or the file; a file may have the label behind it, [1, z_dim + c_dim]."""
    if args.z is None:
        return seeds_to_z(_seeds(args.seed), model.z_dim)
    if args.label is None and model.c_dim and count_z(args.z) == model.z_dim + model.c_dim:
        return load_one(args.z, (model.z_dim + model.c_dim,), "z")
    return load_one(args.z, (model.z_dim,), "z")


def _labels(label: int | None, c_dim: int, count: int, behind: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return one-hot labels [count, c_dim], or those ``behind`` z; None for none."""
    if label is None:
        return behind if behind.shape[1] else None
    if c_dim == 0:
        raise UserError(f"--label {label}: this model has no classes; leave --label out")
    if not 0 <= label < c_dim:
        raise UserError(f"--label {label}: this model's classes are 0 to {c_dim - 1}")
    labels = np.zeros((count, c_dim), np.float32)
    labels[:, label] = 1.0
    return labels


def _sheet(images: list[NDArray[np.float32]], keying: Keying | None = None) -> Image.Image:
    """Return the images [C, H, W] side by side as one PIL picture; with ``keying`` without their background."""
    import torch
    from PIL import Image

    from engine.generator.backends.blocks import to_rgba

    frames = [to_rgba(torch.from_numpy(image)) for image in images]
    tiles = (
        [frame.numpy()[..., :3] for frame in frames] if keying is None else [_alone(each, keying) for each in frames]
    )
    columns = min(SHEET_COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    height, width = tiles[0].shape[:2]
    ground = [255, 255, 255] if keying is None else [0, 0, 0, 0]
    sheet = np.full((rows * height, columns * width, len(ground)), ground, np.uint8)
    for i, tile in enumerate(tiles):
        y, x = divmod(i, columns)
        sheet[y * height : (y + 1) * height, x * width : (x + 1) * width] = tile
    return Image.fromarray(sheet)


def _alone(frame: Frame, keying: Keying) -> Pixels:
    """Return the subject of a frame, uint8 RGBA [H, W, 4], straight."""
    from engine.show.table import standard
    from engine.stage.matte.stage import STRENGTH, Matte

    cut_out = Matte(compiled=frame.device.type == "cpu")(frame, frame, keying, Params({STRENGTH: 1.0}, standard()))
    return straight(cut_out.numpy())


def number(sheet: Image.Image, seeds: Sequence[int], width: int, height: int) -> None:
    """Write every tile's seed into its lower left corner; a tile that is too narrow for it stays as it is."""
    from PIL import ImageDraw

    from engine.stage.desktop.chrome import font

    face = font(max(MIN_POINTS, round(min(width, height) / POINTS_A_TILE)))
    pen = ImageDraw.Draw(sheet, "RGBA")
    columns, edge = sheet.width // width, max(1, face.size // 4)
    for at, seed in enumerate(seeds):
        row, column = divmod(at, columns)
        left, bottom = column * width, (row + 1) * height
        _, _, right, below = pen.textbbox((0, 0), str(seed), font=face, anchor="lt")
        if right + 4 * edge <= width and below + 4 * edge <= height:
            box = (left + edge, bottom - below - 3 * edge, left + right + 3 * edge, bottom - edge)
            pen.rounded_rectangle(box, radius=edge, fill=NUMBER_GROUND)
            pen.text((left + 2 * edge, bottom - 2 * edge), str(seed), fill=NUMBER_INK, font=face, anchor="lb")
