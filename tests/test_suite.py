"""Rules of the tests themselves: what they share lies in tests/builders."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
OWN = Path(__file__).name  # its examples are imports that the rule forbids
MODULES = sorted(path.relative_to(TESTS).as_posix() for path in TESTS.rglob("*.py") if path.name != OWN)


def imported(source: str) -> Iterator[str]:
    """Yield the dotted names that ``source`` imports; programs in its strings count as well."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "import" in node.value:
            words = node.value.split()
            yield from (after for word, after in pairwise(words) if word in ("from", "import"))


def forbidden(names: Iterator[str]) -> list[str]:
    """Return the names that lie in a test module or a conftest."""
    return [name for name in names if any(part.startswith(("test_", "conftest")) for part in name.split("."))]


@pytest.mark.parametrize("module", MODULES)
def test_no_test_imports_from_another(module: str) -> None:
    assert forbidden(imported((TESTS / module).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from tests.show.test_swap import Config", ["tests.show.test_swap", "tests.show.test_swap.Config"]),
        ("from tests.show import test_swap", ["tests.show.test_swap"]),
        ("import tests.live.conftest", ["tests.live.conftest"]),
        ("from .test_swap import Config", [".test_swap", "test_swap.Config"]),
        ('program = "from tests.test_layers import ROOT"', ["tests.test_layers"]),
        ("from tests.builders.show import trace", []),
    ],
)
def test_the_check_itself(source: str, found: list[str]) -> None:
    assert forbidden(imported(source)) == found
