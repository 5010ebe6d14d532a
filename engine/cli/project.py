"""``vj project``: a picture's place in a model."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass, fields
from pathlib import Path

from engine.borders.errors import UserError
from engine.cli import arguments
from engine.cli.places import listed, places
from engine.cli.say import say

RECIPES = ("ours", "stylegan2", "image2stylegan", "indomain")


@dataclass(frozen=True, slots=True)
class ProjectOptions:
    """What is asked for; None is the recipe's or the model's own."""

    model: str | None = None
    space: str | None = None
    encoder: Path | None = None
    iterations: int = 5
    recipe: str = "ours"
    steps: int | None = None
    seconds: float | None = None
    processor_seconds: float | None = None
    vgg: Path | None = None
    download_vgg: bool = False
    noise_maps: bool = False
    crop: bool = False
    box: tuple[int, int, int] | None = None
    align: bool = False
    face: tuple[float, ...] | None = None
    mask: Path | None = None
    tune: bool = False
    preview: bool = False
    continue_from: Path | None = None
    compare: Path | None = None
    json: Path | None = None
    progress: bool = False
    assume: tuple[str, ...] = ()


def box(text: str) -> tuple[int, int, int]:
    """Return the corner and the side of 120,40,512."""
    if not re.fullmatch(r"[0-9]{1,6},[0-9]{1,6},[0-9]{1,6}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no square such as 120,40,512 (left, top, side in pixels)")
    left, top, side = (int(part) for part in text.split(","))
    return left, top, side


def face(text: str) -> tuple[float, ...]:
    """Return the places of two eyes and a mouth, of 310,220,402,224,351,330."""
    if not re.fullmatch(r"-?[0-9]{1,6}(\.[0-9]+)?(,-?[0-9]{1,6}(\.[0-9]+)?){5}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no face such as 310,220,402,224,351,330 (eye, eye, mouth: x,y)")
    return tuple(float(part) for part in text.split(","))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``vj project`` takes."""
    path = arguments.path
    parser.add_argument("photographs", nargs="+", type=path, metavar="PICTURE", help="photographs, or a folder of some")
    parser.add_argument("-o", "--output", type=path, required=True, metavar="OUT.npy|FOLDER")
    parser.add_argument("--model", help="a shipped name or a checkpoint (the encoder's own generator, else fruit)")
    parser.add_argument("--space", choices=("w", "w+"), help="one w for all layers, or a w for each")
    parser.add_argument("--encoder", type=path, metavar="FILE", help="pSp, e4e, ReStyle, in-domain, or one you trained")
    parser.add_argument("--iterations", type=arguments.whole(1, 100), default=5, metavar="N", help="of ReStyle (5)")
    parser.add_argument("--recipe", choices=RECIPES, default="ours", help="how the point is looked for (ours)")
    parser.add_argument("--steps", type=arguments.whole(0, 10**6), metavar="N", help="0: the encoder's own answer")
    parser.add_argument("--seconds", type=arguments.positive, metavar="S", help="stop after so much time for a picture")
    parser.add_argument(
        "--processor-seconds", type=arguments.positive, metavar="S", help="likewise, counted as the processor's time"
    )
    parser.add_argument("--vgg", type=path, metavar="FILE", help="torchvision's VGG16: LPIPS judges the likeness")
    parser.add_argument("--download-vgg", action="store_true", help="fetch that file once (528 MB, CC BY 4.0)")
    parser.add_argument("--noise-maps", action="store_true", help="look for the noise, too; OUT.npz holds it")
    parser.add_argument("--crop", action="store_true", help="take the middle square")
    parser.add_argument(
        "--box", type=box, metavar="X,Y,SIDE", help="the square of the picture that is meant, in pixels"
    )
    parser.add_argument("--align", action="store_true", help="find the face and place it as FFHQ's are")
    parser.add_argument(
        "--face", type=face, metavar="X,Y,X,Y,X,Y", help="the same by hand: left eye, right eye, mouth, in pixels"
    )
    parser.add_argument("--mask", type=path, metavar="FILE", help="a picture: white counts, black does not")
    parser.add_argument("--tune", action="store_true", help="bend the model itself around the point, in a small file")
    parser.add_argument("--preview", action="store_true", help="show the picture while it is looked for")
    parser.add_argument(
        "--continue", dest="continue_from", type=path, metavar="FILE", help="begin at an earlier result"
    )
    parser.add_argument("--compare", type=path, metavar="OUT.png", help="picture and answer side by side")
    parser.add_argument("--json", type=path, metavar="F")
    parser.add_argument("--progress", action="store_true", help=argparse.SUPPRESS)  # lines for the show that asked
    arguments.add_assume(parser)


def run(args: argparse.Namespace) -> int:
    """Project the pictures; UserError on anything that does not fit."""
    from engine.cli import projecting

    options = arguments.filled(args, ProjectOptions, {each.name for each in fields(ProjectOptions)})
    ways = [f"--{name}" for name in ("crop", "box", "face", "align") if getattr(options, name)]
    if len(ways) > 1:
        raise UserError(f"{' and '.join(ways)}: give one of them; each says which part of the picture is meant")
    pictures = listed(args.photographs)
    outputs = places(pictures, args.output, options.noise_maps)
    single = len(pictures) == 1 and outputs[0] == args.output
    if not single:
        try:
            args.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"-o {args.output}: cannot make this folder: {error.strerror}") from error
    code = projecting.project_all(list(zip(pictures, outputs, strict=True)), options)
    if code == 0:
        for output in outputs:
            if output.exists():
                say(f"{output}: written")
    return code
