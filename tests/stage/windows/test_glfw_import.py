"""GLFW is imported without a search, without a process for each library, and without cffi's grammar of C."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from engine.stage.windows import glfw_untyped
from tests.builders.show import ROOT

IMPORTS = """
import os, subprocess, sys
def started(*args, **kwargs): raise SystemExit("a process was started")
subprocess.Popen = started
from engine.stage.windows.glfw_untyped import glfw
assert not {"cffi", "pycparser"} & set(sys.modules), "cffi was read"
assert "PYGLFW_LIBRARY" not in os.environ
import cffi
print(glfw._glfw._name, glfw.get_version()[0])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only wheels for Linux have two libraries")
def test_it_takes_the_library_of_its_wheel_and_nothing_else_comes_with_it() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == [glfw_untyped.own_library(), "3"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only wheels for Linux have two libraries")
def test_the_session_and_the_performer_choose_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_SESSION_TYPE", raising=False)
    assert glfw_untyped.own_library().endswith("/x11/libglfw.so")
    monkeypatch.setenv("PYGLFW_LIBRARY_VARIANT", "nonsense")
    assert glfw_untyped.own_library().endswith("/x11/libglfw.so")
    monkeypatch.setattr("ctypes.CDLL", lambda _path: (_ for _ in ()).throw(OSError))
    assert glfw_untyped.own_library() == "", "one that does not load is left to glfw's own search"


def test_a_library_that_is_named_stays_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYGLFW_LIBRARY", "/mine.so")
    with glfw_untyped._short_of_searches():
        assert os.environ["PYGLFW_LIBRARY"] == "/mine.so"
    assert os.environ["PYGLFW_LIBRARY"] == "/mine.so"
