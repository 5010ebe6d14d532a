"""PortAudio, opened quietly: its back ends print dozens of lines about sound cards nobody has."""

from __future__ import annotations

import os
from typing import Any

from engine.system.quiet import quiet_stderr


class NoSound(Exception):
    """There is no way to sound here; the message says why, in half a line."""


def open_portaudio() -> Any:
    """Return a new ``pyaudio.PyAudio``; its devices are those of this moment. Raises NoSound."""
    # Probing must not start a sound server as a side effect; a running one is still found.
    os.environ.setdefault("JACK_NO_START_SERVER", "1")
    with quiet_stderr():
        try:
            import pyaudio

            return pyaudio.PyAudio()
        except ImportError as error:
            raise NoSound("PyAudio or PortAudio is not installed") from error
        except OSError as error:
            raise NoSound(f"PortAudio does not start ({describe(error)})") from error


def default_device(portaudio: Any, kind: str) -> dict[str, Any]:
    """Return the info of the default ``kind`` ("input" or "output") device. Raises NoSound.

    The system's default host API may have no device (ALSA without cards) where another one,
    such as JACK, has: then the first host API with a default device counts.
    """
    apis = [portaudio.get_host_api_info_by_index(i) for i in range(portaudio.get_host_api_count())]
    if apis:
        first = portaudio.get_default_host_api_info()["index"]
        apis.sort(key=lambda api: api["index"] != first)
    for api in apis:
        index = api[f"default{kind.capitalize()}Device"]
        if index >= 0:
            info: dict[str, Any] = portaudio.get_device_info_by_index(index)
            if info[f"max{kind.capitalize()}Channels"] > 0:
                return info
    raise NoSound(f"no sound {kind} device")


def describe(error: OSError) -> str:
    """Return PortAudio's own words from an error that PyAudio raised: ``OSError(code, text)`` in either order."""
    words = [str(a) for a in error.args if isinstance(a, str)]
    return words[0] if words else str(error)
