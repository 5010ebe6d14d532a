"""Rewrites what the test modules assert once for all processes: each does its share and writes it down.

pytest rewrites a module as it imports it, and reads what another process has written. Processes that begin together in
a fresh clone would each rewrite all: six seconds of a core.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from _pytest.assertion import assertstate_key, rewrite  # pytest has no public name for this; its version is pinned


def rewrite_share(config: pytest.Config, folders: Iterable[Path], number: int, of: int) -> list[Path]:
    """Write down process ``number``'s share ``of`` so many; return the modules that were not rewritten before."""
    state = config.stash.get(assertstate_key, None)
    if state is None or sys.dont_write_bytecode:
        return []
    files = sorted(file for folder in folders for file in folder.rglob("test_*.py"))
    written = []
    for file in files[number::of]:
        path = rewrite.get_cache_dir(file) / f"{file.stem}{rewrite.PYC_TAIL}"
        if not path.exists() and rewrite.try_makedirs(path.parent):
            source_hash, code = rewrite._rewrite_test(file, config)
            if rewrite._write_pyc(state, code, source_hash, path):
                written.append(file)
    return written
