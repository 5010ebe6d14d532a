"""Write docs/params.md from the parameter table.

usage: python docs/make/params.py [--check]     with --check: exit code 1 when the file is not what the table says
"""

from __future__ import annotations

import argparse
import sys
from itertools import groupby
from pathlib import Path

from engine.borders.params import Param, Table
from engine.show.table import standard

HEADER = "| name | default | range | unit | does |"
PAGE = Path(__file__).resolve().parents[1] / "params.md"
HEAD = """# Parameters

Every knob of the picture, as `[params]` of a preset, routes, MIDI learn and OSC (`/params/NAME VALUE`) know it. This
page is written by `python docs/make/params.py` from the table itself. A model and a performer's own passes bring more
rows when they are loaded. "rate" marks what is integrated over time: a frame gets its mean.
"""


def page(table: Table) -> str:
    """Return the page, a table a group."""
    lines = [HEAD]
    rows = list(table.values())
    for group, found in groupby(rows, key=lambda row: row.name.rpartition(".")[0]):
        lines += [f"## {group or 'Travel and noise'}", "", HEADER, "|---|---|---|---|---|"]
        lines += [_line(row) for row in found]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _line(row: Param) -> str:
    unit = ", ".join(word for word in (row.unit, "rate" * row.rate, "whole" * row.whole) if word)
    return f"| `{row.name}` | {row.default:g} | {row.low:g} to {row.high:g} | {unit} | {row.help.replace('|', '/')} |"


def main() -> int:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    text = page(standard())
    if not parser.parse_args().check:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    return int(PAGE.read_text(encoding="utf-8") != text)


if __name__ == "__main__":
    sys.exit(main())
