"""The table of docs/attributes.md from the figures: python -m benchmarks.attribute_table benchmarks/attributes.json"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

COLUMNS = (
    ("leak", "leak, sd", 2),
    ("exact", "exact leak, sd", 2),
    ("identity", "identity", 3),
    ("distance", "distance, sd", 2),
    ("cycle", "cycle", 3),
    ("reached", "reached", 2),
    ("as_asked", "as asked", 2),
    ("exact_asked", "exactly", 2),
    ("psnr", "psnr, dB", 1),
)


def table(figures: dict[str, object]) -> str:
    """Return the methods as rows of a Markdown table."""
    rows = figures["methods"]
    assert isinstance(rows, list)
    lines = ["| method | " + " | ".join(title for _, title, _ in COLUMNS) + " | left at ±2 | ms |"]
    lines.append("|" + "---|" * (len(COLUMNS) + 3))
    for row in rows:
        cells = [f"{row['mean'][key]:.{digits}f}" if key in row["mean"] else "" for key, _, digits in COLUMNS]
        lines.append(f"| {row['method']} | " + " | ".join(cells) + f" | {left(row)} | {row['ms']:.1f} |")
    return "\n".join(lines)


def left(row: dict[str, object]) -> str:
    """Return how often a method leaves the known pictures; older figures have the softmax's share alone."""
    shares = row.get("left", {})
    each: dict[str, float] = shares if isinstance(shares, dict) else {"softmax": shares}  # type: ignore[dict-item]
    return ", ".join(f"{100 * share:.0f} % ({name})" for name, share in each.items())


def above(row: dict[str, object], exact: dict[str, object]) -> float:
    """Return what a method leaks more than the row "exact", in the judge's eyes, over the attributes that both have."""
    ours, floor = row["attributes"], exact["attributes"]
    assert isinstance(ours, dict)
    assert isinstance(floor, dict)
    return statistics.mean(float(ours[name]["leak"] - floor[name]["leak"]) for name in ours if name in floor)


def line(row: dict[str, object]) -> str:
    """Return a row for people."""
    mean = row["mean"]
    assert isinstance(mean, dict)
    return f"{row['method']}: " + "  ".join(f"{key} {value:.3f}" for key, value in mean.items())


def main() -> None:
    """Print the table of a file of figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", type=Path, metavar="FILE.json")
    print(table(json.loads(parser.parse_args().figures.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
