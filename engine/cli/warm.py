"""``python -m engine.cli.warm``: a process that has imported everything, and becomes a show whenever it is asked to.

The supervisor of a show talks to it by a socket. A copy of this process is a show within milliseconds: to import torch
takes two to four seconds. It never touches a device, and no thread runs in it, so a copy is like a new process.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from typing import NoReturn

from engine.system import start_ahead
from engine.system.allocator import tune_allocator

ASKED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def load() -> None:
    """Import what a show needs."""
    tune_allocator()
    with start_ahead.fetching():
        import torch

        import engine.cli.live
        import engine.generator.backends.select
        import engine.generator.calibration.fit
        import engine.generator.checkpoints.checkpoint
        import engine.stage.windows.headless

        with contextlib.suppress(ImportError):
            import engine.control.hands.midi  # noqa: F401
    del torch
    while threading.active_count() > 1:
        time.sleep(0.005)
    gc.collect()
    gc.freeze()  # the copies share what is loaded


def serve(channel: socket.socket) -> None:
    """Become a show for each line that comes, the words after ``vj`` in JSON; answer with the copy's number."""
    heard = {number: signal.getsignal(number) for number in ASKED_SIGNALS}
    for number in ASKED_SIGNALS:  # the supervisor ends this process by its end of the socket
        signal.signal(number, signal.SIG_IGN)
    load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # a show that has ended leaves nothing behind
    with channel.makefile("rw", encoding="utf-8") as lines:
        while line := lines.readline():
            pid = os.fork()
            if pid == 0:
                channel.close()
                for number, handler in heard.items():
                    signal.signal(number, handler)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                become(json.loads(line))
            lines.write(f"{pid}\n")
            lines.flush()


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


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
