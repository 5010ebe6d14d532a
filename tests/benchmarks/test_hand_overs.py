"""The counters on a loop of five lines whose counts are known."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.hand_overs.calls import CallCount
from benchmarks.hand_overs.tree import Call, Tree
from benchmarks.hand_overs.ways import hand_overs

LOOP = """
def perform(rig):
    for tick in rig.clock():
        value = rig.ears(tick)
        rig.show([value for _ in range(2)])
"""
PARTS = """
class Rig:
    def clock(self):
        yield from range(130)

    def ears(self, tick):
        return self.hear(tick) if tick % 2 else tick

    def hear(self, tick):
        return tick

    def show(self, values):
        sum(value for value in values)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "loop.py").write_text(LOOP)
    (tmp_path / "engine" / "parts.py").write_text(PARTS)
    return Tree(tmp_path)


def load(tree: Tree, name: str) -> dict[str, Any]:
    file, names = f"{tree.engine}{name}.py", dict[str, Any]()
    exec(compile(Path(file).read_text(), file, "exec"), names)
    return names


def test_calls_are_counted_frame_by_frame(tree):
    perform, rig = load(tree, "loop")["perform"], load(tree, "parts")["Rig"]()
    count = CallCount(tree)
    sys.setprofile(count)
    try:
        perform(rig)
    finally:
        sys.setprofile(None)
    figures = count.figures()
    # The clock, ears, show and a generator expression that is entered three times; and in every other frame hear.
    comprehension = sys.version_info < (3, 12)
    assert figures["engine_calls"] == {k: v + comprehension for k, v in {"median": 7, "least": 6, "most": 7}.items()}
    assert figures["frames"] == 100
    assert figures["files"] == 1 + comprehension
    assert figures["comprehensions"] == 3 + comprehension


def test_an_object_counts_when_the_value_comes_there_first():
    meter, ears, desk = ("Meter", 1, "meter.py"), ("Ears", 2, "ears.py"), ("Desk", 3, "desk.py")
    helper, params = ("desk", "desk.py", "desk.py"), ("Params", 4, "params.py")

    def stack(*owners: tuple[str, object, str]) -> tuple[Call, ...]:
        return tuple(Call(owner, identity, "do", file) for owner, identity, file in owners)

    found = hand_overs([("features", stack(meter, ears, ears)), ("params", stack(meter, desk, helper, desk, params))])
    assert found == {
        "hand_overs": 3,
        "calls": 4,
        "way (* counts)": ["features: *Meter.do > *Ears.do", "params: Meter.do > *Desk.do"],
    }
