"""Where the chaos drill plays: a sound server, a controller, files that are watched, a small disk, perhaps a display.

The sound server is known from outside only: its library does not bear the death of a server in this process.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.night.hunger import Pasture
from benchmarks.night.udp import free_port, osc
from benchmarks.night.vitals import children
from tests.builders.jack_registry import server_name
from tests.builders.show import Screen
from tests.builders.sound_server import MODEL, ROOT, Source
from tests.builders.supervised import copies

PROBE = "import jack; jack.set_error_function(lambda _: None); jack.Client('probe', no_start_server=True).close()"
RUNS = """
import sys, threading, jack
jack.set_error_function(lambda _: None)
ran, client = threading.Event(), jack.Client("probe", no_start_server=True)
client.set_process_callback(lambda frames: ran.set())
client.activate()
sys.exit(not ran.wait(1.0))
"""  # ends with 0 where the server runs its clients
RUNS_SECONDS = 3.0  # s; in which it does
LEFT_OUT = re.compile(r"client = (.+?) was not finished")
PATIENCE = 30.0  # s; for anything
DISK = "24m"  # of the small disk
PRESET = """
name = "{name}"
passes = ["night", "trails"]
{model}
[latent]
seeds = [1, 2, 3, {seed}]
[params]
speed = 0.03
[[routes]]
source = "audio.rms"
target = "speed"
amount = 0.1
[[routes]]
source = "midi.knob_1"
target = "picture.zoom"
mode = "set"
range = [0.8, 1.5]
"""
SHADER = """#version 330 core
// A tint.
#pragma latentvj order 3
#pragma latentvj param tint 0.2 0 1 "" "pass night: how blue it is"
#include "lib/pass.glsl"
uniform struct Night { float tint; } night;
vec3 shade(vec2 at) { return mix(source(at), source(at).bgr, night.tint); }
"""
SETLIST = """
[[cues]]
preset = "evening.toml"
[[cues]]
preset = "second.toml"
morph = 0.3
[[cues]]
preset = "guest.toml"
morph = 0.3
"""
PROFILE = """
match = ["desk"]
[controls]
knob_1 = "cc.1.16"
knob_2 = "cc.1.17"
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """How the drill plays."""

    folder: Path
    windowed: bool
    supervised: bool
    suffix: str = ""  # of the sound server, for two drills at once
    fps: float = 30.0


