"""Sound inputs by name: which device a name means, and its samples as they come."""

from __future__ import annotations

import ctypes
import time
from queue import SimpleQueue
from typing import Any, NamedTuple

from engine.audio.inputs.devices import AudioDevice, is_loopback
from engine.audio.inputs.portaudio import NoSound, default_device, describe
from engine.borders.errors import UserError
from engine.system.quiet import quiet_stderr

DEFAULT = "default"
JACK = "JACK Audio Connection Kit"
_LEFT: list[Any] = []  # streams that cannot be closed


class Block(NamedTuple):
    """Samples as the device handed them over: float32 bytes, interleaved, and when they came (monotonic s)."""

    data: bytes
    arrived: float


def inputs(portaudio: Any) -> list[AudioDevice]:
    """Return every input PortAudio knew when it was opened."""
    found = []
    for index in range(portaudio.get_device_count()):
        info = portaudio.get_device_info_by_index(index)
        if info["maxInputChannels"] > 0:
            found.append(_device(portaudio, info))
    return found


def _device(portaudio: Any, info: dict[str, Any]) -> AudioDevice:
    api = portaudio.get_host_api_info_by_index(info["hostApi"])
    return AudioDevice(
        index=info["index"],
        name=str(info["name"]),
        host_api=str(api["name"]),
        channels=int(info["maxInputChannels"]),
        samplerate=round(info["defaultSampleRate"]),
        default=api["defaultInputDevice"] == info["index"],
        loopback=is_loopback(str(info["name"])),
    )


def find_input(portaudio: Any, name: str, *, exact: bool = False) -> AudioDevice:
    """Return the input that ``name`` means: ``default``, a whole name, or a part of one in any case.

    Of several the whole name goes before a part and PortAudio's order decides the rest; ``exact`` takes
    no parts. UserError names what there is instead.
    """
    if name == DEFAULT:
        try:
            return _device(portaudio, default_device(portaudio, "input"))
        except NoSound as error:
            raise UserError(f"--audio-in default: {error}; plug one in, or see vj devices") from error
    found = inputs(portaudio)
    wanted = name.casefold()
    for fits in (
        lambda device: device.name.casefold() == wanted,
        lambda device: wanted in f"{device.host_api}: {device.name}".casefold(),
    ):
        matches = [device for device in found if fits(device)]
        if matches:
            return matches[0]
        if exact:
            break
    listed = ", ".join(device.name for device in found) or "none here"
    raise UserError(f"--audio-in {name!r}: no input has that in its name; inputs are {listed}")


def same_input(portaudio: Any, device: AudioDevice) -> AudioDevice | None:
    """Return ``device`` as PortAudio lists it now: the same name and host API, never another; or None."""
    for found in inputs(portaudio):
        if (found.name, found.host_api) == (device.name, device.host_api):
            return found
    return None


class Blocks:
    """What an input handed over and nobody has heard yet."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Block] = SimpleQueue()

    def put(self, block: Block) -> None:
        """Add the newest."""
        self._waiting.put(block)

    def next(self, timeout: float, oldest: float = float("inf")) -> Block:
        """Return the next block, waiting ``timeout`` seconds; those older than ``oldest`` s go unheard. Empty: none."""
        block = self._waiting.get(timeout=timeout)
        while block.arrived < time.monotonic() - oldest and not self._waiting.empty():
            block = self._waiting.get()
        return block

    def sound(self) -> bool:
        """Return whether anything but zeros has come since the last call, letting go of it."""
        sounding = False
        while not self._waiting.empty():
            sounding |= any(self._waiting.get().data)
        return sounding


class Stream:
    """One open input. Its callback only hands blocks to a queue, so a device that stops cannot block a reader.

    PortAudio's blocking reads are no choice under JACK: they assume two channels and overrun the
    buffer of a mono source (seen with PortAudio 19.7: "malloc(): invalid next size").
    """

    def __init__(self, portaudio: Any, device: AudioDevice, blocksize: int) -> None:
        """Open and start. ``blocksize`` in samples is a wish; JACK hands over its own period. Raises NoSound."""
        import pyaudio

        self.device = device
        self.channels = min(2, device.channels)
        self.blocks = Blocks()
        self._more, self._hushed = pyaudio.paContinue, False
        # JACK's period cannot be chosen; asking for its own size keeps PortAudio from buffering once more.
        size = pyaudio.paFramesPerBufferUnspecified if device.host_api == JACK else blocksize
        with quiet_stderr():
            try:
                self._stream = portaudio.open(
                    rate=device.samplerate, channels=self.channels, format=pyaudio.paFloat32, input=True,
                    input_device_index=device.index, frames_per_buffer=size, stream_callback=self._callback)
            except (OSError, ValueError) as error:
                words = describe(error) if isinstance(error, OSError) else str(error)
                raise NoSound(f"{device.name} does not open ({words})") from error

    def _callback(self, data: bytes, _count: int, _times: Any, _status: int) -> tuple[None, int]:
        if not self._hushed:
            self.blocks.put(Block(data, time.monotonic()))
        return None, self._more

    def hush(self) -> None:
        """Hear nothing more, until it is closed."""
        self._hushed = True

    def leave(self) -> None:
        """Let go of a stream that would hang if it were closed: it is never touched again."""
        import pyaudio

        self._more = pyaudio.paAbort
        _LEFT.append(self._stream)
        # The interpreter would close it at the end, and hang then.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._stream))

    def close(self) -> None:
        """Stop and release the device."""
        with quiet_stderr():
            self._stream.close()
