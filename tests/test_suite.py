"""Rules of the tests themselves: what they share lies in tests/builders, and both groups together are all of them."""

from __future__ import annotations

import ast
import io
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from itertools import pairwise
from pathlib import Path

import pytest
from _pytest.assertion import rewrite

from tests.rewriting import rewrite_share
from tools import test as suite

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


def test_each_process_rewrites_its_share_and_pytest_reads_what_another_wrote(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for name in "abc":
        (tmp_path / f"test_{name}.py").write_text(f"def test_{name}(): assert 1 + 1 == 3\n")
    shares = [rewrite_share(request.config, [tmp_path], number, 2) for number in (0, 1, 0)]
    assert [[path.stem for path in share] for share in shares] == [["test_a", "test_c"], ["test_b"], []]
    for file in tmp_path.glob("*.py"):
        pyc = rewrite.get_cache_dir(file) / f"{file.stem}{rewrite.PYC_TAIL}"
        code = rewrite._read_pyc(file, pyc)
        assert code is not None
        assert "@pytest_ar" in code.co_names, "its asserts say nothing of what they compare"


OF_BOTH_GROUPS = """
import os, pytest
@pytest.mark.alone
def test_alone(): assert "PYTEST_XDIST_WORKER" not in os.environ
def test_together(): assert os.environ["PYTEST_XDIST_WORKER_COUNT"] == "2"
@pytest.mark.parametrize("number", range(3))
def test_three(number): assert number < 2
@pytest.mark.skip(reason="of no use")
def test_nothing(): pass
"""


@pytest.fixture
def suite_of_six(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of tests of both groups, for tools/test.py to run."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "conftest.py").write_text('pytest_plugins = ["tests.groups"]\n')
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = alone\n")
    (folder / "test_groups.py").write_text(OF_BOTH_GROUPS)
    for name in [name for name in os.environ if name.startswith("PYTEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # they take seconds to load
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p xdist")
    monkeypatch.setenv("PYTHONPATH", str(TESTS.parent))
    monkeypatch.setattr(suite.environment, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(suite.environment, "ROOT", folder)
    return tmp_path


def closing_line(folder: Path, *arguments: str) -> tuple[str, int]:
    """Run both groups; return the closing line without its time, and the exit code."""
    (folder / "tallies").mkdir()
    tests = suite.Tests(list(arguments), folder / "tallies")
    tests.together()
    tests.alone()
    with redirect_stdout(io.StringIO()) as said:
        code = tests.end().code
    return said.getvalue().rpartition(" in ")[0], code


def test_both_groups_are_run_and_count(suite_of_six: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "cores", lambda: 2)
    assert closing_line(suite_of_six) == ("1 failed, 4 passed, 1 skipped", 1)


def test_a_choice_of_tests_is_one_of_both_groups(suite_of_six: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "cores", lambda: 1)
    assert closing_line(suite_of_six, "-k", "alone") == ("1 passed", 0)


def test_a_test_that_neither_run_has_had_is_missed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tests = suite.Tests([], tmp_path)
    tests.runs = [
        suite.Run(0, 1.0, "", {"test_a.py::test_x": False, "test_a.py::test_y": True}, frozenset(), {"passed": 1})
    ]
    assert tests.end().code == 1
    assert "2 tests were not run: test_a.py::test_x test_a.py::test_y" in capsys.readouterr().err
