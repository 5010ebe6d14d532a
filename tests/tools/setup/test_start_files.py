"""A start without a terminal: the files that are double-clicked, and the workflow of the public runners."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from engine.system.torch_build import PYTHONS

ROOT = Path(__file__).resolve().parents[3]
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="runs a shell script")


@pytest.fixture
def checkout(tmp_path):
    """A checkout in a folder with a space and umlauts, whose start.py does what a test says; `run` starts a file."""
    root = tmp_path / "Bühne und Licht"
    (root / "tools").mkdir(parents=True)
    for name in ("start.command", "latentvj.desktop"):
        (root / "tools" / name).write_bytes((ROOT / "tools" / name).read_bytes())
        (root / "tools" / name).chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3.12").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tmp_path / "bin/python3.12").chmod(0o755)

    def run(command, start, *arguments):
        (root / "tools/start.py").write_text(start)
        env = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
        return subprocess.run([*command, *arguments], cwd="/", env=env, capture_output=True, text=True, input="\n")

    run.root = root
    return run


@LINUX
def test_a_double_click_plays_from_the_checkout(checkout):
    done = checkout(
        [checkout.root / "tools/start.command"], "import os, sys; print(os.getcwd(), sys.argv[1:])", "bench"
    )
    assert done.stdout.strip() == f"{checkout.root} ['bench']"
    assert done.returncode == 0


@LINUX
@pytest.mark.parametrize(("code", "waits"), [(2, True), (130, False)])
def test_after_a_failure_the_window_stays_until_it_is_read(checkout, code, waits):
    done = checkout([checkout.root / "tools/start.command"], f"import sys; sys.exit({code})")
    assert ("Press Enter" in done.stdout) == waits
    assert done.returncode == code


@LINUX
def test_the_desktop_entry_starts_the_same_file(checkout):
    entry = (checkout.root / "tools/latentvj.desktop").read_text()
    line = re.search(r"^Exec=(.*)$", entry, re.MULTILINE)[1]
    script = re.fullmatch(r"sh -c '(.*)' sh %k", line)[1]
    done = checkout(["sh", "-c", script, "sh", checkout.root / "tools/latentvj.desktop"], "print('played')")
    assert done.stdout.strip() == "played"
    assert "Terminal=true" in entry


def test_windows_gets_its_line_ends_and_a_window_that_waits():
    text = (ROOT / "tools/start.cmd").read_bytes()
    assert text.count(b"\r\n") == text.count(b"\n")
    assert b"pause" in text
    assert b"start.py %*" in text


def test_the_workflow_runs_every_python_that_there_are_wheels_for():
    text = (ROOT / ".github/workflows/platforms.yml").read_text()
    (_, first), (_, last) = PYTHONS
    assert re.search(r"python: \[(.*)\]", text)[1] == ", ".join(f'"3.{n}"' for n in range(first, last + 1))
    for folder in re.findall(r"tests/\w+", text):
        assert (ROOT / folder).is_dir(), folder
