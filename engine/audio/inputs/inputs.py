"""Sound inputs: the device that a name means, and its stream of samples."""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from typing import NamedTuple

from engine.audio.inputs.channels import opened
from engine.audio.inputs.devices import AudioDevice, hears_the_machine
from engine.audio.inputs.portaudio import (
    ABORT,
    CONTINUE,
    FLOAT32,
    JACK,
    UNSPECIFIED_BLOCKSIZE,
    WASAPI,
    DeviceInfo,
    NoSound,
    PortAudio,
    abandon,
    default_device,
    describe,
)
from engine.borders.errors import UserError
from engine.system.quiet import quiet_stderr

DEFAULT = "default"  # the name that means the system's default input


class Block(NamedTuple):
    """Samples as the device delivers them."""

    data: bytes  # float32, the channels interleaved
    arrived: float  # monotonic seconds


def inputs(portaudio: PortAudio) -> list[AudioDevice]:
    """Return every input that PortAudio found when it was opened."""
    found = []
    for index in range(portaudio.get_device_count()):
        info = portaudio.get_device_info_by_index(index)
        if info["maxInputChannels"] > 0:
            found.append(_device(portaudio, info))
    return found


def _device(portaudio: PortAudio, info: DeviceInfo) -> AudioDevice:
    api = portaudio.get_host_api_info_by_index(info["hostApi"])
    return AudioDevice(
        index=info["index"],
        name=str(info["name"]),
        host_api=str(api["name"]),
        channels=int(info["maxInputChannels"]),
        samplerate=round(info["defaultSampleRate"]),
        default=api["defaultInputDevice"] == info["index"],
        loopback=hears_the_machine(info),
    )


def find_input(portaudio: PortAudio, name: str, *, exact: bool = False) -> AudioDevice:
    """Return the input that ``name`` means: "default", a whole name, or a part of one; letter case does not matter.

    A whole name is preferred to a part; after that the first in PortAudio's order counts. ``exact`` accepts whole
    names only. Raises UserError, which lists the inputs, without a match.
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


def same_input(portaudio: PortAudio, device: AudioDevice) -> AudioDevice | None:
    """Return the input with the name and the host API of ``device`` as PortAudio lists it now, or None."""
    for found in inputs(portaudio):
        if (found.name, found.host_api) == (device.name, device.host_api):
            return found
    return None


class BlockQueue:
    """The blocks that an input has delivered and nobody has read yet."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Block] = SimpleQueue()

    def put(self, block: Block) -> None:
        """Add the newest block."""
        self._waiting.put(block)

    def next(self, timeout: float, oldest: float = float("inf")) -> Block:
        """Return the next block; blocks older than ``oldest`` seconds are skipped.

        Raises queue.Empty when no block comes within ``timeout`` seconds.
        """
        block = self._waiting.get(timeout=timeout)
        while block.arrived < time.monotonic() - oldest and not self._waiting.empty():
            block = self._waiting.get()
        return block

    def drain(self) -> bool:
        """Remove all blocks; return whether any held more than zeros."""
        sounding = False
        while not self._waiting.empty():
            sounding |= any(self._waiting.get().data)
        return sounding


class Stream(BlockQueue):
    """One open input, the queue of its blocks. Its callback only puts blocks there: a device that stops blocks nobody.

    PortAudio's blocking reads do not work under JACK: they assume two channels and overrun the buffer of a mono
    source (seen with PortAudio 19.7: "malloc(): invalid next size").
    """

    def __init__(self, portaudio: PortAudio, device: AudioDevice, blocksize: int, chosen: tuple[int, ...] = ()) -> None:
        """Open and start, with the channels that `opened` says for ``chosen``. Raises NoSound.

        ``blocksize`` is in samples; JACK ignores it and uses its own period.
        """
        self.device = device
        super().__init__()
        self._more, self._muted = CONTINUE, False
        # JACK's period cannot be chosen; with an unspecified size PortAudio adds no buffer.
        size = UNSPECIFIED_BLOCKSIZE if device.host_api == JACK else blocksize
        # Some drivers open no more channels than they are asked for by name; then the first two have to do.
        for channels in dict.fromkeys((opened(device, chosen), min(2, device.channels))):
            self.channels = channels
            with quiet_stderr():
                try:
                    self._stream = portaudio.open(
                        rate=device.samplerate,
                        channels=channels,
                        format=FLOAT32,
                        input=True,
                        input_device_index=device.index,
                        frames_per_buffer=size,
                        stream_callback=self._callback,
                    )
                    return
                except (OSError, ValueError) as error:
                    words = describe(error) if isinstance(error, OSError) else str(error)
                    failed = error
        raise NoSound(f"{device.name} does not open ({words})") from failed

    def next(self, timeout: float, oldest: float = float("inf")) -> Block:
        """Return the next block; of a Windows loopback zeros where nothing plays, for then it delivers nothing."""
        try:
            return super().next(timeout, oldest)
        except Empty:
            if not (self.device.loopback and self.device.host_api == WASAPI and self._stream.is_active()):
                raise
            return Block(bytes(4 * self.channels * round(timeout * self.device.samplerate)), time.monotonic())

    def _callback(self, data: bytes, _count: int, _times: object, _status: int) -> tuple[None, int]:
        if not self._muted:
            self.put(Block(data, time.monotonic()))
        return None, self._more

    def mute(self) -> None:
        """Deliver no more blocks."""
        self._muted = True

    def abandon(self) -> None:
        """Keep the stream open for ever and never touch it again; it delivers no more blocks."""
        self._more = ABORT
        abandon(self._stream)

    def close(self) -> None:
        """Stop and release the device."""
        with quiet_stderr():
            self._stream.close()
