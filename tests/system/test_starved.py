"""A process that waits for a core is told from one that is stopped or sleeps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from engine.system.starved import Waited

SPIN = "import os\nos.sched_setaffinity(0, {%d})\nwhile True:\n    pass"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells it")


def test_who_shares_a_core_waits_and_who_is_stopped_does_not() -> None:
    core = min(os.sched_getaffinity(0))
    two = [subprocess.Popen([sys.executable, "-c", SPIN % core]) for _ in range(2)]
    try:
        waited = Waited(two[0].pid)
        assert waited.seconds() == 0.0
        waited.begin()
        give_up = time.monotonic() + 60.0
        while waited.seconds() < 0.1 and time.monotonic() < give_up:
            time.sleep(0.02)
        assert waited.seconds() >= 0.1
        os.kill(two[0].pid, signal.SIGSTOP)
        time.sleep(0.1)
        waited.begin()
        time.sleep(0.4)
        assert waited.seconds() < 0.01
        waited.end()
        assert (waited.begun, waited.seconds()) == (False, 0.0)
    finally:
        for each in two:
            each.kill()
            each.wait()


def test_a_process_that_has_gone_waits_for_nothing() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    waited = Waited(gone.pid)
    waited.begin()
    assert waited.seconds() == 0.0
