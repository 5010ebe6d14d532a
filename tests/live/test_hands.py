"""Hands in a running show, through a real MIDI server: learn, lights, every kind of message, cues and the clock."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pythonosc.osc_message_builder import OscMessageBuilder

from engine.control.hands import profile
from tests.builders.params import TABLE
from tests.builders.program import Program
from tests.builders.sound_server import MODEL, Show, SoundServer, Source

pytest.importorskip("rtmidi")


class Osc:
    """Sends to a port that was free a moment ago."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def __call__(self, address: str, *values: object) -> None:
        builder = OscMessageBuilder(address)
        for value in values:
            builder.add_arg(value)
        self._socket.sendto(builder.build().dgram, ("127.0.0.1", self.port))

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def osc() -> Iterator[Osc]:
    osc = Osc()
    yield osc
    osc.close()


@pytest.fixture
def knobs(server: SoundServer) -> Iterator[Source]:
    source = server.source("MIDI Mix", "knobs")
    yield source
    source.kill()


def turned(live: Show, knobs: Source, value: int) -> None:
    """Turn the knob until that arrives: JACK drops what was sent in a period that a crowded machine let pass."""
    for _ in range(10):
        knobs.send(0xB0, 99, value)
        with contextlib.suppress(AssertionError):
            live.wait_for(lambda row: row["controls"]["midi.cc.1.99"] == pytest.approx(value / 127), 3.0)
            return
    raise AssertionError(f"{value} never arrived: {live.said()}")


def test_a_knob_is_learned_while_the_show_runs_and_lights_follow(
    show: Callable[..., Show], server: SoundServer, knobs: Source, osc: Osc, tmp_path: Path
) -> None:
    live = show("--midi", "midi mix", "--osc-port", str(osc.port), "--fps", "30", "--resolution", "8").started()
    osc("/command/learn")
    osc("/command/learn/next")
    live.wait_for(lambda _: True)
    knobs.send(0xB0, 99, 10)
    knobs.send(0xB0, 99, 90)
    live.wait_for(lambda row: row["controls"].get("midi.cc.1.99") == pytest.approx(90 / 127))
    osc("/command/learn")
    row = live.wait_for(lambda row: any("learned" in event for event in row["events"]))
    (line,) = (event for event in row["events"] if "learned" in event)
    target = line.rpartition(" ")[2]
    file = next((tmp_path / "config").rglob("controllers/*.toml"))
    learned = profile.load(file, TABLE)
    assert learned.bindings == {target: "cc.1.99"}
    assert learned.port.startswith("MIDI Mix:")
    assert [path.name for path in file.parent.iterdir()] == [file.name]  # no half a file beside it
    before = row["params"][target]
    for value in (0, 127, 64):  # past the ghost, wherever that is
        turned(live, knobs, value)
    stands = live.wait_for(lambda row: row["params"][target] != before)["params"][target]
    like = server.source("MIDI Mix", "knobs")  # another one of the same make, on another port
    live.wait_for(lambda row: any("2 controllers are alike" in event for event in row["events"]))
    like.send(0xB0, 99, 127)
    row = live.wait_for(lambda row: row["controls"]["midi.cc.1.99"] == 1.0, timeout=20.0)
    assert row["params"][target] == stands
    like.kill()
    knobs.until_lit(0x90, 1, 0)
    knobs.send(0x90, 1, 127)
    knobs.until_lit(0x90, 1, 127)
    row = live.wait_for(lambda row: row["controls"].get("midi.button_1.toggle") == 1.0)
    assert row["controls"]["midi.button_1"] == 1.0  # held
    knobs.send(0x80, 1, 0)
    row = live.wait_for(lambda row: row["controls"]["midi.button_1"] == 0.0)
    assert row["controls"]["midi.button_1.toggle"] == 1.0  # still on
    live.end()


TWO = """
name = "{name}"
[params]
speed = {speed}
[[routes]]
source = "beat"
target = "picture.zoom"
release = 0.05
"""


def beats_a_second(rows: list[dict[str, Any]]) -> float:
    """Return how often the beat has zoomed the picture."""
    zoomed = [row["params"]["picture.zoom"] > 1.2 for row in rows]
    return sum(b and not a for a, b in itertools.pairwise(zoomed)) / (rows[-1]["mono"] - rows[0]["mono"])


