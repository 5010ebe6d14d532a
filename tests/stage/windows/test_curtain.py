"""The picture that takes the place of a show's window."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from engine.borders.place import Place
from engine.cli.supervise import environment, python
from engine.system.watch import AWAY, UP, Watch
from tests.builders.show import screen

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the supervisor runs on Linux only so far")


def test_it_takes_a_windows_place_while_that_is_gone(tmp_path: Path) -> None:
    watch, place = Watch.make(), Place(40, 30, 100, 80)
    watch.put(place)
    watch.hold((2, 2), bytes((200, 100, 50, 255)) * 4)
    there = np.zeros((240, 320), bool)
    there[place.top : place.top + place.height, place.left : place.left + place.width] = True

    with screen(tmp_path, "320x240x24") as display:

        def shows(picture: bool) -> None:
            give_up = time.monotonic() + 20.0
            while True:
                seen = display.pixels().astype(int)
                right = np.abs(seen - (200, 100, 50)).max(2) < 3 if picture else (seen == 0).all(2)
                if (right == there).all() if picture else right.all():
                    return
                assert time.monotonic() < give_up, seen[::40, ::40]
                time.sleep(0.02)

        curtain = subprocess.Popen(
            [*python("engine.stage.windows.curtain"), str(watch.fd), "", "windowed"],
            env={**os.environ, **environment(), **display.env},
            pass_fds=[watch.fd],
            stdin=subprocess.PIPE,
        )
        try:
            while not watch.flag(UP):
                assert curtain.poll() is None
                time.sleep(0.02)
            shows(False)
            for away in (True, False):
                watch.set_flag(AWAY, away)
                shows(away)
        finally:
            curtain.kill()
            curtain.communicate()
