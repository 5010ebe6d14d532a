"""``python -m engine.cli.warm``: a process that has imported everything, and becomes a show whenever it is asked to.

The supervisor of a show talks to it by a socket. A copy of this process is a show within milliseconds: to import torch
takes two to four seconds, on a crowded machine ten. It never touches a device, and no thread runs in it, so a copy is
like a new process. Another copy, its double, stands ready for when this process dies, and shares its memory.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import NoReturn

from engine.system import start_ahead
from engine.system.allocator import tune_allocator
from engine.system.watch import VARIABLE, Watch

ASKED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DOUBLE = b"double"  # the message that asks for one; a socket of its own comes with it
LONGEST = 1 << 20  # bytes of a message


def load() -> None:
    """Import what a show needs."""
    tune_allocator()
    with start_ahead.fetching():
        import numpy.random
        import psutil
        import safetensors
        import torch

        import engine.cli.live
        import engine.cli.main
        import engine.cli.own_files
        import engine.generator.backends.devices
        import engine.generator.backends.select
        import engine.generator.calibration.fit
        import engine.generator.checkpoints.checkpoint
        import engine.stage.matte.stage
        import engine.stage.style.stage
        import engine.stage.windows.headless

        with contextlib.suppress(ImportError):
            import engine.control.hands.midi  # noqa: F401
    del torch, numpy, psutil, safetensors
    while threading.active_count() > 1:
        time.sleep(0.005)
    gc.collect()
    gc.freeze()  # the copies share what is loaded


def serve(channel: socket.socket) -> None:
    """Become a show for each message that comes, the words after ``vj`` in JSON; answer with the copy's number.

    For `DOUBLE` a copy serves the socket that comes with it, and nothing is answered.
    """
    heard = {number: signal.getsignal(number) for number in ASKED_SIGNALS}
    for number in ASKED_SIGNALS:  # the supervisor ends this process by its end of the socket
        signal.signal(number, signal.SIG_IGN)
    load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # a show that has ended leaves nothing behind
    while True:
        message = b""
        with contextlib.suppress(ConnectionError):  # the supervisor has died
            message, sockets, _, _ = socket.recv_fds(channel, LONGEST, 1)
        if not message:
            os._exit(0)  # at once: it holds nothing that must be put in order
        pid = os.fork()
        if pid == 0:
            channel.close()
            if message == DOUBLE:
                channel = socket.socket(fileno=sockets[0])
                continue
            for number, handler in heard.items():
                signal.signal(number, handler)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            become(json.loads(message))
        for each in sockets:
            os.close(each)
        if message != DOUBLE:
            channel.send(str(pid).encode())


def become(words: list[str]) -> NoReturn:
    """Be ``vj`` with these words."""
    sys.argv = ["vj", *words]
    from engine.cli.main import run

    try:
        run()
    finally:  # run() ends the process, unless something else than bad input went wrong
        traceback.print_exc()
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()
        os._exit(1)


class Warm:
    """The process that is copied, or its double, as the supervisor has it."""

    def __init__(self, channel: socket.socket, process: subprocess.Popen[bytes] | None = None) -> None:
        """``process`` is None for a double, which is not this process's child."""
        self._channel, self._process = channel, process

    @classmethod
    def load(cls, watch: Watch) -> Warm:
        """Start one; it imports everything."""
        ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs:
            process = subprocess.Popen(
                [*python("engine.cli.warm"), str(theirs.fileno())],
                env={**environment(), VARIABLE: str(watch.fd)},
                pass_fds=[theirs.fileno(), watch.fd],
            )
        return cls(ours, process)

    def double(self) -> Warm:
        """Start a copy of it, which shares its memory and answers as it does, once it has loaded."""
        ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs, contextlib.suppress(OSError):  # it has just died; then the double has ended, too
            socket.send_fds(self._channel, [DOUBLE], [theirs.fileno()])
        return Warm(ours)

    def ask(self, words: list[str], wake: int) -> int:
        """Return the number of a new process of the show; 0 where that fails, or ``wake`` is readable first."""
        try:
            self._channel.send(json.dumps(words).encode())
            ready, _, _ = select.select([self._channel.fileno(), wake], [], [])
            return int(self._channel.recv(64) or b"0") if self._channel.fileno() in ready else 0
        except (OSError, ValueError):
            return 0

    @property
    def ended(self) -> bool:
        """Whether it has died: its end of the socket is closed, and no other process has that."""
        try:
            return not self._channel.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """End it; the show that it has started goes on."""
        self._channel.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def python(module: str) -> list[str]:
    """Return the command that runs a module of this very engine."""
    return [sys.executable, "-P", "-m", module]


def environment() -> dict[str, str]:
    """Return the environment in which that command finds this engine, whatever lies in the current folder."""
    root = str(Path(__file__).resolve().parents[2])
    before = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{before}" if before else root}


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
