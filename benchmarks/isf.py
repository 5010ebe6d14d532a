"""How many ISF files of a folder compile, and how many show a picture: each is tried as a show tries it.

usage: python -m benchmarks.isf FOLDER [--json F.json] [--size 160x90] [--pictures 8]

Every ``.fs`` file below FOLDER (Vidvox's ISF-Files, say) is tried in a process of its own: it is compiled, draws a
number of pictures from a test picture with its inputs at their defaults, and the last one is looked at. A file is a
filter (``inputImage``), a transition (``startImage``, ``endImage``, ``progress``) or a generator. A picture without a
point brighter than 2 of 255 shows nothing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path

from engine.cli.say import say
from engine.stage.isf.files import read
from engine.stage.isf.header import Header
from engine.stage.isf.trial import TrialRoom
from engine.stage.passes.source import ShaderError

DRAW_SECONDS = 60.0  # s; what a file may take here to draw, on a machine that draws in software


def kind(header: Header) -> str:
    """Return what a file is."""
    if header.is_transition:
        return "transition"
    return "generator" if header.is_generator else "filter"


def main() -> None:
    """Try every file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--size", default="160x90")
    parser.add_argument("--pictures", type=int, default=8)
    args = parser.parse_args()
    wide, high = (int(side) for side in args.size.split("x"))
    files = sorted(args.folder.rglob("*.fs"))
    every, compiled, seen, failures, dark = Counter[str](), Counter[str](), Counter[str](), {}, []
    start = time.monotonic()
    with TrialRoom(DRAW_SECONDS, 4 * DRAW_SECONDS) as room:
        for path in files:
            what = "unread"
            try:
                shader = read(path)
                what = kind(shader.header)
                drawn = room.try_out(shader, (wide, high), args.pictures)
            except ShaderError as error:
                failures[path.name] = str(error).removeprefix(f"{path.parent}/")
                say(failures[path.name])
            else:
                compiled[what] += 1
                seen[what] += drawn
                dark += [] if drawn else [path.name]
            every[what] += 1
    found = {
        "folder": args.folder.name,
        "files": every.total(),
        "compiles": round(compiled.total() / max(1, every.total()), 4),
        "shows_a_picture": round(seen.total() / max(1, every.total()), 4),
        "by_kind": {w: {"files": every[w], "compile": compiled[w], "show_a_picture": seen[w]} for w in sorted(every)},
        "failures": failures,
        "dark": dark,
        "size": args.size,
        "pictures": args.pictures,
        "seconds": round(time.monotonic() - start),
    }
    text = json.dumps(found, indent=2)
    say(text)
    if args.json:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
