"""Recording a rehearsal: as long as the show, sound and picture in step, playable after kill -9, never in the way."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.builders import warm
from tests.builders.film import light, match, rises, sound
from tests.builders.program import Program, vj_warm
from tests.builders.show import ROOT, command, screen, trace, vj_here
from tests.builders.sound_server import MODEL
from tests.parts import need

MINUTES = float(os.environ.get("LATENTVJ_MINUTES", 10 if os.environ.get("LATENTVJ_LONG") else 0))
RATE, EVERY, BURST = 44100, 1.0, 0.05  # Hz; seconds from one beep to the next, and of a beep
PRESET = """
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
release = 0.15
"""


def beeps(path: Path, seconds: float) -> Path:
    """A beep a second after the beginning and every EVERY seconds, silence between."""
    at = np.arange(round(seconds * RATE)) / RATE
    on = ((at - 1.0) % EVERY < BURST) & (at >= 1.0)
    samples = (0.7 * on * np.sin(2 * np.pi * 1000 * at) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.repeat(samples[:, None], 2, axis=1).tobytes())
    return path


def show(folder: Path, seconds: float, *more: object) -> list[str]:
    return command(*words(folder, seconds, *more))


def words(folder: Path, seconds: float, *more: object) -> list[str]:
    """Return what follows ``vj``: a rehearsal of beeps that is recorded."""
    preset = folder / "flash.toml"
    preset.write_text(PRESET, encoding="utf-8")
    song = beeps(folder / "beeps.wav", seconds)
    arguments = (
        "rehearse", song, "--mute", "--headless", "--size", "96x96", "--fps", 60, "--preset", preset,
        "--model", MODEL, "--backend", "eager", "--resolution", 8, "--no-interpolation",
        "--trace", folder / "trace.jsonl", "--record", folder / "show.mp4", *more,
    )  # fmt: skip
    return [str(each) for each in arguments]


def decode(path: Path) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], float]:
    """Return the pictures' times and brightness, when the sound rises, and how long it is. Seconds from picture one."""
    seen, heard = light(path), sound(path)
    start = seen[0, 0]
    return seen[:, 0] - start, seen[:, 1], rises(heard) - start, heard[-1, 0] - start


def check(folder: Path, seconds: float) -> dict[str, float]:
    """Compare the recording with the show's own account; return figures in milliseconds."""
    rows = trace(folder / "trace.jsonl")
    shown = np.array([row["time"] for row in rows]) - rows[0]["time"]
    bright = np.array([row["params"]["picture.brightness"] for row in rows])
    times, brightness, clicks, sound_end = decode(folder / "show.mp4")
    length = shown[-1]
    nearest = match(times, shown)
    # The very pictures: bright where the show's were, at the show's times.
    assert (brightness[bright[nearest] > 2.0] > 20).mean() > 0.99
    assert (brightness[bright[nearest] < 0.02] < 20).mean() > 0.99
    beeped = np.arange(1.0, min(rows[-1]["time"], seconds) - BURST, EVERY) - rows[0]["time"]
    beeped = beeped[beeped > 0.0]
    assert len(clicks) - len(beeped) in (0, 1)  # the last one may have been cut off
    late = clicks[: len(beeped)] - beeped
    return {
        "pictures_longer": float(times[-1] - length) * 1e3,
        "sound_longer": float(sound_end - length) * 1e3,
        "pictures_off": float(np.abs(times - shown[nearest]).max()) * 1e3,
        "sound_off": float(np.abs(late).max()) * 1e3,
        "sync_worst": float(np.abs(times - shown[nearest]).max() + np.abs(late).max()) * 1e3,
        "shown": len(shown),
        "recorded": len(times),
    }


@pytest.mark.alone
def test_a_rehearsal_is_recorded_in_step_and_in_full(tmp_path: Path) -> None:
    need("EGL")
    (tmp_path / "show.mp4").write_text("what was here before")
    done = vj_warm(*words(tmp_path, 4.0))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "show.mp4").read_text() == "what was here before"
    assert f"recording to {tmp_path / 'show_2.mp4'}" in done.stderr
    assert re.search(rf"recorded {tmp_path / 'show_2.mp4'}: \d+ frames", done.stderr)
    (tmp_path / "show_2.mp4").replace(tmp_path / "show.mp4")
    figures = check(tmp_path, 4.0)
    print(figures)
    assert abs(figures["pictures_longer"]) < 50
    assert abs(figures["sound_longer"]) < 50
    assert figures["sync_worst"] < 40
    assert "outputs" in trace(tmp_path / "trace.jsonl")[-1]["timings_ms"]


def test_what_was_recorded_before_kill_9_plays(tmp_path: Path) -> None:
    need("EGL")
    film = tmp_path / "show.mp4"
    with (tmp_path / "said.txt").open("w") as out:
        process = Program(words(tmp_path, 60.0, "--fps", 30, "--no-flash-guard"), out)
    try:
        deadline = time.monotonic() + 90
        while not film.exists() or film.stat().st_size < 20_000:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    rows = trace_until_torn(tmp_path / "trace.jsonl")
    times, _, _, sound_end = decode(film)
    played = rows[-1]["time"] - rows[0]["time"]
    assert times[-1] > 1.0
    assert sound_end > 1.0
    print(f"lost to the kill: {played - times[-1]:.2f} s of {played:.2f} s")


