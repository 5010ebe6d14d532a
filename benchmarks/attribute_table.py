"""The table of docs/attributes.md from the figures: python -m benchmarks.attribute_table benchmarks/attributes.json"""

from __future__ import annotations

import argparse
import json
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
        cells = [f"{row['mean'][key]:.{digits}f}" for key, _, digits in COLUMNS]
        lines.append(f"| {row['method']} | " + " | ".join(cells) + f" | {100 * row['left']:.0f} % | {row['ms']:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table of a file of figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", type=Path, metavar="FILE.json")
    print(table(json.loads(parser.parse_args().figures.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
