"""Arguments with a number behind a separator: NAME=X, FILE#INDEX, A:B. The last separator counts."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

from engine.system.files import expanded


@dataclass(frozen=True, slots=True)
class Amount:
    """A text and the number behind its separator."""

    text: str
    amount: float


def amount(text: str) -> Amount:
    """Return NAME and X of NAME=X: the last = separates, and a finite number follows."""
    name, _, behind = text.rpartition("=")
    try:
        number = float(behind)
    except ValueError:
        number = math.nan
    if not name or not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} has no number behind =, as in ripe=1.5")
    return Amount(name, number)


def file_index(text: str) -> tuple[Path, int | None]:
    """Return the file and the number of FILE#INDEX: the last # separates, where a number follows."""
    file, sharp, number = text.rpartition("#")
    if sharp and file and number.isdecimal() and len(number) < 10:
        return expanded(file), int(number)
    return expanded(text), None


def layer_range(text: str) -> tuple[int, int]:
    """Return the first layer and the one behind the last of A:B."""
    first, colon, last = text.partition(":")
    if not (colon and first.isdecimal() and last.isdecimal() and 0 <= int(first) < int(last) <= 1000):
        raise argparse.ArgumentTypeError(f"{text!r} are no layers such as 0:4 (the first is 0, 4 is not included)")
    return int(first), int(last)