class Venue:
    """Everything around the show, and the show."""

    def __init__(self, asked: Asked) -> None:
        self.asked, self.folder = asked, asked.folder
        self.trace, self.said = self.folder / "trace.jsonl", self.folder / "said.txt"
        self.small, self._jackd_said = self.folder / "small", self.folder / "jackd.txt"
        self.port = free_port()
        self._out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._read, self._rows = 0, list[dict[str, Any]]()
        self._stack = contextlib.ExitStack()
        self.display: Screen | None = None
        self.mounted = False
        self.pasture: Pasture | None = None

    def __enter__(self) -> Venue:
        with contextlib.ExitStack() as stack:
            self._write_files()
            stack.callback(self._unmount)
            self.mounted = self._mount()
            name = server_name(f"c{self.asked.suffix}")
            quiet = {"JACK_NO_START_SERVER": "1", "JACK_NO_AUDIO_RESERVATION": "1"}
            self.env = {**os.environ, **quiet, "JACK_DEFAULT_SERVER": name}
            self.env |= {f"XDG_{each}_HOME": str(self.folder / each.lower()) for each in ("CONFIG", "DATA")}
            self.env["XDG_STATE_HOME"] = str(self.small)
            self.sources: dict[str, Source] = {}
            stack.callback(self.end_sound)
            self.start_sound()
            if self.asked.windowed:
                stack.callback(self.end_display)
                self.start_display()
            stack.callback(self.end_show)
            self._start_show()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _write_files(self) -> None:
        (self.folder / "shaders").mkdir(parents=True)
        (self.folder / "shaders" / "night.frag").write_text(SHADER)
        shutil.copy(MODEL, self.folder / "guest.pt")
        (self.folder / "guest.toml").write_text(PRESET.format(name="guest", model='model = "guest.pt"', seed=7))
        for name in ("evening", "second"):
            (self.folder / f"{name}.toml").write_text(
                PRESET.format(name=name, model=f'model = "{MODEL}"', seed=len(name))
            )
        (self.folder / "set.toml").write_text(SETLIST)
        controllers = self.folder / "config" / "latentvj" / "controllers"
        controllers.mkdir(parents=True)
        (controllers / "desk.toml").write_text(PROFILE)

    def _mount(self) -> bool:
        """Return whether the small disk is a disk of its own."""
        self.small.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", str(self.small)]
        return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _unmount(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.small)], capture_output=True, check=False)

    def start_sound(self) -> None:
        """Start the sound server, and what sounds and sends on it."""
        with self._jackd_said.open("ab") as said:
            self._jackd = subprocess.Popen(
                ["jackd", "-n", self.env["JACK_DEFAULT_SERVER"], "-r", "-d", "dummy", "-r", "48000",
                 "-p", "1024", "-C", "0"],
                stdout=subprocess.DEVNULL, stderr=said,
            )  # fmt: skip
        give_up = time.monotonic() + PATIENCE
        while subprocess.run([sys.executable, "-c", PROBE], env=self.env, capture_output=True, check=False).returncode:
            if time.monotonic() > give_up:
                raise RuntimeError("jackd does not start")
            time.sleep(0.1)
        for name, kind in (("stage", "click"), ("desk", "knobs")):
            self.sources[name] = Source(name, kind, 0.25, self.env)

    def sound_runs(self) -> bool:
        """Return whether the sound server runs its clients."""
        try:
            return not subprocess.run(
                [sys.executable, "-c", RUNS], env=self.env, capture_output=True, check=False, timeout=RUNS_SECONDS
            ).returncode
        except subprocess.TimeoutExpired:
            return False

    def end_sound(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the sound server and its clients."""
        self._jackd.send_signal(how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._jackd.wait(10.0)
        if self._jackd.poll() is None:
            self._jackd.kill()
            self._jackd.wait()
        for source in self.sources.values():
            source.kill()
        self.sources = {}

    def sound_said(self) -> int:
        """Return how much the sound server has said: a place for `left_out`."""
        return self._jackd_said.stat().st_size

    def left_out(self, since: int) -> list[str]:
        """Return whom the sound server has left out of a period after that place, for they were not ready in time.

        What was sent in such a period is gone: JACK does not keep it.
        """
        with self._jackd_said.open("rb") as said:
            said.seek(since)
            return LEFT_OUT.findall(said.read().decode(errors="replace"))

    def signal_sound(self, how: signal.Signals) -> None:
        """Send the sound server a signal."""
        self._jackd.send_signal(how)

    def start_display(self, number: str = "") -> None:
        """Start an X server, of this number where one is given."""
        read, write = os.pipe()
        where = [f":{number}"] if number else ["-displayfd", str(write)]
        self._server = subprocess.Popen(
            ["Xvfb", *where, "-screen", "0", "320x240x24", "-fbdir", str(self.folder), "-nolisten", "tcp", "-noreset"],
            pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(write)
        with os.fdopen(read) as answer:
            number = number or answer.readline().strip()
        self.display = Screen(number, self.folder / "Xvfb_screen0")
        self.env["DISPLAY"] = f":{number}"

    def end_display(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the X server."""
        self._server.send_signal(how)
        self._server.wait(10.0)
        if how == signal.SIGKILL and self.display is not None:  # what a killed one leaves
            for file in (Path(f"/tmp/.X{self.display.number}-lock"), Path(f"/tmp/.X11-unix/X{self.display.number}")):
                file.unlink(missing_ok=True)

    def _start_show(self) -> None:
        words: list[object] = ["live", "--audio-in", "default", "--midi", "desk", "--osc-port", self.port,
            "--setlist", self.folder / "set.toml", "--shaders", self.folder / "shaders", "--fps", self.asked.fps,
            "--no-interpolation", "--trace", self.trace, "--record", self.small / "film.mkv",
            "--log", self.small / "log.jsonl"]  # fmt: skip
        words += [] if self.asked.windowed else ["--headless", "--size", "160x120"]
        words += ["--supervise"] if self.asked.supervised else []
        with self.said.open("w") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "engine", *map(str, words)],
                cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            )  # fmt: skip
        if self.asked.supervised and Pasture.possible():
            self.pasture = Pasture(self.process.pid)
            self._stack.callback(self.pasture.close)
        self.until(lambda: len(self.rows()) > 30, 60.0)

    def end_show(self) -> None:
        """End the show in order; its exit code is kept."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30.0)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.pasture is not None:
            self.pasture.close()
        if (hung := self.small / "latentvj" / "hung.txt").exists():  # its disk goes with the drill
            shutil.copy(hung, self.folder / "hung.txt")

    def show(self) -> int:
        """Return the number of the process that plays, which writes the trace; 0 where none does."""
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended
                if b"engine" in (folder / "cmdline").read_bytes() and any(
                    os.readlink(each) == str(self.trace) for each in (folder / "fd").iterdir()
                ):
                    return int(folder.name)
        return 0

    def copied(self) -> int:
        """Return the number of the process that is copied for a return; 0 where there is none."""
        show = self.show()
        return next((pid for pid in copies(self.small) if pid != show), 0)

    def beside(self, word: str) -> int:
        """Return the number of the supervisor's child whose command holds ``word``; 0 where there is none."""
        for child in children(self.process.pid):
            with contextlib.suppress(OSError):
                if word in Path(f"/proc/{child}/cmdline").read_text():
                    return child
        return 0

    def rows(self) -> list[dict[str, Any]]:
        """Return the newest whole lines of the trace, at least those of the last seconds."""
        if self.trace.exists():
            with self.trace.open("rb") as file:
                file.seek(self._read)
                whole, newline, _ = file.read().rpartition(b"\n")
            self._read += len(whole + newline)
            self._rows = (self._rows + [json.loads(line) for line in whole.splitlines()])[-600:]
        return self._rows

    def until(self, met: Callable[[], bool], seconds: float = PATIENCE) -> bool:
        """Wait until ``met``; return whether it was. Where the show has ended that is an error."""
        give_up = time.monotonic() + seconds
        while not met():
            if self.process.poll() is not None:
                raise RuntimeError(
                    f"the show has ended with {self.process.returncode}: {self.said.read_text()[-3000:]}"
                )
            if time.monotonic() > give_up:
                return False
            time.sleep(0.02)
        return True

    def plays(self, frames: int = 5, seconds: float = PATIENCE) -> bool:
        """Wait until that many more pictures were shown; return whether they were."""
        rows = self.rows()
        since = rows[-1]["index"] if rows else -1
        return self.until(lambda: bool(self.rows()) and self.rows()[-1]["index"] >= since + frames, seconds)

    def ask(self, address: str, *values: float | str) -> None:
        """Send an OSC message."""
        self._out.sendto(osc(address, *values), ("127.0.0.1", self.port))

    def send(self, packet: bytes) -> None:
        """Send any bytes to the OSC port."""
        self._out.sendto(packet, ("127.0.0.1", self.port))

    def pixels(self) -> NDArray[np.uint8] | None:
        """Return what is on the display; None where there is none."""
        if self.display is None:
            return None
        try:
            return self.display.pixels()
        except (OSError, ValueError, IndexError):  # the server is being started
            return None
