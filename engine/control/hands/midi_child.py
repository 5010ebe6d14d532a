"""MIDI through JACK, in a process of its own.

usage: ``python -m engine.control.hands.midi_child [NAME]``

RtMidi keeps Python's lock while it makes or closes a client, and a JACK server that is just starting, or dying, takes
seconds to answer. On a machine that has more to do than it can, RtMidi (1.5.8) reads what JACK is just writing, and
ends its process. A child process can end, and be killed, without the show.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from engine.borders.errors import Trouble
from engine.control.hands.midi_messages import Received

ROOT = str(Path(__file__).resolve().parents[3])
LOOK_SECONDS = 0.001  # s; the child looks this often for messages
ITS_OWN = (" is here", "its knobs stay where they are")
NONE = "no port has"
END_SECONDS = 1.5  # s; a child that is to end has closed its clients by then


class MidiChild:
    """The ports of a JACK server, opened by a child; used like `Midi`."""

    def __init__(self, name: str | None, notify: Callable[[str], None], *, first: bool = False) -> None:
        """``name`` is a part of the ports' names, None for all. OSError when no process can be started.

        ``notify`` gets a line when a controller goes and when one comes, but for those that are there at ``first``.
        """
        self._notify, self._first = notify, first
        self.listed: tuple[str, ...] = ()  # all ports, when it began
        self._begun = threading.Event()
        self.ports: tuple[str, ...] = ()
        self._came: deque[Received] = deque()
        self._gone: deque[str] = deque()
        paths = [ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "engine.control.hands.midi_child", *([] if name is None else [name])],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._thread = threading.Thread(target=self._read, name="midi child", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Return when the ports are open that are there, or after ``seconds``."""
        self._begun.wait(seconds)

    @property
    def ended(self) -> bool:
        """Return whether the child has ended."""
        return self._child.poll() is not None

    def poll(self) -> list[Received]:
        """Return what came since the last call."""
        return [self._came.popleft() for _ in range(len(self._came))]

    def gone(self) -> list[str]:
        """Return the ports that went since the last call."""
        return [self._gone.popleft() for _ in range(len(self._gone))]

    def send(self, port: str, octets: tuple[int, ...]) -> None:
        """Send a message to the controller behind a port."""
        with suppress(OSError, ValueError):  # the child has ended
            assert self._child.stdin is not None
            self._child.stdin.write(json.dumps([port, octets]).encode() + b"\n")
            self._child.stdin.flush()

    def close(self) -> None:
        """End the child; its ports are gone."""
        assert self._child.stdin is not None
        with suppress(OSError):
            self._child.stdin.close()  # it ends in order: a server waits for clients that are killed
        try:
            self._child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._thread.join(END_SECONDS)
        assert self._child.stdout is not None
        self._child.stdout.close()
        self._say_gone(self.ports)
        self.ports = ()

    def _read(self) -> None:
        assert self._child.stdout is not None
        with suppress(OSError, ValueError):  # it was closed
            for line in self._child.stdout:
                kind, *rest = json.loads(line)
                if kind == "came":
                    port, octets, when = rest
                    self._came.append(Received(port, tuple(octets), when))
                elif kind == "told":
                    self._notify(rest[0])
                else:
                    self._take_ports(*map(tuple, rest))
        self._begun.set()

    def _take_ports(self, ports: tuple[str, ...], listed: tuple[str, ...]) -> None:
        before, self.ports, self.listed = self.ports, ports, listed
        if self._first:
            before, self._first = ports, False
        self._begun.set()
        self._say_gone(tuple(port for port in before if port not in ports))
        for port in ports:
            if port not in before:
                self._notify(f"MIDI: {port} is here")

    def _say_gone(self, ports: tuple[str, ...]) -> None:
        for port in ports:
            self._gone.append(port)
            self._notify(Trouble(f"MIDI: {port} is gone; its knobs stay where they are"))


def serve(name: str | None) -> None:
    """Open the ports and hand on what comes, until standard input ends or JACK's server does."""
    from engine.control.hands.midi import Midi
    from engine.control.hands.midi_library import rtmidi

    lines: deque[str] = deque()
    midi = Midi(name, lines.append, must_exist=False, apis=(rtmidi.API_UNIX_JACK,))
    out, told, asked = sys.stdout.buffer, None, b""
    while midi.jack_lives:
        if midi.ports != told:
            told = midi.ports
            out.write(json.dumps(["ports", told, midi.listed]).encode() + b"\n")
        while lines:
            if not lines[0].endswith(ITS_OWN) and NONE not in lines[0]:  # the show tells of ports that come and go
                out.write(json.dumps(["told", lines[0]]).encode() + b"\n")
            lines.popleft()
        for received in midi.poll():
            out.write(json.dumps(["came", received.port, received.octets, received.time]).encode() + b"\n")
        out.flush()
        midi.gone()
        if select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
            more = os.read(sys.stdin.fileno(), 4096)
            if not more:
                midi.close()
                return
            *whole, asked = (asked + more).split(b"\n")
            for line in whole:
                port, octets = json.loads(line)
                midi.send(port, tuple(octets))


if __name__ == "__main__":
    try:
        serve(sys.argv[1] if len(sys.argv) > 1 else None)
    finally:
        os._exit(0)  # RtMidi would wait for a server that is dead
