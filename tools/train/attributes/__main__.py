"""``python -m tools.train.attributes``: see run.py."""

from __future__ import annotations

import sys

from tools.train.attributes.run import main

if __name__ == "__main__":
    sys.exit(main())
