"""Parts of a package that sleep: they come when they are read, whole, and nobody can tell."""

from __future__ import annotations

import importlib
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from engine.system.later_modules import LaterModules

PACKAGE = {
    "__init__": "from grove import oak, elm as elm\nfrom grove.elm.leaf import Leaf, grow\nimport grove.ash\nran = 1",
    "ash": "import grove.elm.early\nread = grove.elm.early.number",
    "oak": "import grove\ngrove.runs.append(__name__)\ntree = 'oak'\n__all__ = ['tree']\nhidden = 1",
    "elm/__init__": "import grove.oak\nfrom grove.elm.leaf import Leaf\ntall = grove.oak.tree",
    "elm/leaf": "class Leaf:\n    pass\ndef grow():\n    return Leaf()\ntable = {1: 2}",
    "elm/early": "number = 7",
}


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LaterModules]:
    for name, text in PACKAGE.items():
        path = tmp_path / "grove" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"runs = []\n{text}" if name == "__init__" else text)
    names = {"grove.elm.leaf": {"Leaf": "grove", "grow": "grove", "table": ""}}
    finder = LaterModules(("grove.oak", "grove.elm"), names, ("grove.elm.early",))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    yield finder
    for name in [each for each in sys.modules if each.partition(".")[0] == "grove"]:
        del sys.modules[name]


def grove() -> ModuleType:
    return importlib.import_module("grove")


def test_parts_that_nobody_reads_do_not_run(later: LaterModules) -> None:
    assert (grove().ran, grove().runs) == (1, [])
    assert later.asleep == ("grove.oak", "grove.elm", "grove.elm.leaf")
    assert sys.modules["grove.oak"].__name__ == "grove.oak"
    assert not hasattr(sys.modules["grove.oak"], "__wrapped__")
    assert "grove.oak" in later.asleep, "what Python asks of any module woke one"


def test_all_come_with_the_first_that_is_read_and_are_the_true_ones(later: LaterModules) -> None:
    oak, leaf = grove().oak, grove().Leaf
    assert oak.hidden == 1
    assert later.asleep == ()
    assert grove().runs == ["grove.oak"]
    true = importlib.import_module("grove.elm.leaf")
    assert grove().Leaf is true.Leaf
    assert grove().elm.tall == oak.tree == "oak"
    assert grove().elm.leaf is true
    assert isinstance(grove().grow(), leaf), "one who took it while it slept has it, too"
    assert issubclass(types.new_class("Blade", (leaf,)), true.Leaf)
    oak.tree = "ash"
    assert sys.modules["grove.oak"].tree == "ash"
    assert "tree" in dir(oak)


def test_a_name_is_taken_without_waking_and_wakes_when_it_is_used(later: LaterModules) -> None:
    leaf, grow = grove().Leaf, grove().grow
    table = sys.modules["grove.elm.leaf"].table
    assert not isinstance(3, leaf), "there is none of a class that nobody has read"
    assert 1 not in table
    assert later.asleep
    assert type(grow()).__name__ == "Leaf"
    assert later.asleep == ()
    assert 1 in table
    del table[1]
    assert 1 not in importlib.import_module("grove.elm.leaf").table


def test_an_early_module_runs_once_and_belongs_to_its_package(later: LaterModules) -> None:
    assert grove().ash.read == 7
    early = sys.modules["grove.elm.early"]
    assert "grove.elm" in later.asleep
    later.wake("grove.elm")
    assert grove().elm.early is sys.modules["grove.elm.early"] is early
    assert early.__spec__ is not None
    assert str(early.__spec__.origin).endswith("early.py")


def test_a_star_has_what_the_true_module_has(later: LaterModules) -> None:
    grove()
    space: dict[str, object] = {}
    exec("from grove.oak import *\nfrom grove.elm.leaf import *", space)
    assert {"tree", "Leaf", "grow", "table"} <= set(space)
    assert "hidden" not in space


def test_threads_that_read_at_once_have_one_module(later: LaterModules) -> None:
    oak, elm, found = grove().oak, grove().elm, []
    threads = [threading.Thread(target=lambda part=part: found.append(part())) for part in
               (lambda: oak.tree, lambda: elm.tall) * 4]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    assert found == ["oak"] * 8
    assert grove().runs == ["grove.oak"]
