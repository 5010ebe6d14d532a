"""Every command that a page names is there, and every tool says what it takes."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.fruit.timed_run import SURROUNDINGS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")] + sorted(
    ROOT.glob("docs/*.md")
)
MODULE = re.compile(r"python3? -m ([A-Za-z_][\w.]*\w)")
SCRIPT = re.compile(r"(?:python3?|bash) ((?:tools|benchmarks|docs)/[\w./]+\.(?:py|sh))")
MOVED = re.compile(r"^\| `(?P<before>[^`]*)` \| (?:`(?P<now>[^`]*)`|as before) \|$", re.MULTILINE)
OURS = ("tools", "benchmarks", "docs")


def text_of(page: Path) -> str:
    """Return a page without the commands that it says have moved."""
    text = page.read_text(encoding="utf-8")
    return MOVED.sub(lambda row: row["now"] or row["before"], text) if page.parent.name == "benchmarks" else text


def named(pattern: re.Pattern[str]) -> list[str]:
    return sorted({name for page in PAGES for name in pattern.findall(text_of(page))})


def runs(module: str) -> bool:
    """Whether ``python -m`` finds something to run."""
    found = importlib.util.find_spec(module)
    if found is not None and found.submodule_search_locations is not None:
        found = importlib.util.find_spec(f"{module}.__main__")
    return found is not None


def programs() -> Iterator[str]:
    """Yield every module of ours that is run by its name; start.py and test.py hand on what they are told."""
    files = [*ROOT.glob("tools/**/*.py"), *ROOT.glob("benchmarks/**/*.py"), *ROOT.glob("docs/make/*.py")]
    for file in sorted(files):
        if '\nif __name__ == "__main__":' in file.read_text(encoding="utf-8") and file.stem not in ("start", "test"):
            parts = file.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__main__" else parts)


@pytest.mark.parametrize("module", named(MODULE))
def test_a_module_that_a_page_names_is_there(module):
    assert runs(module)
    if module.partition(".")[0] in OURS:
        assert module in list(programs())


@pytest.mark.parametrize("script", named(SCRIPT))
def test_a_script_that_a_page_names_is_there(script):
    assert (ROOT / script).is_file()


def test_what_has_moved_is_told_once():
    rows = MOVED.findall((ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8"))
    assert len({before for before, _ in rows}) == len(rows) > 20
    assert all(now != before for before, now in rows)
    for before, now in rows:  # what has moved is not there any more
        assert not now or not any(runs(name) for name in MODULE.findall(before) if name != "tools.fruit")


@pytest.mark.filterwarnings("ignore:.*found in sys.modules after import of package.*:RuntimeWarning")
@pytest.mark.parametrize("module", list(programs()))
def test_a_program_says_what_it_takes(module, monkeypatch, capsys):
    for name, value in SURROUNDINGS.items():  # with these it does not start itself again
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", [module, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__")
    assert not ended.value.code
    assert capsys.readouterr().out.startswith("usage: ")


def inner_programs() -> Iterator[tuple[str, str]]:
    """Yield (file, source) of programs that a benchmark writes for its child processes."""
    for file in sorted(ROOT.glob("benchmarks/**/*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\nfrom engine" in node.value:
                yield file.name, node.value


@pytest.mark.parametrize(("file", "source"), list(inner_programs()), ids=lambda value: value[:24])
def test_a_program_for_a_child_imports_what_is_there(file, source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("engine"):
            module = importlib.import_module(node.module)
            for alias in node.names:
                there = hasattr(module, alias.name) or importlib.util.find_spec(f"{node.module}.{alias.name}")
                assert there, f"{file}: {node.module} has no {alias.name}"
