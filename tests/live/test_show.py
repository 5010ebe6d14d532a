"""``vj live`` as a performer runs it: real sound, real MIDI, the trace read back, cables pulled."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pythonosc.osc_message_builder import OscMessageBuilder

from tests.builders.controller import Knobs, knob
from tests.builders.program import vj_warm
from tests.builders.sound_server import MODEL, ROOT, Show, SoundServer, Source

pytest.importorskip("rtmidi")
LONG = bool(os.environ.get("LATENTVJ_LONG"))


@pytest.fixture(scope="module")
def clicker(server: SoundServer) -> Iterator[Source]:
    source = server.source("stage-left", gap=0.25)
    yield source
    source.kill()


def said(row: dict[str, Any], part: str) -> bool:
    return any(part in event for event in row["events"])


def test_sound_and_knobs_reach_the_picture_and_cables_may_be_pulled(
    show: Callable[..., Show], knobs: Knobs, clicker: Source
) -> None:
    live = show("--audio-in", "stage-l", "--midi", "midi mix", "--seconds", "60", warm=False).started()
    assert "hearing stage-left (JACK Audio Connection Kit)" in live.said()
    knobs.send(0xB0, 16, 96)
    row = live.wait_for(knob(96))
    assert row["controls"]["midi.cc.1.16"] == row["controls"]["midi.knob_1"] == row["controls"]["knob_1"]
    assert row["params"]["picture.zoom"] == pytest.approx(0.5 + 1.5 * 96 / 127)
    knobs.send(0x90, 1, 127)
    live.wait_for(lambda row: row["controls"].get("midi.button_1") == 1.0)
    live.wait_for(lambda row: row["features"]["onsets"] > 0)

    pulled = time.monotonic()
    knobs.unplug()
    live.wait_for(lambda row: said(row, "is gone"), since=pulled)
    live.wait_for(lambda row: knob(96)(row) and row["controls"]["midi.button_1"] == 0.0)
    clicker.plug("out")
    live.wait_for(lambda row: row["features"]["rms"] < 1e-3, 1.5)
    pushed = time.monotonic()
    knobs.plug()
    plugged = clicker.plug("in")
    live.wait_for(lambda row: said(row, "is here"), 4.0, pushed)
    knobs.send(0xB0, 16, 32)
    live.wait_for(knob(32))
    row = live.wait_for(lambda row: row["features"]["rms"] > 1e-2, 6.0, plugged)
    assert row["mono"] - plugged < 3.5
    for value in (96, 33, 64):  # a plug that wobbles: it is in again before anybody looks, under its old name
        pulled = time.monotonic()
        knobs.unplug()
        knobs.plug()
        live.wait_for(lambda row: said(row, "is here"), 6.0, pulled)
        knobs.send(0xB0, 16, value)
        live.wait_for(knob(value))
    rows = live.end()
    assert [row["index"] for row in rows] == list(range(len(rows)))
    assert max(row["t"] for row in rows) > min(row["t"] for row in rows)


def osc(address: str, value: float) -> bytes:
    builder = OscMessageBuilder(address)
    builder.add_arg(value)
    return bytes(builder.build().dgram)


def test_cues_edits_and_osc(show: Callable[..., Show], tmp_path: Path) -> None:
    """A setlist morphs by itself; OSC is clamped; a saved preset is taken and a broken one is not."""
    plain, loud, setlist = (tmp_path / f"{name}.toml" for name in ("plain", "loud", "friday"))
    good = 'name = "loud"\n[latent]\nseeds = [4, 5]\n[params]\nspeed = 0.05\n[params.picture]\nzoom = 2.0\n'
    loud.write_text(good, encoding="utf-8")
    setlist.write_text(
        f'[[cues]]\npreset = "{plain}"\nafter = 1.0\n[[cues]]\npreset = "{loud}"\nmorph = 0.6\n', encoding="utf-8"
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind(("127.0.0.1", 0))
        port = out.getsockname()[1]
    live = show("--setlist", str(setlist), "--osc-port", str(port), "--seconds", "60", "--resolution", "8").started()
    live.wait_for(lambda row: 1.0 < row["params"]["picture.zoom"] < 2.0)
    live.wait_for(lambda row: row["params"]["picture.zoom"] == 2.0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(osc("/params/picture/zoom", 99.0), ("127.0.0.1", port))
    row = live.wait_for(lambda row: row["params"]["picture.zoom"] == 8.0)
    live.wait_for(lambda row: said(row, "picture.zoom 99 is outside"), since=row["mono"] - 0.1)
    loud.write_text(good.replace("0.05", "0.25"), encoding="utf-8")
    live.wait_for(lambda row: row["params"]["speed"] == pytest.approx(0.25))
    loud.write_text(good.replace("speed", "sped"), encoding="utf-8")
    row = live.wait_for(lambda row: said(row, "sped"))
    assert f"{loud}:5: in [params]" in " ".join(row["events"])
    assert live.end()[-1]["params"]["speed"] == pytest.approx(0.25)


def vj(server: SoundServer, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "engine", *arguments],
        cwd=ROOT,
        env={**server.env, "XDG_CONFIG_HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("flag", "name"), [("--audio-in", "no such thing"), ("--midi", "no such thing"), ("--osc-port", "99999")]
)
def test_a_device_that_is_not_there_is_one_line_and_exit_code_2(
    server: SoundServer, tmp_path: Path, flag: str, name: str
) -> None:
    done = vj_warm("live", "--headless", flag, name, env={**server.env, "XDG_CONFIG_HOME": str(tmp_path)})
    assert done.returncode == 2
    assert name in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_soundcheck_gives_a_verdict(server: SoundServer, tmp_path: Path, clicker: Source, knobs: Knobs) -> None:
    done = vj(server, tmp_path, "soundcheck", "--headless", "--audio-in", "stage", "--model", str(MODEL),
              "--size", "96x96", "--fps", "5", "--seconds", "2")  # fmt: skip
    assert "stage-left" in done.stdout, done.stderr
    assert "MIDI Mix" in done.stdout
    assert done.stdout.splitlines()[-1] in ("Tonight will work.", "Not yet: see the lines that say NO.")
    assert done.returncode == (0 if "Tonight will work." in done.stdout else 1)
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not LONG, reason="ten minutes: LATENTVJ_LONG=1 runs it")
def test_a_hundred_cables_pulled(show: Callable[..., Show], knobs: Knobs, clicker: Source) -> None:
    """The loop never misses two frames in a row because of it, every value survives, no thread leaks."""
    live = show("--audio-in", "stage-left", "--midi", "midi mix", "--fps", "30").started()
    knobs.send(0xB0, 16, 96)
    live.wait_for(knob(96))
    task = Path(f"/proc/{live.process.pid}/task")
    time.sleep(3.0)
    threads = len(list(task.iterdir()))
    began = time.monotonic()
    time.sleep(60.0)  # how the loop fares when nothing is pulled
    quiet = time.monotonic()
    back, pulls = [], []
    for cycle in range(100):
        knobs.unplug()
        pulls.append(clicker.plug("out"))
        live.wait_for(lambda row: said(row, "sound lost"), 5.0, pulls[-1] - 0.1)
        assert live.wait_for(lambda _: True)["features"]["rms"] < 1e-3
        plugged = clicker.plug("in")
        knobs.plug()
        row = live.wait_for(lambda row: said(row, "sound is back"), 8.0, plugged - 0.1)
        back.append(row["mono"] - plugged)
        live.wait_for(lambda row: row["controls"]["knob_1"] == pytest.approx(96 / 127))
        if cycle % 10 == 9:
            print(f"{cycle + 1}: {len(list(task.iterdir()))} threads, back within {max(back):.2f} s", flush=True)
    time.sleep(3.0)
    assert len(list(task.iterdir())) <= threads + 1
    rows = live.rows()
    assert all(knob(96)(row) for row in rows if row["index"] > rows[-1]["index"] - 3000)
    for what, start, end in (("nothing pulled", began, quiet), ("cables pulled", quiet, rows[-1]["mono"])):
        gaps = [b["mono"] - a["mono"] for a, b in itertools.pairwise(rows) if start < a["mono"] < end]
        missed = sum(gap > 2.5 / 30 for gap in gaps)
        print(f"{what}: {missed} of {len(gaps)} frames missed two before them, longest gap {max(gaps) * 1e3:.0f} ms")
    for a, b in itertools.pairwise(rows):
        if b["mono"] - a["mono"] > 2.5 / 30 and b["mono"] > quiet:
            done = [pull for pull in pulls if pull <= b["mono"]]
            print(
                f"  {b['mono'] - a['mono']:.3f} s without a frame, "
                f"{a['mono'] - done[-1]:.3f} s after pull {len(done)}: {b['timings_ms']}"
            )
    print(f"back after (s): median {sorted(back)[50]:.2f}, longest {[f'{b:.2f}' for b in sorted(back)[-5:]]}")
    assert max(back) < 3.0
