"""``vj live`` recorded and logged: what was heard and seen is in step, and the log renders it again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.builders.controller import Knobs, knob
from tests.builders.film import light, match, rises, sound
from tests.builders.show import trace, vj_here
from tests.builders.sound_server import Show, SoundServer, Source

pytest.importorskip("rtmidi")
PERIOD = 1024 / 48000  # s, of the server
FLASH = """
name = "flash"
[latent]
seeds = [1, 2]
[params]
speed = 0.0
[params.picture]
brightness = 0.0
[[routes]]
source = "audio.rms"
target = "picture.brightness"
mode = "set"
range = [0.0, 200.0]
release = 0.03
[[routes]]
source = "midi.knob_1"
target = "speed"
mode = "set"
range = [0.0, 0.5]
"""


@pytest.fixture
def clicker(server: SoundServer) -> Iterator[Source]:
    source = server.source("stage-right", gap=0.6)
    yield source
    source.kill()


def test_a_live_show_is_recorded_in_step_and_rendered_again(
    show: Callable[..., Show], knobs: Knobs, clicker: Source, tmp_path: Path
) -> None:
    preset, film, log = tmp_path / "flash.toml", tmp_path / "show.mp4", tmp_path / "g.jsonl"
    preset.write_text(FLASH, encoding="utf-8")
    live = show("--audio-in", "stage-r", "--midi", "midi mix", "--record", str(film), "--log", str(log), "--fps", "50",
                "--preset", str(preset), "--backend", "eager", "--resolution", "8", "--no-interpolation")  # fmt: skip
    live.started()
    begun = time.monotonic()
    while not any(row["controls"].get("knob_1") for row in live.rows()):  # the port is found within a moment
        assert time.monotonic() < begun + 30.0, live.said()
        knobs.send(0xB0, 16, 10)
        time.sleep(0.2)
    for value in (10, 60, 127):
        begun = time.monotonic()
        knobs.send(0xB0, 16, value)
        while not knob(value)(live.rows()[-1]):
            time.sleep(0.1)
            assert time.monotonic() < begun + 30.0, live.said()
            if time.monotonic() > begun + 1.0:  # a period that JACK let pass on a busy machine took it along
                knobs.send(0xB0, 16, value)
        time.sleep(0.6)
    clicker.plug("out")  # a hole in the sound keeps its length
    time.sleep(1.0)
    plugged = clicker.plug("in")
    live.wait_for(lambda row: row["features"]["rms"] > 1e-2, since=plugged)
    time.sleep(1.9)  # three clicks
    rows = live.end()
    clicks = np.array(clicker.kill())
    assert f"recording to {film}" in live.said()

    seen, heard = light(film), sound(film)
    mono = np.array([row["mono"] for row in rows])
    # Both clocks run at one rate: the recording's place of a picture is the wall's, but for a constant.
    begun = mono[0] - seen[0, 0]
    shown = mono[match(seen[:, 0] + begun, mono)]  # a busy encoder may have left some out
    begun = float(np.median(shown - seen[:, 0]))
    assert np.abs(shown - seen[:, 0] - begun).max() < 0.1
    assert abs(heard[-1, 0] + begun - mono[-1]) < 0.1  # and the last picture is seen for a while
    starts = rises(heard)
    errors = [float((starts + begun - click)[np.abs(starts + begun - click).argmin()]) for click in clicks]
    near = [error for error in errors if abs(error) < 0.3]
    print(f"{len(near)} of {len(clicks)} clicks recorded, late by {np.round(np.array(near) * 1e3, 1)} ms")
    assert len(near) >= 5
    # What a program plays in a period of the server, and says so at its beginning, an input has heard at the end of
    # it, as if by a microphone in the period before. A busy machine adds the spread of both programs' wake-ups.
    assert max(abs(error + PERIOD) for error in near) < 0.04
    assert np.median(near[-3:]) - np.median(near[:3]) == pytest.approx(0.0, abs=0.03)  # the cable pulled between

    done = vj_here("render", "--replay", log, "-o", tmp_path / "again.mp4", "--size", "96x96", "--backend", "eager",
                   "--resolution", 8, "--trace", tmp_path / "b.jsonl")  # fmt: skip
    assert done.returncode == 0, done.stderr
    now = trace(tmp_path / "b.jsonl")
    assert len(now) - len(rows) in (0, 1)  # Ctrl+C comes between a frame's log and its presentation
    now = now[: len(rows)]
    assert [row["ws_hash"] for row in now] == [row["ws_hash"] for row in rows]
    assert [row["params"] for row in now] == [row["params"] for row in rows]
    assert len({row["ws_hash"] for row in rows}) > 20
    # With the sound of the recording, as much in step.
    then, later = lags(starts, seen), lags(rises(sound(tmp_path / "again.mp4")), light(tmp_path / "again.mp4"))
    print(f"flashes after their clicks, in ms: {np.round(then * 1e3, 1)}, again {np.round(later * 1e3, 1)}")
    assert min(len(then), len(later)) >= 5
    # Pictures tell no more than a frame (20 ms), and the recording knows its sound's place to half a period.
    assert np.median(later) == pytest.approx(np.median(then), abs=0.02 + 0.5 * PERIOD)


def lags(starts: Iterable[float], seen: NDArray[Any]) -> NDArray[Any]:
    """Return how many seconds after each of the sounds the light of ``seen`` [n, (seconds, light)] came on.

    A sound before the first picture has none, and a busy machine can have dropped one.
    """
    over = seen[:, 1] > 20.0
    lit = seen[1:, 0][over[1:] & ~over[:-1]]
    late = [float((lit - start)[np.abs(lit - start).argmin()]) for start in starts]
    return np.array([each for each in late if abs(each) < 0.3])
