"""A copy of the tree, for recipes that add a file and a row to it. Large files are links: the copy takes no time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.builders.show import ROOT

FOLDERS = ("engine", "shaders", "presets")


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


class TreeCopy:
    """A tree whose files can be added to and replaced; the repository's own stay as they are."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in FOLDERS:
            shutil.copytree(
                ROOT / name, root / name, copy_function=_link, ignore=shutil.ignore_patterns("__pycache__", "_data")
            )

    def add(self, name: str, text: str) -> None:
        """Write a new file."""
        path = self.root / name
        assert not path.exists(), f"{name} is there already: a recipe adds a file"
        path.write_text(text, encoding="utf-8")

    def edit(self, name: str, *changes: tuple[str, str]) -> None:
        """Replace a file with one in which each (old, new) has been put in place once."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        for old, new in changes:
            assert text.count(old) == 1, f"{name}: {old!r} is there {text.count(old)} times"
            text = text.replace(old, new)
        path.unlink()  # a link: the repository's own file must not change
        path.write_text(text, encoding="utf-8")

    def python(self, *words: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run Python in the copy."""
        env = {**os.environ, "PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, *map(str, words)], cwd=self.root, env=env, capture_output=True, text=True, check=False,
            timeout=timeout,
        )  # fmt: skip

    def vj(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Run a command of the copy."""
        return self.python("-m", "engine", *words)
