"""A real JACK server without hardware, sounding clients of it, and ``vj`` run against it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.builders.jack_registry import server_name
from tests.builders.program import Program

SOURCE = Path(__file__).with_name("source.py")
ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "tests" / "data" / "checkpoints" / "ros_convert_style_64.pt"


def end_server(jackd: subprocess.Popen[Any]) -> None:
    """End a JACK server: killed at once, it would leave its shared memory behind; it may not hear that it is to end."""
    jackd.terminate()
    try:
        jackd.wait(5.0)
    except subprocess.TimeoutExpired:
        jackd.kill()
        jackd.wait()


class SoundServer:
    """``jackd -d dummy`` under a name of its own; this process and what runs with ``env`` find it by that.

    JACK knows eight names a machine: see tests/builders/jack_registry.py.
    """

    def __init__(self, period: int = 256, samplerate: int = 48000) -> None:
        """``period`` in samples. A second server of the same checkout gets the next name."""
        for number in range(3):
            self.said: list[str] = []
            self.sources: list[Source] = []
            if self._start(server_name(str(number)), period, samplerate):
                return
        raise AssertionError("jackd does not start: " + "".join(self.said))

    def _start(self, name: str, period: int, samplerate: int) -> bool:
        os.environ |= {"JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1", "JACK_NO_AUDIO_RESERVATION": "1"}
        self.env = dict(os.environ)
        self.jackd = subprocess.Popen(
            ["jackd", "-n", name, "-r", "-d", "dummy", "-r", str(samplerate), "-p", str(period)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._drainer = threading.Thread(target=self._drain, daemon=True)
        self._drainer.start()
        return self._is_up()

    def _drain(self) -> None:
        """Keep what jackd says, for when it does not start."""
        assert self.jackd.stdout is not None
        for line in self.jackd.stdout:
            self.said = [*self.said[-20:], line]

    def _is_up(self) -> bool:
        import jack

        jack.set_error_function(lambda _message: None)
        jack.set_info_function(lambda _message: None)
        deadline = time.monotonic() + 20.0
        while True:
            try:
                jack.Client("waiter", no_start_server=True).close()
            except jack.JackOpenError:
                if time.monotonic() > deadline or self.jackd.poll() is not None:
                    self.close()
                    return False
                time.sleep(0.1)
            else:
                time.sleep(0.3)  # a second jackd of one name finds the first, and ends
                if self.jackd.poll() is None:
                    return True
                self.close()
                return False

    def source(self, name: str, kind: str = "click", gap: float = 0.5) -> Source:
        """Start a client that sounds."""
        self.sources.append(Source(name, kind, gap, self.env))
        return self.sources[-1]

    def close(self) -> None:
        end_server(self.jackd)
        for source in self.sources:  # after their server: while one dies, jackd may not hear that it is to end
            source.kill()
        self._drainer.join()
        assert self.jackd.stdout is not None
        self.jackd.stdout.close()


class Source:
    """A sounding JACK client: ``source.py`` in a process."""

    def __init__(self, name: str, kind: str, gap: float, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SOURCE), name, kind, str(gap)],
            env=env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.clicks: list[float] = []
        self._until("ready")

    def plug(self, word: str) -> float:
        """Plug it "in" or pull it "out"; return the monotonic time at which that was done."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        self._until(word)
        return time.monotonic()

    def send(self, *octets: int) -> None:
        """Send a MIDI message, if it is of that kind."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"send {' '.join(map(str, octets))}\n")
        self.process.stdin.flush()

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
            if not line.startswith("lit"):
                self.clicks.append(float(line))

    def until_lit(self, *octets: int) -> None:
        """Return when these bytes have come to it."""
        self._until(f"lit {' '.join(map(str, octets))}")


class Show:
    """``vj live --headless`` with a small model and a trace, in a process."""

    def __init__(self, folder: Path, env: dict[str, str], *arguments: str, warm: bool = False) -> None:
        """``warm``: without loading torch, see tests/builders/program.py."""
        self.trace = folder / "trace.jsonl"
        self._rows: list[dict[str, Any]] = []
        self._read = 0  # bytes of the trace
        self.log = (folder / "log.txt").open("w+", encoding="utf-8")
        (folder / "plain.toml").write_text(PRESET, encoding="utf-8")
        words = [
            "live",
            "--headless",
            "--model",
            str(MODEL),
            "--size",
            "96x96",
            "--preset",
            str(folder / "plain.toml"),
            "--trace",
            str(self.trace),
            *arguments,
        ]
        env = {**env, "XDG_CONFIG_HOME": str(folder / "config")}
        self.process: Program | subprocess.Popen[bytes]
        if warm:
            self.process = Program(words, self.log, env)
        else:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "engine", *words],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=self.log,
                stderr=self.log,
                env=env,
            )

    def started(self, timeout: float = 60.0) -> Show:
        """Return when the first frames have been shown."""
        deadline = time.monotonic() + timeout
        while not self.trace.exists() or self.trace.read_text(encoding="utf-8").count("\n") < 5:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.02)
        return self

    def rows(self) -> list[dict[str, Any]]:
        """Return the trace so far; only what is new is read."""
        with self.trace.open(encoding="utf-8") as file:
            file.seek(self._read)
            whole, newline, _ = file.read().rpartition("\n")
        self._read += len((whole + newline).encode())
        self._rows += [json.loads(line) for line in whole.splitlines()]
        return self._rows

    def wait_for(self, met: Any, timeout: float = 30.0, since: float | None = None) -> dict[str, Any]:
        """Return the first row after ``since`` (monotonic seconds; None: now) that ``met`` accepts."""
        since = time.monotonic() if since is None else since
        seen, deadline = sum(row["mono"] <= since for row in self.rows()), time.monotonic() + timeout
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

    def end(self, timeout: float = 60.0) -> list[dict[str, Any]]:
        """Stop it as Ctrl+C does; return the whole trace."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(timeout) in (0, 130), self.said()
        assert "Traceback" not in self.said()
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
