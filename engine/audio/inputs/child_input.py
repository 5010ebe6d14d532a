"""An input that is heard in a process of its own.

usage: ``python -m engine.audio.inputs.child_input NAME HOST_API HOP_LENGTH``

PortAudio does not survive the death of a JACK server it has known: closing the dead stream waits ten minutes
for a callback that never comes (19.7, WaitCondition in pa_jack.c), and nothing else can be opened meanwhile.
Such a stream is left where it is, and from then on the device is heard by a child, which can always be ended.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from queue import Empty
from typing import IO

from engine.audio.inputs.devices import AudioDevice
from engine.audio.inputs.inputs import Block, Blocks, Stream, same_input
from engine.audio.inputs.portaudio import NoSound, open_portaudio

LOOK_SECONDS = 0.7  # between the child's looks for the device
QUIET_SECONDS = 1.0  # without a block: the child ends, and another one looks for the device
HEAD = struct.Struct("<dI")  # when a block came (monotonic seconds, the system's own), and its bytes
ROOT = str(Path(__file__).resolve().parents[3])


class Outside:
    """A device that is waited for, and then heard, by a child. As a stream it is used like ``inputs.Stream``."""

    def __init__(self, device: AudioDevice, hop_length: int) -> None:
        """Begin to look for ``device``, by its name and host API. Raises NoSound when no process can be started."""
        self.device, self.channels = device, min(2, device.channels)
        self.blocks = Blocks()
        self._found = threading.Event()
        paths = [ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
        module = "engine.audio.inputs.child_input"
        command = [sys.executable, "-m", module, device.name, device.host_api, str(hop_length)]
        try:
            self._child = subprocess.Popen(
                command, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        except OSError as error:
            raise NoSound(f"{device.name} cannot be heard by a process of its own ({error})") from error
        threading.Thread(target=self._read, name="ears outside", daemon=True).start()

    @property
    def ended(self) -> bool:
        """Return whether the child has ended: the device went, or was never there."""
        return self._child.poll() is not None

    def found(self, seconds: float) -> bool:
        """Return whether the device has been opened, waiting so long for it."""
        return self._found.wait(seconds)

    def close(self) -> None:
        """End the child."""
        self._child.kill()
        self._child.wait()
        for end in (self._child.stdin, self._child.stdout):
            if end is not None:
                with suppress(OSError):
                    end.close()

    def _read(self) -> None:
        """Take what the child hears: the thread."""
        pipe = self._child.stdout
        assert pipe is not None
        with suppress(OSError, ValueError):  # closed meanwhile
            if head := pipe.readline():
                self.device = AudioDevice(**json.loads(head))
                self.channels = min(2, self.device.channels)
                self._found.set()
            while len(head := pipe.read(HEAD.size)) == HEAD.size:
                arrived, size = HEAD.unpack(head)
                self.blocks.put(Block(pipe.read(size), arrived))


def look(name: str, host_api: str, hop_length: int) -> Stream:
    """Return a stream of the device, however long it takes until that is there."""
    device = AudioDevice(-1, name, host_api, 1, 48000, default=False, loopback=False)
    while True:
        with suppress(NoSound):
            portaudio = open_portaudio()
            try:
                found = same_input(portaudio, device)
                if found is not None:
                    return Stream(portaudio, found, hop_length)
            except NoSound:
                pass
            portaudio.terminate()
        time.sleep(LOOK_SECONDS)


def hear(stream: Stream, out: IO[bytes]) -> None:
    """Write what is heard to ``out`` until nothing comes any more."""
    out.write(json.dumps(asdict(stream.device)).encode() + b"\n")
    out.flush()
    with suppress(Empty, BrokenPipeError):
        while True:
            block = stream.blocks.next(QUIET_SECONDS)
            out.write(HEAD.pack(block.arrived, len(block.data)) + block.data)
            out.flush()


def main(name: str, host_api: str, hop_length: str) -> None:
    """Look, hear, and end without closing: that is what could hang."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    hear(look(name, host_api, int(hop_length)), sys.stdout.buffer)
    os._exit(0)


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
