"""The start's benchmark: a start is counted to its first picture, and one that fails is told."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import first_picture as start

SHOW = """
import json, os, sys, time
trace = sys.argv[sys.argv.index("--trace") + 1]
assert sys.argv[1] == "rehearse" and "PYTHONDONTWRITEBYTECODE" not in os.environ
time.sleep(0.1)
with open(trace, "w") as lines:
    lines.write(json.dumps({"mono": time.monotonic()}) + "\\n" + json.dumps({"mono": 9e9}) + "\\n")
time.sleep(0.1)
"""


def tree(folder: Path, text: str) -> Path:
    (folder / "engine").mkdir(parents=True)
    (folder / "engine/__main__.py").write_text(text)
    return folder


def test_a_start_lasts_to_the_first_line_of_its_trace(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    slow = tree(tmp_path / "slow", SHOW.replace("sleep(0.1)\nwith", "sleep(0.3)\nwith"))
    monkeypatch.setattr(start, "ROOT", tree(tmp_path / "here", SHOW))
    monkeypatch.setattr(sys, "argv", ["start", "--starts", "1", "--against", str(slow)])
    assert start.main() == 0
    said = json.loads(capsys.readouterr().out)
    assert said["median_s"] >= 0.1
    assert said["against"]["median_s"] >= 0.3
    assert said["starts"] == 1


def test_a_start_that_fails_is_told(tmp_path):
    broken = tree(tmp_path, "raise SystemExit('no OpenGL')")
    with pytest.raises(SystemExit, match="no OpenGL"):
        start.first_picture(broken, tmp_path)
