"""``python -m tools.train``: see run.py; ``python -m tools.train style``: see tools/style/run.py."""

from __future__ import annotations

import sys

from tools.style import run as style
from tools.train import run as generator

if __name__ == "__main__":
    words = sys.argv[1:]
    sys.exit(style.main(words[1:]) if words[:1] == ["style"] else generator.main(words))