def trace_until_torn(path: Path) -> list[dict[str, Any]]:
    text = path.read_text()
    path.write_text(text[: text.rindex("\n") + 1])
    return trace(path)


@pytest.mark.alone
def test_keys_record_and_keep_a_picture_in_a_real_window(tmp_path: Path) -> None:
    need("Xvfb", "xdotool")
    with screen(tmp_path, "320x240x24") as display:
        folders = {"XDG_VIDEOS_DIR": str(tmp_path / "films"), "XDG_PICTURES_DIR": str(tmp_path / "stills")}
        arguments = [part for part in words(tmp_path, 60.0) if part != "--headless"]
        del arguments[arguments.index("--record") :]
        said = tmp_path / "said.txt"
        with said.open("w") as out:
            process = Program(arguments, out, display.env | folders)

        def wait_for(what: Any) -> None:
            deadline = time.monotonic() + 60
            while not what():
                assert process.poll() is None, said.read_text()
                assert time.monotonic() < deadline, said.read_text()
                time.sleep(0.05)

        def press(key: str) -> None:
            subprocess.run(["xdotool", "key", key], env=display.env, check=True, timeout=10)

        try:
            wait_for(lambda: (tmp_path / "trace.jsonl").exists() and (tmp_path / "trace.jsonl").stat().st_size > 5000)
            press("r")
            wait_for(lambda: "recording to" in said.read_text())
            time.sleep(1.5)
            press("p")
            wait_for(lambda: "screenshot: " in said.read_text())
            press("r")
            wait_for(lambda: "recorded " in said.read_text())
            press("Escape")
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()
    (film,), (still,) = (tmp_path / "films" / "latentvj").iterdir(), (tmp_path / "stills" / "latentvj").iterdir()
    with Image.open(still) as picture:
        assert (picture.format, picture.size) == ("PNG", (96, 96))
    times, _, _, sound_end = decode(film)
    assert times[-1] > 1.0
    assert abs(sound_end - times[-1]) < 0.1
    assert f"recorded {film}: {len(times)} frames" in said.read_text().splitlines()[-1]


@pytest.mark.parametrize("place", ["nowhere/show.mp4", "show.webm"])
def test_a_place_that_cannot_be_ends_before_the_show(tmp_path: Path, place: str) -> None:
    done = vj_here("rehearse", "demo", "--mute", "--headless", "--seconds", 1, "--record", tmp_path / place)
    assert done.returncode == 2
    assert str(tmp_path / place) in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


ONTO_WHAT_IS_THERE = """
import sys
from engine.stage.recording import recording
recording.free = lambda path: path  # vj itself would step aside for the link
from engine.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_disk_that_fills_up_ends_the_recording_and_not_the_show(tmp_path: Path) -> None:
    need("EGL")
    (tmp_path / "show.mp4").symlink_to("/dev/full")
    asked = words(tmp_path, 4.0, "--fps", 30, "--no-flash-guard")
    done = warm.python("-c", ONTO_WHAT_IS_THERE, *asked, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "No space left" in done.stderr
    assert trace(tmp_path / "trace.jsonl")[-1]["time"] > 3.0


@pytest.mark.alone
@pytest.mark.skipif(not MINUTES, reason="ten minutes: LATENTVJ_LONG=1 runs it, LATENTVJ_MINUTES=4 a shorter one")
def test_ten_minutes(tmp_path: Path) -> None:
    """Length within 50 ms, sound within 40 ms, memory flat."""
    # No JACK server of somebody else's: its shared memory, 200 MB of it, would count as the show's while it runs.
    env = os.environ | {"JACK_DEFAULT_SERVER": f"latentvj-nobody-{os.getpid()}"}
    with (tmp_path / "said.txt").open("w") as out:
        program = subprocess.Popen(show(tmp_path, 60.0 * MINUTES, "--fps", 30), cwd=ROOT, env=env, stderr=out)
    process, memory, began = psutil.Process(program.pid), [], time.monotonic()
    while program.poll() is None:
        try:
            memory.append((time.monotonic() - began, process.memory_info().rss / 2**20))
        except psutil.NoSuchProcess:
            break
        time.sleep(1.0)
    said = (tmp_path / "said.txt").read_text()
    assert program.wait() == 0, said
    later = np.array([sample for sample in memory if 60.0 < sample[0] < memory[-1][0] - 10.0])
    slope = float(np.polyfit(later[:, 0] / 60.0, later[:, 1], 1)[0])
    print(f"{slope:.2f} MB a minute at {later[-1, 1]:.0f} MB, {len(later)} samples")
    figures = check(tmp_path, 60.0 * MINUTES)
    print(figures, said.splitlines()[-2:])
    assert abs(figures["pictures_longer"]) < 50
    assert abs(figures["sound_longer"]) < 50
    assert figures["sync_worst"] < 40
    assert slope < 1.0
