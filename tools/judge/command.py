"""The command line of the measuring tools: threads, a file of figures, one line for bad input."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ParamSpec

import torch

from engine.borders.errors import UserError
from engine.system.files import write_whole

P = ParamSpec("P")


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser that says ``doc`` as it is written, with --json and --threads."""
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--json", type=Path, help="where to write the figures")
    p.add_argument("--threads", type=int, default=0, help="PyTorch's threads; its own default without this")
    return p


def measure(
    p: argparse.ArgumentParser, work: Callable[[argparse.Namespace], object], argv: Sequence[str] | None
) -> int:
    """Do ``work``; write its figures to the file of --json. Return the exit code, see ``told``."""
    args = p.parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)

    def measured() -> None:
        figures = work(args)
        if args.json:
            text = json.dumps(figures, indent=1) + "\n"
            write_whole(args.json, Path.write_text, text, encoding="utf-8")

    return told(measured)


def told(work: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> int:
    """Do ``work`` with the arguments after it; return 0, or 2 after one line on bad input."""
    try:
        work(*args, **kwargs)
    except UserError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    return 0
