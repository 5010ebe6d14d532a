"""An input that a child process hears.

usage: ``python -m engine.audio.inputs.child_input NAME HOST_API HOP_LENGTH CHANNELS``

PortAudio does not survive the death of a JACK server that it is connected to. Closing the dead stream waits ten
minutes for a callback that never comes (19.7, WaitCondition in pa_jack.c), and nothing else can be opened meanwhile.
So the engine abandons such a stream, and a child process, which can always be killed, hears the device instead.
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
from engine.audio.inputs.inputs import Block, BlockQueue, Stream, same_input
from engine.audio.inputs.portaudio import NoSound, open_portaudio

SEARCH_SECONDS = 0.7  # between the child's attempts to find the device
QUIET_SECONDS = 1.0  # without a block; then the child ends, and a new child searches for the device
HEAD = struct.Struct("<dI")  # a block's arrival (seconds of the system's monotonic clock) and its size in bytes
ROOT = str(Path(__file__).resolve().parents[3])


class ChildInput(BlockQueue):
    """A device that a child process waits for and then hears. It is used like an ``inputs.Stream``."""

    def __init__(self, device: AudioDevice, hop_length: int, chosen: tuple[int, ...] = ()) -> None:
        """Start to search for ``device`` by its name and host API; ``hop_length`` is in samples.

        ``chosen`` are channels that have to be opened. Raises NoSound when no process can be started.
        """
        self.device, self.channels = device, min(2, device.channels)
        super().__init__()
        self._found = threading.Event()
        paths = [ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
        module = "engine.audio.inputs.child_input"
        command = [sys.executable, "-P", "-m", module, device.name, device.host_api, str(hop_length)]
        command.append(",".join(map(str, chosen)))
        try:
            self._child = subprocess.Popen(
                command,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise NoSound(f"{device.name} cannot be heard: no child process starts ({error})") from error
        threading.Thread(target=self._read, name="ears of the child", daemon=True).start()

    @property
    def ended(self) -> bool:
        """Return whether the child has ended, because the device left or was never there."""
        return self._child.poll() is not None

    def found(self, seconds: float) -> bool:
        """Return whether the child has opened the device; wait up to ``seconds`` for that."""
        return self._found.wait(seconds)

    def close(self) -> None:
        """Kill the child."""
        self._child.kill()
        self._child.wait()
        for end in (self._child.stdin, self._child.stdout):
            if end is not None:
                with suppress(OSError):
                    end.close()

    def _read(self) -> None:
        """Read the child's blocks; this runs in a thread."""
        pipe = self._child.stdout
        assert pipe is not None
        with suppress(OSError, ValueError):  # the pipe is closed meanwhile
            if head := pipe.readline():
                told = json.loads(head)
                self.device, self.channels = AudioDevice(**told["device"]), told["channels"]
                self._found.set()
            while len(head := pipe.read(HEAD.size)) == HEAD.size:
                arrived, size = HEAD.unpack(head)
                self.put(Block(pipe.read(size), arrived))


def wait_for(name: str, host_api: str, hop_length: int, chosen: tuple[int, ...]) -> Stream:
    """Return a stream of the device, once it is there."""
    device = AudioDevice(-1, name, host_api, 1, 48000, default=False, loopback=False)
    while True:
        with suppress(NoSound):
            portaudio = open_portaudio()
            try:
                found = same_input(portaudio, device)
                if found is not None:
                    return Stream(portaudio, found, hop_length, chosen)
            except NoSound:
                pass
            portaudio.terminate()
        time.sleep(SEARCH_SECONDS)


def write_blocks(stream: Stream, out: IO[bytes]) -> None:
    """Write the device and then every block to ``out``, until no block comes for QUIET_SECONDS."""
    out.write(json.dumps({"device": asdict(stream.device), "channels": stream.channels}).encode() + b"\n")
    out.flush()
    with suppress(Empty, BrokenPipeError):
        while True:
            block = stream.next(QUIET_SECONDS)
            out.write(HEAD.pack(block.arrived, len(block.data)) + block.data)
            out.flush()


def main(name: str, host_api: str, hop_length: str, chosen: str) -> None:
    """Wait for the device, write its blocks, and exit without closing it, because closing could hang."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    wanted = tuple(int(channel) for channel in chosen.split(",") if channel)
    write_blocks(wait_for(name, host_api, int(hop_length), wanted), sys.stdout.buffer)
    os._exit(0)


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
