"""PortAudio, opened quietly, through whichever package is here: PyAudioWPatch, PyAudio or sounddevice.

The contract is PyAudio's, as far as it is used. PyAudioWPatch (Windows) has the same and adds loopback inputs;
sounddevice (macOS, and where nothing can be compiled) is brought to it by sounddevice_portaudio.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, cast

from engine.system.quiet import quiet_stderr

DeviceInfo: TypeAlias = dict[str, Any]  # of a device, as PortAudio returns it
# Gets the samples of an input (None: of an output), their number, the times and the status; returns what an output
# plays, and one of CONTINUE, COMPLETE and ABORT.
Callback: TypeAlias = Callable[[Any, int, Any, int], tuple[bytes | None, int]]

# PortAudio's constants (portaudio.h), the same in every package.
CONTINUE, COMPLETE, ABORT = 0, 1, 2
FLOAT32 = 1
UNSPECIFIED_BLOCKSIZE = 0
WASAPI = "Windows WASAPI"  # PortAudio's name of the host API
JACK = "JACK Audio Connection Kit"  # the same
_ABANDONED: list[object] = []  # streams that cannot be closed


class SoundStream(Protocol):
    """An open input or output."""

    def start_stream(self) -> None:
        """Begin; only where it was opened with ``start=False``."""

    def is_active(self) -> bool:
        """Return whether the callback is still called."""
        ...

    def get_output_latency(self) -> float:
        """Return the seconds from the callback to the speaker."""
        ...

    def close(self) -> None:
        """Stop, and release the device."""


class PortAudio(Protocol):
    """PortAudio with the devices of the moment of its opening. Its errors are OSError and ValueError."""

    def get_device_count(self) -> int:
        """Return how many devices there are."""
        ...

    def get_device_info_by_index(self, index: int, /) -> DeviceInfo:
        """Return a device's index, name, hostApi, maxInputChannels, maxOutputChannels, defaultSampleRate."""
        ...

    def get_host_api_count(self) -> int:
        """Return how many host APIs there are."""
        ...

    def get_host_api_info_by_index(self, index: int, /) -> DeviceInfo:
        """Return a host API's index, name, defaultInputDevice and defaultOutputDevice (-1: none)."""
        ...

    def get_default_host_api_info(self) -> DeviceInfo:
        """Return the same of the system's default host API."""
        ...

    def is_format_supported(self, rate: float, *, output_device: int, output_channels: int, output_format: int) -> bool:
        """Return True; ValueError says why an output does not take a format."""
        ...

    def open(
        self,
        *,
        rate: int,
        channels: int,
        format: int,  # noqa: A002 - PyAudio's name
        frames_per_buffer: int,
        stream_callback: Callback,
        input: bool = False,  # noqa: A002 - PyAudio's name
        output: bool = False,
        input_device_index: int | None = None,
        output_device_index: int | None = None,
        start: bool = True,
    ) -> SoundStream:
        """Open an input or an output; its callback is called in PortAudio's own thread."""
        ...

    def terminate(self) -> None:
        """Release everything; the next opening sees the devices of its moment."""


class NoSound(Exception):
    """No sound device can be opened; the message says why, in half a line."""


def abandon(stream: SoundStream) -> None:
    """Keep a stream for ever and never touch it again.

    With a JACK server that is dead, or dies meanwhile, closing it hangs or ends the process: PortAudio's back end
    asserts that the server answers.
    """
    _ABANDONED.append(stream)
    # The extra reference keeps the interpreter from closing it at exit, which would hang.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(stream))


def packages() -> tuple[str, ...]:
    """Return the packages that bring PortAudio, in the order in which they are tried."""
    asked = os.environ.get("LATENTVJ_SOUND")  # for tests, and where the usual package fails
    if asked:
        return (asked,)
    # PyAudio has wheels for Windows alone. Elsewhere somebody has compiled it.
    return ("pyaudiowpatch", "pyaudio", "sounddevice") if sys.platform == "win32" else ("sounddevice", "pyaudio")


def open_portaudio() -> PortAudio:
    """Return PortAudio with the devices of this moment. Raises NoSound."""
    # Opening PortAudio must not start a JACK server; a running one is still found.
    os.environ.setdefault("JACK_NO_START_SERVER", "1")
    with quiet_stderr():  # its back ends print dozens of lines about sound cards that are not there
        for name in packages():
            try:
                return _open(name)
            except ImportError:
                continue
            except OSError as error:
                raise NoSound(f"PortAudio does not start ({describe(error)})") from error
    raise NoSound("neither sounddevice nor PyAudio is installed, or the system has no PortAudio")


def _open(name: str) -> PortAudio:
    if name == "sounddevice":
        from engine.audio.inputs import sounddevice_portaudio

        return sounddevice_portaudio.SoundDevice()
    return cast(PortAudio, importlib.import_module(name).PyAudio())


def default_device(portaudio: PortAudio, kind: str) -> DeviceInfo:
    """Return PortAudio's info of the default device of a ``kind``, "input" or "output". Raises NoSound.

    The system's default host API may have no device (ALSA without cards). Then the first host API with a default
    device counts, such as JACK.
    """
    apis = [portaudio.get_host_api_info_by_index(i) for i in range(portaudio.get_host_api_count())]
    if apis:
        first = portaudio.get_default_host_api_info()["index"]
        apis.sort(key=lambda api: api["index"] != first)
    for api in apis:
        index = api[f"default{kind.capitalize()}Device"]
        if index >= 0:
            info = portaudio.get_device_info_by_index(index)
            if info[f"max{kind.capitalize()}Channels"] > 0:
                return info
    raise NoSound(f"no sound {kind} device")


def describe(error: OSError) -> str:
    """Return PortAudio's message from an error of PyAudio, which is OSError(code, text) or OSError(text, code)."""
    words = [str(a) for a in error.args if isinstance(a, str)]
    return words[0] if words else str(error)
