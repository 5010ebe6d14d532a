"""A real JACK server without hardware, sounding clients of it, and ``vj`` run against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("source.py")
ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "tests" / "data" / "checkpoints" / "ros_convert_style_64.pt"


class SoundServer:
    """``jackd -d dummy`` under a name of its own; this process and what runs with ``env`` find it by that."""

    def __init__(self, name: str, period: int = 256, samplerate: int = 48000) -> None:
        """``period`` in samples."""
        os.environ |= {"JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1", "JACK_NO_AUDIO_RESERVATION": "1"}
        self.env = dict(os.environ)
        self.sources: list[Source] = []
        self.jackd = subprocess.Popen(
            ["jackd", "-n", name, "-r", "-d", "dummy", "-r", str(samplerate), "-p", str(period)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait_until_up()

    def _wait_until_up(self) -> None:
        import jack

        jack.set_error_function(lambda _message: None)
        jack.set_info_function(lambda _message: None)
        deadline = time.monotonic() + 20.0
        while True:
            try:
                jack.Client("waiter", no_start_server=True).close()
            except jack.JackOpenError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def source(self, name: str, kind: str = "click", gap: float = 0.5) -> Source:
        """Start a client that sounds."""
        self.sources.append(Source(name, kind, gap, self.env))
        return self.sources[-1]

    def close(self) -> None:
        for source in self.sources:
            source.kill()
        self.jackd.kill()
        self.jackd.wait()


class Source:
    """A sounding JACK client: ``source.py`` in a process."""

    def __init__(self, name: str, kind: str, gap: float, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SOURCE), name, kind, str(gap)], env=env, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.clicks: list[float] = []
        self._until("ready")

    def plug(self, word: str) -> float:
        """Plug it "in" or pull it "out"; return the monotonic time at which that was done."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        self._until(word)
        return time.monotonic()

    def kill(self) -> list[float]:
        """End it at once, as a crash would; return the monotonic times of all its clicks."""
        if self.process.poll() is None:
            self.process.kill()
            out, _ = self.process.communicate()
            self.clicks += [float(line) for line in out.split("\n") if line[:1].isdigit()]
        return self.clicks

    def _until(self, word: str) -> None:
        assert self.process.stdout is not None
        while (line := self.process.stdout.readline().strip()) != word:
            assert line, "the source has died"
            self.clicks.append(float(line))


class Show:
    """``vj live --headless`` with a small model and a trace, in a process."""

    def __init__(self, folder: Path, env: dict[str, str], *arguments: str) -> None:
        self.trace = folder / "trace.jsonl"
        self.log = (folder / "log.txt").open("w+", encoding="utf-8")
        (folder / "plain.toml").write_text(PRESET, encoding="utf-8")
        command = [sys.executable, "-m", "engine", "live", "--headless", "--model", str(MODEL), "--size", "96x96",
                   "--preset", str(folder / "plain.toml"), "--trace", str(self.trace), *arguments]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env={**env, "XDG_CONFIG_HOME": str(folder / "config")})

    def started(self, timeout: float = 60.0) -> Show:
        """Return when the first frames have been shown."""
        deadline = time.monotonic() + timeout
        while not self.trace.exists() or self.trace.read_text(encoding="utf-8").count("\n") < 5:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)
        return self

    def rows(self) -> list[dict[str, Any]]:
        """Return the trace so far."""
        lines = self.trace.read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines[:-1]]

    def wait_for(self, met: Any, timeout: float = 8.0) -> dict[str, Any]:
        """Return the first row from now on that ``met`` accepts."""
        seen, deadline = len(self.rows()), time.monotonic() + timeout
        while time.monotonic() < deadline:
            rows = self.rows()
            for row in rows[seen:]:
                if met(row):
                    return row
            seen = len(rows)
            assert self.process.poll() is None, self.said()
            time.sleep(0.02)
        raise AssertionError(f"nothing like that within {timeout} s: {self.said()}")

    def said(self) -> str:
        """Return what it printed."""
        self.log.flush()
        return Path(self.log.name).read_text(encoding="utf-8")

    def end(self, timeout: float = 30.0) -> list[dict[str, Any]]:
        """Wait for the end; return the whole trace."""
        assert self.process.wait(timeout) == 0, self.said()
        return self.rows()

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()


PRESET = """
name = "plain"
[latent]
seeds = [1, 2, 3]
[params]
speed = 0.05
[[routes]]
source = "audio.rms"
target = "speed"
amount = 0.5
[[routes]]
source = "midi.knob_1"
target = "picture.zoom"
mode = "set"
range = [0.5, 2.0]
"""
