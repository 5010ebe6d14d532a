"""The soundcheck's verdicts: by what the show is held to, and no chore counts as done."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from engine.borders.controls import Controls
from engine.borders.features import AudioFeatures
from engine.borders.tick import Tick
from engine.cli.soundcheck import OK, WRONG, graphics, judged
from engine.show import meter as meters
from engine.show.meter import Meter
from engine.show.render_size import FEWEST_FPS, budget
from engine.system.graphics_cards import Card
from engine.system.torch_build import Idle
from tests.builders.params import Params
from tests.builders.program import vj_warm

MODEL = Path(__file__).resolve().parents[1] / "data" / "checkpoints" / "ros_convert_style_64.pt"


def played(fps: float, monkeypatch: pytest.MonkeyPatch) -> Meter:
    """Return the meter of a show of that many frames a second on a display of 60 Hz."""
    times = itertools.count(100.0, 1.0 / fps)
    monkeypatch.setattr(meters, "time", SimpleNamespace(monotonic=lambda: next(times), perf_counter=lambda: 0.0))
    meter = Meter(1.0 / 60.0)
    for index in range(20):
        meter.mark(Tick(index, index / fps, 0.0), AudioFeatures(), Controls(), Params(), np.zeros((2, 4), np.float32))
    return meter


@pytest.mark.parametrize(
    ("fps", "asked_for", "on_gpu", "verdict"),
    [
        (25.0, False, False, OK),  # a processor is held to 24 where nobody asked for more
        (15.0, False, False, WRONG),
        (25.0, True, False, WRONG),  # --fps 60
        (25.0, False, True, WRONG),  # a GPU is held to the display's rate
        (59.0, False, True, OK),
    ],
)
def test_frames_are_judged_by_the_rate_that_the_governor_holds(
    fps: float, asked_for: bool, on_gpu: bool, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = 1.0 / budget(1.0 / 60.0, asked_for, on_gpu)
    check = judged(played(fps, monkeypatch), wanted)
    assert check.verdict == verdict
    assert f"{fps:.1f} a second" in check.found
    assert f"needs {wanted:.0f}" in check.found
    assert ("smaller --resolution" in check.found) == (verdict == WRONG)
    assert round(1.0 / budget(1.0 / 60.0, False, False)) == FEWEST_FPS


def test_a_gpu_that_stands_idle_is_a_no_with_what_mends_it() -> None:
    assert graphics("none: the processor paints", None).verdict == OK
    check = graphics("none", Idle(Card("nvidia", "RTX 4090", "511.65"), "too old", "install driver 525"))
    assert check.verdict == WRONG
    assert check.found == "RTX 4090, driver 511.65 stands idle (too old): install driver 525"


def test_what_is_left_to_the_performer_is_not_ok(tmp_path: Path) -> None:
    """No sleep lock on the PATH, no sound server: a chore, and a NO; the other lines stand."""
    env = {"PATH": str(tmp_path), "HOME": str(tmp_path), "LIBGL_ALWAYS_SOFTWARE": "1", "JACK_NO_START_SERVER": "1",
           "JACK_DEFAULT_SERVER": "none", "XDG_CONFIG_HOME": str(tmp_path)}  # fmt: skip
    done = vj_warm("soundcheck", "--headless", "--model", MODEL, "--size", "64x64", "--seconds", "0.4", env=env)
    lines = {line[4:].split()[0]: line for line in done.stderr.splitlines() if line[:4] in ("ok  ", "DO  ", "NO  ")}
    assert lines["sleep"].startswith("DO")
    assert lines["sound"].startswith("NO")
    assert lines["display"].startswith("ok")
    assert done.stderr.splitlines()[-1] == "Not yet: see the lines that say NO."
    assert done.returncode == 1
