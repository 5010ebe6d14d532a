"""Two groups of tests: ``alone`` for what measures time or holds a device, ``together`` for everything else.

tools/test.py runs the group ``together`` in several processes, and beside them, with a far higher priority, the group
``alone`` in one. Both runs write a tally, from which it learns that every test was run.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.rewriting import rewrite_share

CATEGORIES = ("failed", "passed", "skipped", "xfailed", "xpassed", "error")  # as pytest's closing line has them
FOUND = pytest.StashKey[dict[str, bool]]()  # every test that was asked for: is it of the group alone?


def pytest_addoption(parser: pytest.Parser) -> None:
    options = parser.getgroup("groups", "tests that run together, tests that run alone")
    options.addoption("--group", choices=["together", "alone"], help="run the tests of this group only")
    options.addoption("--tally", metavar="FILE", help="write to FILE which tests were found and how they ended")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FOUND] = {}
    if config.option.group == "alone":
        config.pluginmanager.register(ModulesOfAlone())


class ModulesOfAlone:
    """Leaves out the test modules that have no test of the group ``alone``: to import them takes seconds."""

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Ignore a module where neither it nor its folder's conftest.py has the word."""
        if collection_path.suffix != ".py":
            return None
        marks = (collection_path, collection_path.with_name("conftest.py"))
        return None if any("alone" in file.read_text("utf-8") for file in marks if file.is_file()) else True


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Collect without Python's collector: nothing of it can go, and to look at it again and again takes seconds."""
    given = getattr(session.config, "workerinput", {})
    gc.disable()
    try:
        if given:
            folders = [path.resolve() for path in map(Path, session.config.args) if path.is_dir()]
            rewrite_share(session.config, folders, int(given["workerid"].removeprefix("gw")), given["workercount"])
        return (yield)
    finally:
        gc.freeze()  # nor does any test look at it
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of one group; note all that -k, -m and the paths have left."""
    found = {item.nodeid: item.get_closest_marker("alone") is not None for item in items}
    config.stash[FOUND] = found
    if config.option.group:
        alone = config.option.group == "alone"
        config.hook.pytest_deselected(items=[item for item in items if found[item.nodeid] is not alone])
        items[:] = [item for item in items if found[item.nodeid] is alone]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that started this one what was found."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["found"] = session.config.stash[FOUND]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Hear it from one that xdist started; one that died has said nothing."""
    node.config.stash[FOUND] |= getattr(node, "workeroutput", {}).get("found", {})


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if config.option.tally is None or config.option.collectonly:
        return
    ended = {category: terminalreporter.stats.get(category, []) for category in CATEGORIES}
    every = [report for reports in terminalreporter.stats.values() for report in reports]
    tally = {
        "found": config.stash[FOUND],
        "run": sorted({report.nodeid for report in every if isinstance(report, pytest.TestReport)}),
        "ended": {category: len(reports) for category, reports in ended.items()},
    }
    Path(config.option.tally).write_text(json.dumps(tally), encoding="utf-8")
