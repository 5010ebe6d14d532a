"""``vj`` in a process of its own that does not load torch: another process has loaded it, and is copied.

Loading takes a process two to three seconds of a core, most of what a short show takes. The tests whose subject is
the show and not its start-up leave that out.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]
KILLED = -signal.SIGKILL  # what counts as the end of a program whose keeper is gone
POLL = 0.005  # seconds between two looks whether a program has ended
WIDTH = 16  # characters of a number that a keeper writes


class Program:
    """A running ``vj``, with as much of ``subprocess.Popen`` as the tests use. Its output goes to a file."""

    def __init__(
        self, words: list[str], said: IO[str], env: Mapping[str, str] | None = None, cwd: str | Path = ROOT
    ) -> None:
        """``words`` follow ``vj``. ``said`` takes standard output and standard error."""
        self.returncode: int | None = None
        asked = {"words": words, "env": dict(os.environ if env is None else env), "cwd": str(cwd)}
        self._answer, theirs = socket.socketpair()
        with theirs, open(os.devnull) as nothing:
            data = json.dumps(asked).encode()
            channel = _loaded()
            fds = [theirs.fileno(), nothing.fileno(), said.fileno()]
            socket.send_fds(channel, [len(data).to_bytes(4, "big")], fds)
            channel.sendall(data)
        line = self._line()
        assert line, "the process that has loaded torch is gone"
        self.pid = int(line)

    def _line(self) -> str:
        """Return what the keeper writes next, "" where it is gone."""
        with contextlib.suppress(ConnectionError):
            return self._answer.recv(WIDTH, socket.MSG_WAITALL).decode()
        return ""

    def poll(self) -> int | None:
        """Return the exit code, negative after a signal; None while it runs."""
        if self.returncode is None and select.select([self._answer], [], [], 0)[0]:
            line = self._line()
            self.returncode = int(line) if line else KILLED
            self._answer.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code when it has ended; subprocess.TimeoutExpired after ``timeout`` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("vj", timeout or 0.0)
            time.sleep(POLL)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it ended just now, and its keeper has not told yet
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def vj_warm(
    *args: object, env: Mapping[str, str] | None = None, timeout: float = 120.0
) -> subprocess.CompletedProcess[str]:
    """Run a vj command to its end; what it says is all in ``stderr``."""
    words = [str(word) for word in args]
    with tempfile.TemporaryFile("w+") as said:
        program = Program(words, said, env)
        try:
            code = program.wait(timeout)
        finally:
            program.kill()
        said.seek(0)
        return subprocess.CompletedProcess(words, code, "", said.read())


@functools.cache
def _loaded() -> socket.socket:
    """Return the way to the process that has loaded everything; it ends when this one does."""
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-m", "tests.builders.program", str(theirs.fileno())]
        loaded = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)

    def end() -> None:
        ours.close()
        loaded.wait(10.0)

    atexit.register(end)
    return ours


def _serve(channel: socket.socket) -> None:
    """Load the engine; start a program for each request, until nobody can ask any more."""
    from engine.system.allocator import tune_allocator

    tune_allocator()
    import engine.cli.live
    import engine.cli.rehearse
    import engine.cli.render  # noqa: F401

    gc.collect()
    gc.freeze()  # the copies share what is loaded
    while True:
        head, fds, _, _ = socket.recv_fds(channel, 4, 3)
        if not head:
            return
        length, data = int.from_bytes(head, "big"), b""
        while len(data) < length:
            data += channel.recv(length - len(data))
        keeper = os.fork()
        if keeper == 0:
            channel.close()
            _keep(json.loads(data), *fds)
        for fd in fds:
            os.close(fd)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:  # the keepers that have ended
                pass


def _keep(asked: dict[str, Any], answer: int, nothing: int, said: int) -> NoReturn:
    """Start the program, tell its number, wait for it, tell its exit code."""
    program = os.fork()
    if program == 0:
        os.close(answer)
        _become(asked, nothing, said)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on a terminal Ctrl+C comes here as well
    with contextlib.suppress(OSError):
        os.write(answer, f"{program:<{WIDTH}}".encode())
        code = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])
        os.write(answer, f"{code:<{WIDTH}}".encode())
    os._exit(0)


def _become(asked: dict[str, Any], nothing: int, said: int) -> NoReturn:
    """Be ``vj``, as ``python -m engine`` is."""
    for fd, place in ((nothing, 0), (said, 1), (said, 2)):
        os.dup2(fd, place)
    os.closerange(3, 64)
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    sys.argv = ["vj", *asked["words"]]
    from engine.cli.main import run

    try:
        run()
    finally:  # run() ends the process, unless something else than bad input went wrong
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
