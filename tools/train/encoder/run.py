"""Teach a model its own encoder: the place from which every projection begins.

    python -m tools.train encoder fruit --work data/encoder --out presets/models/fruit.encoder.safetensors

It learns from the model's own samples, whose w are known, and from pairs of pictures and w (`--pairs`), such as a
renderer's (`tools/fruit/pairs.py`). Times are of the processor, so that a busy machine teaches as much as a free one.
Ctrl-C writes what it has learnt, and the same command goes on, on any number of processes.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
from pathlib import Path

import torch

from engine.borders.errors import UserError
from engine.generator.backends.prepare import prepare
from engine.generator.calibration import files as calibrations
from engine.generator.checkpoints import checkpoint
from engine.generator.inversion.coarse import Coarse
from engine.generator.inversion.encoders import own
from engine.show.opening import find_model
from engine.system.files import write_whole
from tools.train.encoder import lesson, pairs
from tools.train.sitting import Sitting
from tools.train.together import Together, together


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="tools.train encoder", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("model", help="a shipped name or a checkpoint")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="samples are kept here")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")
    parser.add_argument("--count", type=int, default=20_000, help="own samples")
    parser.add_argument("--pairs", type=Path, action="append", default=[], metavar="FILE.npz", help="more; repeatable")
    parser.add_argument("--dense", type=float, default=600.0, metavar="S", help="CPU seconds for the dense layers")
    parser.add_argument("--pictures", type=float, default=3000.0, metavar="S", help="CPU seconds for pictures")
    parser.add_argument("--begin", type=Path, metavar="FILE", help="go on with an encoder")
    parser.add_argument("--accumulate", type=int, default=1, help="pieces in which a process takes its part of a batch")
    parser.add_argument("--threads", type=int, default=1)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Teach and write; 2 with one line on bad input."""
    try:
        return run(parser().parse_args(argv))
    except UserError as error:
        print(" ".join(str(error).split()), file=sys.stderr, flush=True)
        return 2


def run(a: argparse.Namespace) -> int:
    """Do what the arguments say."""
    torch.set_num_threads(a.threads)
    with together() as here:
        return _taught(a, here)


def _taught(a: argparse.Namespace, here: Together) -> int:
    here.check(lesson.FINE_BATCH, a.accumulate)
    path = find_model(a.model)
    found = checkpoint.load(path)
    network = checkpoint.build(found)
    calibration = calibrations.find(path, found.sha256, prepare(network), print) if network.blocks else None
    coarse = Coarse(network, calibration)
    sitting = Sitting(here, a.accumulate, a.work / "snapshot.pt", found.sha256)
    learnt = pairs.joined([pairs.sampled(coarse, a.work / "samples", a.count, here), *map(pairs.given, a.pairs)])
    held = pairs.Pairs(learnt.ws[:200], learnt.pictures[:200])
    learnt = pairs.Pairs(learnt.ws[200:], learnt.pictures[200:])
    average = network.w_avg.float()
    encoder = own.load(a.begin)[0] if a.begin else lesson.begun(network)
    with contextlib.suppress(KeyboardInterrupt):
        if a.dense > 0:
            left = lesson.learn_dense(encoder, learnt, average, a.dense, held, sitting)
            sitting.tell(f"dense: {left:.3f} of the spread of w is not told")
        if a.pictures > 0:
            lesson.learn_pictures(encoder, coarse, learnt, average, a.pictures, sitting)
    if not here.writes:
        return 0
    write_whole(a.out, own.save, encoder, average, found.sha256)
    seen = lesson.measured(encoder.eval(), network, average)
    print(f"{a.out}: PSNR of answers, median {statistics.median(seen):.2f} dB, least {min(seen):.2f} dB", flush=True)
    return 0
