"""The sound devices of this machine, as ``vj devices`` lists them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from engine.audio.inputs.portaudio import DeviceInfo, NoSound, PortAudio, default_device, open_portaudio

# Parts of the names of inputs that hear the machine's own output: PulseAudio and PipeWire say monitor, WASAPI says
# loopback, macOS needs a virtual driver, and old Windows cards have a stereo mix.
LOOPBACK_WORDS = (
    "monitor",
    "loopback",
    "blackhole",
    "soundflower",
    "stereo mix",
    "what u hear",
    "vb-audio",
    "cable output",
)


# By sys.platform. Linux's sound servers have monitors of their own; WASAPI's loopback needs PyAudioWPatch.
HINTS = {
    "darwin": "To hear what this computer plays: brew install blackhole-2ch, in Audio MIDI Setup make a Multi-Output "
    "Device of BlackHole and your speakers and choose it as the output, then start with --audio-in BlackHole.",
    "win32": "To hear what this computer plays: .venv\\Scripts\\python -m pip install PyAudioWPatch, then "
    "--audio-in Loopback.",
}


@dataclass(frozen=True, slots=True)
class AudioDevice:
    """The inputs or the outputs of one device under one host API."""

    index: int  # PortAudio's number, valid until PortAudio is opened again
    name: str
    host_api: str
    channels: int
    samplerate: int  # Hz, the device's default
    default: bool
    loopback: bool  # an input that hears what the machine plays


@dataclass(frozen=True, slots=True)
class AudioDevices:
    """All inputs and outputs. ``reason`` says why there are none."""

    inputs: tuple[AudioDevice, ...] = ()
    outputs: tuple[AudioDevice, ...] = ()
    reason: str | None = None


def list_devices() -> AudioDevices:
    """Return the devices of this moment. A machine without sound is no error: ``reason`` is set instead."""
    try:
        portaudio = open_portaudio()
    except NoSound as error:
        return AudioDevices(reason=str(error))
    try:
        inputs, outputs = _list(portaudio, "input"), _list(portaudio, "output")
    finally:
        portaudio.terminate()
    return AudioDevices(inputs, outputs, None if inputs or outputs else "PortAudio sees no sound device")


def _list(portaudio: PortAudio, kind: str) -> tuple[AudioDevice, ...]:
    """Return the devices of a ``kind`` ("input" or "output"), in PortAudio's order."""
    try:
        default = default_device(portaudio, kind)["index"]
    except NoSound:
        default = None
    infos = [portaudio.get_device_info_by_index(i) for i in range(portaudio.get_device_count())]
    key = f"max{kind.capitalize()}Channels"
    return tuple(
        AudioDevice(
            index=info["index"],
            name=str(info["name"]),
            host_api=str(portaudio.get_host_api_info_by_index(info["hostApi"])["name"]),
            channels=int(info[key]),
            samplerate=round(info["defaultSampleRate"]),
            default=info["index"] == default,
            loopback=kind == "input" and hears_the_machine(info),
        )
        for info in infos
        if info[key] > 0
    )


def hears_the_machine(info: DeviceInfo) -> bool:
    """Return whether an input is a loopback: PyAudioWPatch says so itself, of the others only the name tells."""
    return bool(info.get("isLoopbackDevice")) or is_loopback(str(info["name"]))


def loopback_hint(inputs: Sequence[AudioDevice], platform: str = sys.platform) -> str:
    """Return the line that brings what the computer plays to the ears, where no input has it; "" elsewhere."""
    if any(device.loopback for device in inputs):
        return ""
    return HINTS.get(platform, "")


def is_loopback(name: str) -> bool:
    """Return whether an input of that name hears the machine's own output."""
    return any(word in name.lower() for word in LOOPBACK_WORDS)
