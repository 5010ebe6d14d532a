"""``python -m tools.train style``: a style network of your own, from a content folder and style pictures.

    python -m tools.train style --content photos --styles a.png b.png --out data/mine
    python -m tools.train style --content photos --styles new.png --out data/more --into old.safetensors

The folder OUT has weights.safetensors (``vj stylize --weights``, ``[style]``), snapshot.pt to go on from by the same
command, samples.png and log.csv. With ``--into`` an old network learns new styles by their gammas and betas alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from engine.borders.errors import UserError
from engine.generator.checkpoints.style_files.reader import load, metadata
from engine.show.open_style import load_weights
from engine.stage.style.conditional import Conditional, from_tensors, one_hot
from engine.stage.style.painter import PAINTERS
from engine.stage.style.pictures import read_picture, to_pixels
from engine.stage.style.recognition import Mobile, Recognition, Vgg
from engine.system.files import write_whole
from tools.style.content import Content
from tools.style.training import SETTINGS, Recipe, StyleTraining, fresh
from tools.train.pictures import Ledger, open_pictures
from tools.train.run import Stop
from tools.train.together import Together, together

SAMPLES = 4  # contents on the sheet of samples
CONTENT_SIDE = 256  # pixels; content is cut from pictures of this side


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    p = argparse.ArgumentParser("python -m tools.train style", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    p.add_argument("--content", required=True, help="a folder or zip of pictures of 256 px or more, or fruit")
    p.add_argument("--styles", type=Path, nargs="+", required=True, metavar="PICTURE", help="named as the styles")
    p.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    p.add_argument(
        "--into", type=Path, metavar="FILE", help="a network that gets the styles, by gammas and betas alone"
    )
    p.add_argument("--vgg", type=Path, metavar="FILE", help="vgg_conv.pth sees style, not the extra's MobileNetV2")
    p.add_argument("--steps", type=int, default=8000)
    p.add_argument("--minutes", type=float, help="be done after so many minutes in all, steps or not")
    p.add_argument("--save-every", type=float, default=5.0, metavar="MINUTES")
    p.add_argument("--accumulate", type=int, default=1, help="pieces in which a process takes its part of a batch")
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    for name in ("batch", "side", "seed"):
        p.add_argument(f"--{name}", type=int, default=getattr(Recipe(), name))
    for name in ("rate", "content-weight", "style-weight", "flicker", "variation"):
        p.add_argument(f"--{name}", type=float, default=getattr(Recipe(), name.removesuffix("-weight")))
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run; 2 with one line on bad input."""
    try:
        return run(parser().parse_args(argv), lambda line: print(line, file=sys.stderr, flush=True))
    except UserError as error:
        print(" ".join(str(error).split()), file=sys.stderr, flush=True)
        return 2