def test_bends_pairs_programs_and_the_clock(show: Callable[..., Show], knobs: Source, tmp_path: Path) -> None:
    for name, speed in (("one", 0.125), ("two", 0.5)):
        (tmp_path / f"{name}.toml").write_text(TWO.format(name=name, speed=speed), encoding="utf-8")
    setlist = tmp_path / "friday.toml"
    setlist.write_text("".join(f'[[cues]]\npreset = "{tmp_path / name}.toml"\n' for name in ("one", "two")))
    own = tmp_path / "config" / "latentvj" / "controllers"
    own.mkdir(parents=True)
    (own / "mine.toml").write_text('match = ["MIDI Mix"]\n[kinds]\n"cc.1.7" = "14-bit"\n', encoding="utf-8")
    live = show("--midi", "midi mix", "--setlist", str(setlist), "--fps", "30", "--resolution", "8").started()
    knobs.send(0xE0, 0, 96)
    live.wait_for(lambda row: row["controls"].get("midi.bend.1", 0.0) == pytest.approx(0.5 + (96 * 128 - 8192) / 16382))
    knobs.send(0xB0, 7, 64)
    knobs.send(0xB0, 39, 32)
    live.wait_for(lambda row: row["controls"].get("midi.cc.1.7") == pytest.approx((64 * 128 + 32) / 16383))
    knobs.send(0xC0, 1)
    live.wait_for(lambda row: row["params"]["speed"] == 0.5)
    knobs.send(0xC0, 0)
    live.wait_for(lambda row: row["params"]["speed"] == 0.125)
    stop = threading.Event()

    def clock() -> None:
        """Send 24 clocks a beat at 240 bpm."""
        knobs.send(0xFA)
        due = time.monotonic()
        while not stop.is_set():
            knobs.send(0xF8)
            due += 60.0 / 240 / 24
            time.sleep(max(0.0, due - time.monotonic()))

    ticking = threading.Thread(target=clock)
    ticking.start()
    try:
        time.sleep(0.7)
        rates: list[float] = []
        while len(rates) < 8 and not (rates and 3.0 < rates[-1] < 5.0):  # a machine that skips frames skips beats
            since = time.monotonic()
            time.sleep(2.5)
            rates.append(beats_a_second([row for row in live.rows() if row["mono"] > since]))
    finally:
        stop.set()
        ticking.join()
    assert 3.0 < rates[-1] < 5.0, rates  # four a second; the ears alone, in silence, count two
    live.end()


def test_a_rehearsal_has_the_hands_of_the_show(tmp_path: Path, knobs: Source, server: SoundServer, osc: Osc) -> None:
    trace = tmp_path / "trace.jsonl"
    words = [
        "rehearse", "demo", "--mute", "--headless", "--model", str(MODEL),
        "--fps", "30", "--resolution", "8", "--size", "96x96", "--trace", str(trace), "--midi", "midi mix",
        "--osc-port", str(osc.port), "--seconds", "60",
    ]  # fmt: skip
    with (tmp_path / "log.txt").open("w") as log:
        playing = Program(words, log, {**server.env, "XDG_CONFIG_HOME": str(tmp_path)})
    try:
        deadline = time.monotonic() + 60.0
        while True:
            assert time.monotonic() < deadline, (tmp_path / "log.txt").read_text()
            osc("/params/picture/zoom", 3.0)
            knobs.send(0xB0, 16, 64)
            time.sleep(0.1)
            lines = trace.read_text(encoding="utf-8").rpartition("\n")[0].splitlines() if trace.exists() else []
            row = json.loads(lines[-1]) if lines else {"params": {}, "controls": {}}
            if row["params"].get("picture.zoom", 0.0) >= 3.0 and "knob_1" in row["controls"]:
                break
    finally:
        playing.kill()
        playing.wait()


def test_a_port_whose_client_is_not_active_yet_is_heard_once_it_is(server: SoundServer) -> None:
    """JACK lists it and connects nothing to it, and RtMidi does not say so: it would be deaf until it is unplugged."""
    import jack

    from engine.control.hands.midi import Midi

    waiting: list[bytes] = []
    client = jack.Client("slow")
    port = client.midi_outports.register("out")

    def process(_count: int) -> None:
        port.clear_buffer()
        while waiting:
            port.write_midi_event(0, waiting.pop(0))

    client.set_process_callback(process)
    told: list[str] = []
    midi = Midi("slow", told.append, must_exist=False)
    try:
        end = time.monotonic() + 3.0
        while time.monotonic() < end:
            midi.poll()
            time.sleep(0.02)
        client.activate()
        end = time.monotonic() + 20.0
        came: list[tuple[int, ...]] = []
        while not came:
            assert time.monotonic() < end, told
            waiting.append(bytes((0xB0, 20, 77)))
            time.sleep(0.1)
            came = [received.octets for received in midi.poll()]
        assert came[0] == (0xB0, 20, 77)
    finally:
        midi.close()
        client.deactivate()
        client.close()
