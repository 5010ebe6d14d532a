"""The sound server itself dies and comes back: the show goes on, and hears and feels again by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.jack_registry import server_name
from tests.builders.sound_server import Show, Source
from tests.parts import need

# The test takes half a minute; the second package has its own in the long run.
MIDI = ["rtmidi", *(["pylibremidi"] if os.environ.get("LATENTVJ_LONG") else [])]
PROBE = "import jack; jack.set_error_function(lambda _: None); jack.Client('probe', no_start_server=True).close()"


class Mortal:
    """A sound server that this process knows only from outside: its library does not bear the death of one."""

    def __init__(self) -> None:
        self.name = server_name("m")
        quiet = {"JACK_NO_START_SERVER": "1", "JACK_NO_AUDIO_RESERVATION": "1"}
        self.env = {**os.environ, **quiet, "JACK_DEFAULT_SERVER": self.name}
        self.sources: list[Source] = []
        self.start()

    def start(self) -> None:
        self.jackd = subprocess.Popen(
            ["jackd", "-n", self.name, "-r", "-d", "dummy", "-r", "48000", "-p", "1024"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20.0
        while subprocess.run([sys.executable, "-c", PROBE], env=self.env, capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def die(self, how: signal.Signals) -> None:
        self.jackd.send_signal(how)
        self.jackd.wait(10.0)
        for source in self.sources:
            source.kill()
        self.sources = []

    def source(self, name: str, kind: str = "click") -> Source:
        self.sources.append(Source(name, kind, 0.25, self.env))
        return self.sources[-1]


@pytest.fixture
def mortal() -> Iterator[Mortal]:
    need("jackd", "libjack", "portaudio", "EGL")
    pytest.importorskip("jack")
    mortal = Mortal()
    yield mortal
    mortal.die(signal.SIGTERM)


def felt(show: Show, knobs: Source, value: int) -> None:
    """Turn a knob until that is seen: a port that has just come is found within a moment."""
    deadline = time.monotonic() + 15.0
    while abs(show.rows()[-1]["controls"].get("knob_1", -1.0) - value / 127) > 1e-6:
        assert time.monotonic() < deadline, show.said()
        knobs.send(0xB0, 16, value)
        time.sleep(0.2)


def test_a_source_that_leaves_before_its_server_dies(mortal: Mortal, tmp_path: Path) -> None:
    source = mortal.source("stage-left")
    show = Show(tmp_path, mortal.env, "--audio-in", "stage-l", "--fps", "30", "--resolution", "8", warm=True).started()
    try:
        show.wait_for(lambda row: row["features"]["onsets"] > 0)
        pulled = time.monotonic()
        source.kill()
        show.wait_for(lambda row: any("sound lost" in event for event in row["events"]), since=pulled)
        mortal.die(signal.SIGKILL)
        time.sleep(1.0)
        mortal.start()
        mortal.source("stage-left")
        back = time.monotonic()
        row = show.wait_for(lambda row: row["features"]["rms"] > 1e-2, 15.0, back)
        print(f"sound back after {row['mono'] - back:.2f} s")
        show.end()
    finally:
        show.kill()


@pytest.mark.parametrize("package", MIDI)
def test_a_sound_server_that_dies_and_comes_back(mortal: Mortal, tmp_path: Path, package: str) -> None:
    """Twice: what heard it the first time is not what hears it the second."""
    pytest.importorskip(package)
    mortal.env["LATENTVJ_MIDI"] = package
    mortal.source("stage-left")
    knobs = mortal.source("MIDI Mix", "knobs")
    show = Show(tmp_path, mortal.env, "--audio-in", "stage-l", "--fps", "30", "--resolution", "8", warm=True).started()
    try:
        felt(show, knobs, 96)
        for value, how in ((32, signal.SIGTERM), (64, signal.SIGKILL)):
            # A busy server may drop the ears once more, and they come back: it dies while they hear.
            show.wait_for(lambda row: row["features"]["onsets"] > 0, 15.0)
            died = time.monotonic()
            mortal.die(how)
            show.wait_for(lambda row: any("sound lost" in event for event in row["events"]), since=died)
            row = show.wait_for(
                lambda row: any("MIDI" in event and "is gone" in event for event in row["events"]), since=died
            )
            assert row["controls"]["knob_1"] > 0.0
            silent = show.wait_for(lambda _: True)
            assert silent["features"]["rms"] < 1e-3
            mortal.start()
            mortal.source("stage-left")
            knobs = mortal.source("MIDI Mix", "knobs")
            back = time.monotonic()
            row = show.wait_for(lambda row: row["features"]["rms"] > 1e-2, 15.0, back)
            print(f"sound back after {row['mono'] - back:.2f} s")
            felt(show, knobs, value)
            print(f"knobs back after {time.monotonic() - back:.2f} s")
        rows = show.end()
        assert [row["index"] for row in rows] == list(range(len(rows)))
        assert "ocket" not in show.said()  # JACK's own threads say nothing
        assert "not running" not in show.said()
    finally:
        show.kill()


def test_a_sound_server_that_hangs_keeps_nobody_from_leaving(mortal: Mortal, tmp_path: Path) -> None:
    """It takes every request and answers none: whoever waited for it would wait for ever."""
    mortal.source("stage-left")
    knobs = mortal.source("MIDI Mix", "knobs")
    show = Show(tmp_path, mortal.env, "--audio-in", "stage-l", "--fps", "30", "--resolution", "8", warm=True).started()
    try:
        felt(show, knobs, 96)
        show.wait_for(lambda row: row["features"]["onsets"] > 0)
        mortal.jackd.send_signal(signal.SIGSTOP)
        hung = time.monotonic()
        show.wait_for(lambda row: any("sound lost" in event for event in row["events"]), since=hung)
        rows = show.end()
        print(f"left {time.monotonic() - rows[-1]['mono']:.2f} s after the last frame")
    finally:
        show.kill()
        mortal.die(signal.SIGKILL)
