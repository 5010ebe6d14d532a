"""``python -m engine`` is ``vj``."""

from __future__ import annotations

from engine.cli.main import run

if __name__ == "__main__":
    run()
