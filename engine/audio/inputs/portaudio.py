"""PortAudio, opened quietly: its back ends print dozens of lines about sound cards that are not there."""

from __future__ import annotations

import os
from typing import Any, TypeAlias

from engine.system.quiet import quiet_stderr

PortAudio: TypeAlias = Any  # a pyaudio.PyAudio; the package has no types
DeviceInfo: TypeAlias = dict[str, Any]  # of a device, as PortAudio returns it


class NoSound(Exception):
    """No sound device can be opened; the message says why, in half a line."""


def open_portaudio() -> PortAudio:
    """Return a new ``pyaudio.PyAudio`` with the devices of this moment. Raises NoSound."""
    # Opening PortAudio must not start a JACK server; a running one is still found.
    os.environ.setdefault("JACK_NO_START_SERVER", "1")
    with quiet_stderr():
        try:
            import pyaudio

            return pyaudio.PyAudio()
        except ImportError as error:
            raise NoSound("PyAudio or PortAudio is not installed") from error
        except OSError as error:
            raise NoSound(f"PortAudio does not start ({describe(error)})") from error


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
            info: DeviceInfo = portaudio.get_device_info_by_index(index)
            if info[f"max{kind.capitalize()}Channels"] > 0:
                return info
    raise NoSound(f"no sound {kind} device")


def describe(error: OSError) -> str:
    """Return PortAudio's message from an error of PyAudio, which is OSError(code, text) or OSError(text, code)."""
    words = [str(a) for a in error.args if isinstance(a, str)]
    return words[0] if words else str(error)