def run(a: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Train as the arguments say; 0, or 130 when it was stopped. UserError on bad input."""
    if a.threads:
        torch.set_num_threads(a.threads)
    with together(a.device) as here:
        return _taught(a, here, say if here.writes else lambda _line: None)


def _taught(a: argparse.Namespace, here: Together, say: Callable[[str], None]) -> int:
    here.check(a.batch, a.accumulate)
    pictures = [read_picture(path, CONTENT_SIDE) for path in a.styles]
    names = [path.stem for path in a.styles]
    source = open_pictures(a.content, CONTENT_SIDE, Ledger(say))
    recipe = Recipe(a.side, a.batch, a.rate, a.content_weight, a.style_weight, a.flicker, a.variation, a.seed)
    before: tuple[Conditional, tuple[str, ...], dict[str, int]] | None = None
    if a.into is not None:
        before = _old(a.into)
        network, settings = before[0].with_styles(len(names)), before[2]
    else:
        network, settings = fresh(len(names), a.seed), SETTINGS
    device = torch.device(a.device)
    training = StyleTraining(
        network.to(device),
        _recognition(a.vgg).to(device),
        [p.to(device) for p in pictures],
        recipe,
        before is not None,
        here,
        a.accumulate,
    )
    a.out.mkdir(parents=True, exist_ok=True)
    _resume(training, a.out / "snapshot.pt", say)
    content = Content(source, recipe.side, recipe.seed)

    def keep() -> None:
        if here.writes:
            _keep(training, a.out, names, settings, before, content)

    stopped = _train(training, content, a, keep, device, here)
    say(f"{a.out}: {training.steps} steps, {'stopped; the same command goes on' if stopped else 'done'}")
    return 130 if stopped else 0


def _train(
    training: StyleTraining,
    content: Content,
    a: argparse.Namespace,
    keep: Callable[[], None],
    device: torch.device,
    here: Together,
) -> bool:
    """Train until steps or minutes are over; return whether it was stopped before."""
    stop, begun = Stop(), time.monotonic() - training.seconds
    kept, stopped = time.monotonic(), False
    log = (a.out / "log.csv").open("a", encoding="utf-8")
    try:
        while not (stopped := here.agree(stop.wished, device)):
            training.seconds = here.first(time.monotonic() - begun, device)
            done = training.steps / a.steps
            if a.minutes:
                done = max(done, training.seconds / 60.0 / a.minutes)
            if done >= 1.0:
                break
            told = training.step(content.batch(training.steps, training.recipe.batch).to(device), done)
            if training.steps % 20 == 0 and here.writes:
                row = ",".join(f"{value:.5f}" for value in told.values())
                log.write(f"{training.steps},{training.seconds:.1f},{row}\n")
                log.flush()
            if time.monotonic() - kept > 60.0 * a.save_every:
                keep()
                kept = time.monotonic()
    finally:
        stop.release()
        log.close()
    keep()
    return stopped


def _keep(
    training: StyleTraining,
    out: Path,
    names: list[str],
    settings: dict[str, int],
    before: tuple[Conditional, tuple[str, ...], dict[str, int]] | None,
    content: Content,
) -> None:
    """Write the snapshot, the weights and the samples, each whole or not at all."""
    write_whole(out / "snapshot.pt", lambda path: torch.save(training.state(), path))
    network, styles = training.network, tuple(names)
    tensors = network.tensors()
    if before is not None:
        old = before[0].tensors()
        tensors = {name: torch.cat([old[name].to(t.device), t]) if name.endswith(("gamma", "beta")) else t
                   for name, t in tensors.items()}  # fmt: skip
        styles = (*before[1], *styles)
    save = {name: tensor.contiguous() for name, tensor in tensors.items()}
    write_whole(out / "weights.safetensors", lambda path: save_file(save, path, metadata(styles, settings)))
    write_whole(out / "samples.png", lambda path: _samples(network, content).save(path))


@torch.no_grad()
def _samples(network: Conditional, content: Content) -> Image.Image:
    """Return a sheet: a row a style, the content above."""
    device = network.gammas[0].device
    batch = content.batch(1 << 40, SAMPLES).to(device)
    rows = [batch] + [network(batch, one_hot(network.count, i).to(device)) for i in range(network.count)]
    tiles = [np.concatenate([to_pixels(picture[None]) for picture in row], axis=1) for row in rows]
    return Image.fromarray(np.concatenate(tiles, axis=0))


def _old(path: Path) -> tuple[Conditional, tuple[str, ...], dict[str, int]]:
    """Return a conditional network with its names and settings. UserError for anything else."""
    weights = load(path)
    if weights.kind != "conditional":
        raise UserError(f"--into {path}: is no network of many styles: give a conditional one")
    PAINTERS[weights.kind](weights)
    network = from_tensors(weights.tensors, weights.settings)
    names = weights.styles or tuple(str(i) for i in range(network.count))
    return network, names, dict(weights.settings)


def _recognition(vgg: Path | None) -> Recognition:
    weights = load_weights(str(vgg) if vgg else "arbitrary")
    if weights.kind == "vgg":
        return Vgg(weights.tensors)
    if "predict" not in weights.graphs:
        raise UserError(f"--vgg {vgg}: is no recognition network: give vgg_conv.pth")
    return Mobile(weights.graphs["predict"])


def _resume(training: StyleTraining, path: Path, say: Callable[[str], None]) -> None:
    if not path.exists():
        return
    try:
        training.resume(torch.load(path, map_location=training.network.gammas[0].device, weights_only=True))
    except (KeyError, ValueError, RuntimeError, OSError, EOFError) as error:
        raise UserError(f"{path}: is of another training: choose another --out, or move it away") from error
    say(f"{path}: goes on from step {training.steps}")
