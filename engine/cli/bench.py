"""``vj bench``: measures the loop, or a sweep of models, sizes, backends and precisions."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from engine.bench.opening import BenchOptions
from engine.borders.errors import UserError
from engine.cli import arguments
from engine.generator.backends.table import DEVICE_NAMES, DEVICE_PRECISIONS

PRECISIONS_HELP = ", ".join(f"{','.join(names)} on {DEVICE_NAMES[kind]}" for kind, names in DEVICE_PRECISIONS.items())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``vj bench`` takes."""
    parser.add_argument("--json", type=arguments.path, metavar="FILE", help="write the figures")
    parser.add_argument(
        "--frames", type=arguments.count, default=None, help="how many frames (120; of a sweep's cases 12)"
    )
    parser.add_argument("--sweep", action="store_true", help="models x render sizes x backends x precisions")
    parser.add_argument("--models", metavar="A,B", help="of a sweep: names, checkpoints, config-f-1024, half-512, …")
    parser.add_argument("--resolutions", metavar="A,B", help="of a sweep: pixels; each model's own, half, a quarter")
    parser.add_argument("--backends", metavar="A,B", help="of a sweep: this machine's by default")
    parser.add_argument("--precisions", metavar="A,B", help=f"of a sweep: {PRECISIONS_HELP}")
    parser.add_argument("--plot", type=arguments.path, metavar="F.png", help="of a sweep: draw it")
    parser.add_argument("--warps", action="store_true", help="also what each feature warp costs")
    arguments.add_show(parser)


def run(args: argparse.Namespace) -> int:
    """Measure, print a table, write the JSON."""
    from engine.bench import run, sweep

    options = arguments.options_of(args, BenchOptions)
    if not args.sweep and (alone := next((flag for flag, given in axes(args).items() if given), None)):
        raise UserError(f"{alone}: belongs to a sweep: add --sweep")
    if args.sweep:
        wanted = sweep.parse(args.models, args.resolutions, args.backends, args.precisions)
        return sweep.run(options, wanted, args.json, args.plot)
    return run.run(options, args.json, args.warps)


def axes(args: argparse.Namespace) -> Mapping[str, str | Path | None]:
    """Return what only a sweep reads, by flag."""
    return {
        "--models": args.models,
        "--resolutions": args.resolutions,
        "--backends": args.backends,
        "--precisions": args.precisions,
        "--plot": args.plot,
    }
