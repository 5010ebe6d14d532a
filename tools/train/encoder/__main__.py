"""``python -m tools.train.encoder``: see run.py."""

from __future__ import annotations

import sys

from tools.train.encoder.run import main

if __name__ == "__main__":
    sys.exit(main())
