"""A copy of the tree, for recipes that add a file and a row to it. Large files are links: the copy takes no time."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.builders import warm
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
                # What Python has compiled comes along, as long as its file is not edited; unfinished it has a number.
                ROOT / name,
                root / name,
                copy_function=_link,
                ignore=shutil.ignore_patterns("*.pyc.*", "_data"),
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

    def python(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Run Python in the copy."""
        env = {**os.environ, "PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1"}
        return warm.python(*words, cwd=self.root, env=env)

    def vj(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Run a command of the copy."""
        return self.python("-m", "engine", *words)
