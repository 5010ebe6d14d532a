"""``vj presets``: every preset with what it is, and its picture where the terminal shows pictures."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import textwrap
from pathlib import Path

from engine.borders.errors import UserError
from engine.cli.terminal_pictures import COLUMNS, KINDS, ROWS
from engine.control.presets import preset as presets
from engine.control.presets.listing import listed, thumbnail_of
from engine.show.opening import preset_folders
from engine.show.table import standard
from engine.system import user_folders

FEWEST = 24  # characters; text beside a picture is no narrower


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``vj presets`` takes."""
    parser.add_argument(
        "--pictures", choices=("auto", *KINDS), default="auto", help="how they are drawn (as the terminal can)"
    )


def run(args: argparse.Namespace) -> int:
    """Print the presets, in the order of a show without a setlist."""
    kind: str = args.pictures
    if kind == "auto":
        from engine.cli.terminal_pictures import kind_of

        kind = kind_of(sys.stdout, os.environ)
    with contextlib.suppress(BrokenPipeError):  # a pager that was left
        for at, (name, path) in enumerate(listed(preset_folders()).items()):
            print(entry(at, name, path, kind))
    return 0


def entry(at: int, name: str, path: Path, kind: str) -> str:
    """Return what is printed of a preset: a line, or its picture with some lines beside it."""
    key = f"F{at + 2}" if at < 8 else ""
    own = path.parent == user_folders.data("presets")
    words = f"{description(path)}{' (yours)' if own else ''}"
    if kind == "none":
        return f"{name:<16} {key:<3} {words}".rstrip()
    from PIL import Image

    from engine.cli.terminal_pictures import beside, colours_of

    found = thumbnail_of(path)
    picture = Image.new("RGB", (96, 96), (40, 34, 38))
    if found is not None:
        try:
            with Image.open(found) as opened:
                picture = opened.convert("RGB")
        except OSError:
            pass  # a picture that cannot be read is left dark
    room = max(FEWEST, shutil.get_terminal_size().columns - COLUMNS - 4)
    lines = ["", f"\x1b[1m{name}\x1b[0m  {key}", *textwrap.wrap(words, room)[: ROWS - 2]]
    return beside(picture, lines, kind, colours_of(os.environ))


def description(path: Path) -> str:
    """Return what a preset says that it is, or what is wrong with its file."""
    try:
        return presets.load(path, standard()).description
    except UserError as error:
        return f"cannot be played: {error}"
