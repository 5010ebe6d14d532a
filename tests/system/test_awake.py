"""The machine is kept awake by a program that is there as long as the show, and by none where there is none."""

from __future__ import annotations

import os
import sys
import time

import pytest

from engine.system.awake import Awake

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has a call for it")


def program(folder, text):
    path = folder / "systemd-inhibit"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_lock_is_held_as_long_as_the_show(tmp_path, monkeypatch):
    program(tmp_path, f'echo "$$ $*" > {tmp_path}/asked; exec sleep 60')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    awake = Awake()
    assert awake.how in ("systemd-inhibit", "caffeinate")
    if awake.how == "systemd-inhibit":
        end = time.monotonic() + 10
        while not (tmp_path / "asked").exists() or not (tmp_path / "asked").read_text():
            assert time.monotonic() < end
            time.sleep(0.01)
        pid, *asked = (tmp_path / "asked").read_text().split()
        assert "--what=idle:sleep" in asked
        assert running(int(pid))
        awake.close()
        assert not running(int(pid))
    awake.close()


def test_one_that_gives_up_holds_nothing(tmp_path, monkeypatch):
    program(tmp_path, "exit 1")  # no session bus, as on a server
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/nowhere")
    awake = Awake()
    assert awake.how is None
    awake.close()
