"""A real JACK server without hardware, and clients of it that can be killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

SOURCE = Path(__file__).with_name("source.py")


class SoundServer:
    """``jackd -d dummy`` under a name of its own; what runs with ``env`` finds it."""

    def __init__(self, name: str, period: int = 256, samplerate: int = 48000) -> None:
        self.env = {**os.environ, "JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1"}
        self._processes: list[subprocess.Popen[str]] = []
        self.jackd = subprocess.Popen(
            ["jackd", "-n", name, "-r", "-d", "dummy", "-r", str(samplerate), "-p", str(period)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        self._wait_until_up()

    def _wait_until_up(self) -> None:
        import jack

        # libjack reads the name of the server from the environment of the process.
        os.environ["JACK_DEFAULT_SERVER"] = self.env["JACK_DEFAULT_SERVER"]
        os.environ["JACK_NO_START_SERVER"] = "1"
        jack.set_error_function(lambda _message: None)
        deadline = time.monotonic() + 15.0
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
        source = Source(name, kind, gap, self.env)
        self._processes.append(source.process)
        return source

    def close(self) -> None:
        for process in [*self._processes, self.jackd]:
            process.kill()
            process.wait()
        os.environ.pop("JACK_DEFAULT_SERVER", None)


class Source:
    """A sounding JACK client: ``source.py`` in a process."""

    def __init__(self, name: str, kind: str, gap: float, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SOURCE), name, kind, str(gap)], env=env, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def kill(self) -> list[float]:
        """Pull the cable; return the monotonic times of its clicks so far."""
        self.process.kill()
        out, _ = self.process.communicate()
        return [float(line) for line in out.split()]
